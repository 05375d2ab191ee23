"""A partition between transactions: its clock, timers by the tick, visits page by page, aborts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import msgspec
import pytest

from processors.base import Context, DeadLetter, Drop, Output, Step, Timer, TimerFired, Visit
from schemas.codec import encode
from schemas.events.base import DAY, HOUR
from schemas.events.governance import PolicyChanged
from schemas.events.operations import Tick
from schemas.events.paths import PathChanged
from streams.partition import Partition
from streams.records import InRecord
from streams.routing import Router
from streams.stage import Stage
from streams.store import MemoryStore
from tests.support.facts import fact

TOLD: list[tuple[str, str, int, int]] = []
"""What the toy step was handed: key, what, the event's own time or due, now."""


class Held(msgspec.Struct, frozen=True):
    """How many inputs a key has had."""

    count: int = 0


def toy(held: Held | None, event: Any, ctx: Context) -> tuple[Held, Sequence[Output]]:
    match event:
        case TimerFired(name, due):
            TOLD.append((ctx.key, name, due, ctx.now))
            answers: list[Output] = [Timer("again", due + 1)] if name == "chain" else []
            return Held((held or Held()).count + 1), [Drop("late")] if name == "late" else answers
        case Visit(control_id, _):
            TOLD.append((ctx.key, f"visit {control_id}", ctx.policy.version, ctx.now))
            return Held((held or Held()).count + 1), ()
        case _:
            TOLD.append((ctx.key, "event", event.occurred_at, ctx.now))
            if event.lead_id == "nothing":
                return held or Held(), ()
            if event.epoch < 0:
                return Held(), [DeadLetter("no", "no")]
            return Held((held or Held()).count + 1), [Timer(event.lead_id, event.epoch)] if event.epoch else ()


STAGE = Stage(
    "toy",
    ("ledger.inbox",),
    (Step("toy", toy, consumes=(PathChanged, TimerFired, Visit), slice=Held),),
    controls=(PolicyChanged,),
)


