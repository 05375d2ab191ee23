"""The driver: facts come to rest one by one, or in the order that a chooser wants; time passes by ticks."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.codec import decode, encode
from schemas.events.leads import LeadCaptured
from schemas.events.operations import Tick
from schemas.topics import TOPICS
from streams.driver import Slot
from tests.support.facts import at, fact
from tests.support.runs import new_run


def captured(when: str = "3-1") -> LeadCaptured:
    return fact(LeadCaptured, occurred_at=when, channel="web", email="ada@example.com")


def test_a_fact_comes_to_rest_before_the_next_is_read() -> None:
    run = new_run()
    run.publish(captured())
    assert len(run.driver.values("lead.profiles")) == 1


def test_nothing_is_worked_on_until_it_is_time() -> None:
    run = new_run()
    run.publish(captured(), settle=False)
    assert not run.driver.values("resolve.inbox")
    run.driver.settle()
    assert len(run.driver.values("lead.profiles")) == 1


def test_the_chooser_says_which_partition_works_next() -> None:
    asked: list[Sequence[Slot]] = []

    def last(waiting: Sequence[Slot]) -> Slot:
        asked.append(list(waiting))
        return waiting[-1]

    run = new_run(last)
    for _ in range(5):
        run.publish(captured(), settle=False)
    run.driver.settle()
    assert any(len(waiting) > 1 for waiting in asked)
    assert run.count("resolve", "leads", "accepted") == 5


def test_a_tick_goes_to_every_partition_of_every_inbox_and_time_never_goes_back() -> None:
    run = new_run()
    run.driver.tick(at("3-2"))
    run.driver.tick(at("3-1"))
    for inbox in ("resolve.inbox", "journeys", "ledger.inbox"):
        for partition in range(TOPICS[inbox].partitions):
            records = run.driver.log[inbox, partition]
            assert [decode(record.value).message for record in records] == [
                Tick.build(at=at("3-2")), Tick.build(at=at("3-1"))
            ]  # fmt: skip
            assert [record.timestamp for record in records] == [at("3-2")] * 2
            assert run.driver._partition((inbox, partition)).now == at("3-2")


def test_records_have_offsets_and_the_time_of_their_arrival() -> None:
    run = new_run()
    for when in ("3-3", "3-1", "3-5"):
        run.driver.publish("leads", "same", encode(captured(when)), at(when))
    (slot,) = [slot for slot in run.driver.log if slot[0] == "leads"]
    assert [record.offset for record in run.driver.log[slot]] == [0, 1, 2]
    assert [record.timestamp for record in run.driver.log[slot]] == [at("3-3"), at("3-3"), at("3-5")]
