"""New limits hold for what comes; an order to sweep decides old groups by them, and is silent where nothing changes."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from schemas.events.identity import IdentityConflict
from schemas.events.leads import LeadCaptured
from schemas.events.operations import SweepFinished
from schemas.topics import PARTITIONS
from streams.report.show_sweep import show_sweep
from streams.report.sweep import Held, moved, regroupings
from streams.store import Changes, MemoryStore
from tests.property.oracles.clusters import LIMITS, resolved
from tests.support.facts import fact
from tests.support.identities import limited, stored, sweep
from tests.support.runs import IDENTITY_KEY, Run, bindings, new_run, open_conflicts

PEOPLE = [
    {"crm_id": "7", "email": "a@example.com"}, {"crm_id": "7", "email": "b@example.com"},
    {"crm_id": "7", "email": "c@example.com"}, {"email": "c@example.com", "phone": "+971501234567"},
    {"email": "d@example.com", "phone": "+971501234568"},
]  # fmt: skip
FEW = {**LIMITS, "email": 1}


@pytest.fixture
def run() -> Run:
    run = new_run()
    for number, who in enumerate(PEOPLE):
        run.publish(fact(LeadCaptured, occurred_at=f"3-{number + 1}", channel="web", **who))
    run.driver.tick(run.driver.now + 1)
    return run


def leads(run: Run) -> dict[str, str]:
    return {one: rows[0][1] for one, rows in bindings(run).items()}


def wanted(run: Run, limits: dict[str, int]) -> dict[str, str]:
    return dict(resolved(IDENTITY_KEY, run.published, limits=limits).lead_of_identifier)


def order(run: Run, version: int) -> None:
    run.publish(sweep(version))
    run.driver.tick(run.driver.now + 1)


def test_old_groups_stay_until_the_sweep_and_come_together_again_after_another(run: Run) -> None:
    before = leads(run)
    assert len({*before.values()}) == 2
    run.publish(limited(1, FEW))
    run.driver.tick(run.driver.now + 1)
    assert leads(run) == before
    (told,) = moved(stored(run), FEW)
    order(run, 1)
    assert leads(run) == wanted(run, FEW) != before
    assert told == {
        one: (before[one], lead) for one, lead in leads(run).items() if before[one] == before[next(iter(told))]
    }
    assert {kind for kind, _ in open_conflicts(run)} == {"limit"}
    run.publish(limited(2, LIMITS))
    order(run, 2)
    assert leads(run) == before == wanted(run, LIMITS)
    assert open_conflicts(run) == set()
    assert len(run.said("identity.conflicts", IdentityConflict)) == 4, "two opened, two closed"


def test_whoever_sweeps_under_the_same_rules_changes_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.publish(fact(LeadCaptured, occurred_at="3-1", channel="web", cookie_id="c"))  # a key that is no root
    said, written = len(run.driver.outputs), set[str]()
    write = MemoryStore.write

    def noted(store: MemoryStore, changes: Changes) -> None:
        written.update(changes.states)
        write(store, changes)

    monkeypatch.setattr(MemoryStore, "write", noted)
    for version in (1, 2):
        order(run, version)
    assert {out.topic for out in run.driver.outputs[said:]} == {"resolve.inbox", "accepted.policies", "sweeps"}
    assert not written
    finished = [one for one in run.said("sweeps", SweepFinished) if one.control_type == "IdentitySweepOrdered"]
    assert len(finished) == 2 * PARTITIONS
    assert {one.stage for one in finished} == {"resolve"}


def test_an_order_told_twice_is_one(run: Run) -> None:
    ordered = sweep(1)
    for _ in range(2):
        run.publish(ordered)
        run.driver.tick(run.driver.now + 1)
    assert run.count("resolve", "policies", "duplicate") == 1
    assert len(run.said("sweeps", SweepFinished)) == PARTITIONS


# -- the preview


def seen(identifier: str, kind: str, number: int) -> dict[str, Any]:
    return {"identifier": identifier, "kind": kind, "region": "UAE", "occurred_at": number, "fact_id": str(number)}


def named(one: str, other: str, number: int) -> dict[str, Any]:
    return {"identifier": one, "other": other, "occurred_at": number, "fact_id": str(number)}


SEEN = [
    seen("a", "email", 1),
    seen("b", "email", 2),
    seen("c", "crm_id", 3),
    seen("d", "email", 4),
    seen("e", "phone", 5),
]
NAMED = [named("a", "c", 6), named("b", "c", 7), named("d", "e", 8)]


def told(held: Held, limits: dict[str, int]) -> tuple[list[tuple[str, dict[str, int], dict[str, int]]], str]:
    booked = [
        {"lead_id": "a", "currency": "AED", "bookings": 2, "net_minor": 500},
        {"lead_id": "d", "currency": "AED", "bookings": 9, "net_minor": 900},
    ]
    found = regroupings(moved(held, limits), booked)
    console = Console(width=200)
    with console.capture() as printed:
        show_sweep(found, 3, console)
    return [(one.what, dict(one.before), dict(one.after)) for one in found], " ".join(printed.get().split())


def test_a_split_is_foretold_with_what_the_lead_holds() -> None:
    today = {"a": "a", "b": "a", "c": "a", "d": "d", "e": "d"}
    found, words = told(Held(SEEN, NAMED, [], [], today), FEW)
    assert found == [("split", {"a": 3}, {"a": 2, "b": 1})]
    assert "By policy version 3 1 leads become 2; they hold 2 bookings, net 5.00 AED." in words


def test_a_merge_is_foretold_and_peoples_word_and_hubs_are_heeded() -> None:
    today = {"a": "a", "b": "b", "c": "a", "d": "d", "e": "e"}
    assert told(Held(SEEN, NAMED, [], ["e"], today), LIMITS)[0] == [("merge", {"a": 2, "b": 1}, {"a": 3})]
    word = {"others": ["c"], "transfer_basis": None, "source": "operator"}
    split = {**word, "says": "split", "identifiers": ["b"], "occurred_at": 9, "event_id": "9"}
    assert told(Held(SEEN, NAMED, [split], ["e"], today), LIMITS) == ([], EVERYBODY_STAYS)
    linked = {**word, "says": "linked", "identifiers": ["b"], "occurred_at": 10, "event_id": "8"}
    people_first = [("regroup", {"a": 2, "b": 1}, {"a": 1, "b": 2})]
    assert told(Held(SEEN, NAMED, [linked, split], ["e"], today), FEW)[0] == people_first


EVERYBODY_STAYS = "By policy version 3 nobody moves: every lead is as it would be decided now."


def test_leads_that_hang_together_are_told_as_one_change() -> None:
    today = {"a": "a", "b": "a", "c": "c", "d": "d", "e": "d"}
    assert told(Held(SEEN, NAMED, [], [], today), FEW)[0] == [("regroup", {"a": 2, "c": 1}, {"a": 2, "b": 1})]