class Bench:
    """A partition over a memory store that is fed by hand; every call is a transaction of its own."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.partition = Partition(STAGE, Router((STAGE,)), self.store)
        self.offset = 0
        TOLD.clear()

    def take(self, *records: tuple[str, bytes], at: int = 0) -> list[tuple[str, str, int, int]]:
        for key, value in records:
            self.partition.apply(InRecord("ledger.inbox", 0, self.offset, at, key, value))
            self.offset += 1
        self.partition.committed(self.partition.changes())
        told = list(TOLD)
        TOLD.clear()
        return told

    def tick(self, at: int) -> list[tuple[str, str, int, int]]:
        return self.take(tick(at))


def tick(at: int) -> tuple[str, bytes]:
    return "", encode(Tick.build(at=at))


def event(key: str, at: int, timer: str = "", due: int = 0) -> tuple[str, bytes]:
    message = PathChanged.build(
        event_id=f"{key}{at}{timer}{due}", workspace_id="acme", region="UAE", occurred_at=at, source="t",
        booking_id=key, lead_id=timer, epoch=due, seq=1, facts=[],
    )  # fmt: skip
    return f"acme/{key}", encode(message)


def policy(version: int, workspace: str = "acme") -> tuple[str, bytes]:
    changed = fact(
        PolicyChanged, occurred_at="3-1", version=version, applies_from=0, document="", workspace_id=workspace
    )
    return f"{workspace}/", encode(changed)


def test_now_is_the_last_tick_else_the_records_own_time_and_never_goes_back() -> None:
    bench = Bench()
    assert bench.take(event("a", 5), at=7) == [("acme/a", "event", 5, 7)]
    bench.tick(20)
    bench.tick(10)
    assert bench.take(event("a", 5), at=99) == [("acme/a", "event", 5, 20)]


def test_a_clock_that_is_days_ahead_leads_a_partition_no_further_than_an_hour() -> None:
    bench = Bench()
    bench.take(tick(30 * DAY), at=DAY)
    assert bench.partition.now == DAY + HOUR
    bench.take(tick(DAY + 1), at=DAY + 1)
    assert bench.partition.now == DAY + HOUR
    bench.take(tick(2 * DAY), at=2 * DAY)
    assert bench.partition.now == 2 * DAY


def test_what_a_timer_drops_before_an_event_is_not_the_events() -> None:
    bench = Bench()
    bench.take(tick(9), event("a", 2, "late", 3))
    bench.partition.apply(InRecord("ledger.inbox", 0, bench.offset, 9, *event("a", 9)))
    assert bench.partition.counts == {("ledger.inbox", "", "drop:late"): 1}


def test_a_tick_fires_what_is_due_oldest_first_then_by_key() -> None:
    bench = Bench()
    bench.take(event("b", 0, "t", 5), event("a", 0, "t", 5), event("c", 0, "t", 4), event("d", 0, "t", 11))
    assert bench.tick(10) == [("acme/c", "t", 4, 10), ("acme/a", "t", 5, 10), ("acme/b", "t", 5, 10)]
    assert bench.tick(10) == []
    assert bench.tick(11) == [("acme/d", "t", 11, 11)]


@pytest.mark.parametrize("split", [True, False])
def test_timers_set_and_moved_within_a_transaction_are_seen_by_its_ticks(split: bool) -> None:
    bench = Bench()
    records = [event("a", 0, "t", 5), event("b", 0, "chain", 3), event("a", 1, "t", 8), tick(5), tick(8)]
    told = [one for record in records for one in bench.take(record)] if split else bench.take(*records)
    fired = [one for one in told if one[1] != "event"]
    assert fired == [("acme/b", "chain", 3, 5), ("acme/b", "again", 4, 5), ("acme/a", "t", 8, 8)]


def test_a_tick_fires_a_bounded_number_and_the_next_goes_on() -> None:
    bench = Bench()
    bench.take(*(event(key, 0, "t", n) for n, key in enumerate("abcde", start=1)))
    with patch("streams.partition.TIMERS_PER_TICK", 2):
        fired = [[key for key, *_ in bench.tick(10)] for _ in range(4)]
    assert fired == [["acme/a", "acme/b"], ["acme/c", "acme/d"], ["acme/e"], []]


def test_a_control_record_visits_every_key_of_its_workspace_page_by_page() -> None:
    bench = Bench()
    bench.take(*(event(key, 0) for key in "dbace"))
    other = event("x", 0)
    bench.take(("acme2/x", other[1]), ("aa/x", other[1]))
    with patch("streams.visits.VISITS_PER_TICK", 2):
        assert bench.take(policy(1)) == []
        pages = [[(key, version) for key, _, version, _ in bench.tick(n)] for n in range(1, 5)]
    assert pages == [[("acme/a", 1), ("acme/b", 1)], [("acme/c", 1), ("acme/d", 1)], [("acme/e", 1)], []]


def test_a_full_last_page_ends_at_the_next_tick() -> None:
    bench = Bench()
    bench.take(event("a", 0), event("b", 0), policy(1))
    with patch("streams.visits.VISITS_PER_TICK", 2):
        assert [len(bench.tick(n)) for n in (1, 2, 3)] == [2, 0, 0]


def test_sweeps_wait_for_each_other_and_one_not_begun_serves_later_changes_too() -> None:
    bench = Bench()
    bench.take(*(event(key, 0) for key in "abc"), policy(1), policy(2))
    with patch("streams.visits.VISITS_PER_TICK", 2):
        first = bench.tick(1)
        bench.take(policy(3), policy(4))
        rest = [bench.tick(n) for n in range(2, 7)]
    assert [version for _, _, version, _ in first] == [2, 2]
    assert [[(key, version) for key, _, version, _ in page] for page in rest] == [
        [("acme/c", 4)], [("acme/a", 4), ("acme/b", 4)], [("acme/c", 4)], [], []
    ]  # fmt: skip


def test_keys_that_come_up_during_a_sweep_are_visited_if_they_lie_ahead() -> None:
    bench = Bench()
    bench.take(*(event(key, 0) for key in "bdf"), policy(1))
    with patch("streams.visits.VISITS_PER_TICK", 1):
        bench.tick(1)
        told = bench.take(event("a", 0), event("c", 0), tick(2))
        rest = [key for n in range(3, 8) for key, *_ in bench.tick(n)]
    assert [key for key, what, *_ in told if what != "event"] == ["acme/c"]
    assert rest == ["acme/d", "acme/f"]


def test_a_known_version_changes_nothing() -> None:
    bench = Bench()
    bench.take(event("a", 0), policy(1))
    bench.tick(1)
    bench.take(policy(1))
    assert bench.tick(2) == []


def test_a_message_between_stages_is_never_dead_lettered() -> None:
    bench = Bench()
    with pytest.raises(RuntimeError, match="refused a message between stages"):
        bench.take(event("a", 0, "t", -1))


def test_what_was_aborted_never_was() -> None:
    bench = Bench()
    bench.take(event("a", 0, "t", 5))
    before = (dict(bench.store.states), list(bench.store.due(99)), dict(bench.store.controls), bench.store.meta())
    for key, value in (event("a", 1, "t", 7), event("b", 1), policy(1), tick(9)):
        bench.partition.apply(InRecord("ledger.inbox", 0, 9, 0, key, value))
    bench.partition.aborted()
    TOLD.clear()
    changes = bench.partition.changes()
    assert (changes.states, changes.timers_set, changes.timers_gone) == ({}, set(), set())
    assert (changes.controls, changes.meta) == ({}, None)
    after = (dict(bench.store.states), list(bench.store.due(99)), dict(bench.store.controls), bench.store.meta())
    assert after == before
    assert bench.tick(5) == [("acme/a", "t", 5, 5)]


def test_only_what_changed_is_written() -> None:
    bench = Bench()
    bench.take(event("a", 0, "t", 5), event("b", 0))
    for key, value in (event("b", 1), tick(1)):
        bench.partition.apply(InRecord("ledger.inbox", 0, 9, 0, key, value))
    changes = bench.partition.changes()
    assert set(changes.states) == {"acme/b"}
    assert (changes.timers_set, changes.timers_gone) == (set(), set())
    assert changes.meta is not None


def test_control_state_is_written_where_it_changes_and_holds_after_an_abort() -> None:
    bench = Bench()
    bench.take(policy(1))
    assert set(bench.store.controls) == {"acme", "acme/policies/1"}
    for key, value in (policy(1, "other"), tick(1)):
        bench.partition.apply(InRecord("ledger.inbox", 0, 9, 0, key, value))
    changes = bench.partition.changes()
    assert set(changes.controls) == {"other", "other/policies/1"}
    bench.partition.committed(changes)
    bench.partition.apply(InRecord("ledger.inbox", 0, 10, 0, *policy(2)))
    bench.partition.aborted()
    again = Partition(bench.partition.stage, Router((STAGE,)), bench.store)
    for partition in (bench.partition, again):
        held = [partition._clock(key).control.policies for key in ("acme/a", "other/a", "third/a")]
        assert [set(policies) for policies in held] == [{1}, {1}, set()]


def test_control_state_is_held_of_a_bounded_number_of_workspaces_and_known_of_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.controls.WORKSPACES_HELD", 3)
    bench, workspaces = Bench(), [f"w{number}" for number in range(10)]
    for version, workspace in enumerate(workspaces, 1):
        bench.take(policy(version, workspace))
    for version, workspace in enumerate(workspaces, 1):
        assert set(bench.partition._clock(f"{workspace}/a").control.policies) == {version}
        assert len(bench.partition._controls._stored) <= 3


def test_an_event_that_changes_nothing_writes_nothing() -> None:
    bench = Bench()
    bench.take(event("a", 0, "t", 5))
    for key in ("a", "new"):
        bench.partition.apply(InRecord("ledger.inbox", 0, 9, 0, *event(key, 1, "nothing")))
    assert set(bench.partition.changes().states) == {"acme/new"}
