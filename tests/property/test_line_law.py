"""Line law: the same facts in any interleaving of the stages' work give the same settled view."""

from __future__ import annotations

from random import Random
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from schemas.events.base import HOUR, Event
from schemas.events.gate import ContactProposed
from schemas.events.operations import Tick
from schemas.topics import FACT_TOPIC, TOPICS
from tests.property.checks import (
    assert_balanced,
    assert_ids_unique_and_causes_named,
    assert_oracle,
    assert_reconciled,
    interleaved,
)
from tests.property.oracles import temperature as temperature_oracle
from tests.property.oracles.identity import lead_of
from tests.property.strategies import histories_with_arrivals, randoms
from tests.support.runs import IDENTITY_KEY, Run, view


def expected_view(facts: tuple[Event, ...], now: int) -> dict[str, Any]:
    """The settled view that the oracles know, but for the ledger."""
    leads = {lead for fact in facts if (lead := lead_of(IDENTITY_KEY, fact))}
    moves = {lead: temperature_oracle.history(IDENTITY_KEY, facts, lead, now) for lead in leads}
    return {"temperatures": {lead: [tuple(move) for move in moved] for lead, moved in moves.items() if moved}}


@given(histories_with_arrivals(size=8), randoms, st.sampled_from((1, 500)))
def test_any_interleaving_gives_the_view_of_the_oracles(case: Any, random: Random, page: int) -> None:
    facts, (arrivals,) = case
    with patch("streams.visits.VISITS_PER_TICK", page), patch("streams.partition.TIMERS_PER_TICK", page):
        run = interleaved(arrivals, random)
        run.finish(40)
    assert_oracle(run)
    assert_balanced(run)
    assert_ids_unique_and_causes_named(run)
    assert_reconciled(run)
    seen = view(run)
    assert seen.temperatures == expected_view(facts, run.driver.now)["temperatures"]
    assert seen.outcomes == {fact.event_id: {"accepted"} for fact in facts if type(fact) in FACT_TOPIC}


@given(histories_with_arrivals(orders=2, size=8), randoms)
def test_two_interleavings_of_two_orders_give_one_view(case: Any, random: Random) -> None:
    _, orders = case
    first, second = (view(interleaved(arrivals, random)) for arrivals in orders)
    assert first == second


@given(histories_with_arrivals(size=10), randoms)
def test_nothing_reaches_out_for_what_is_older_than_a_day(case: Any, random: Random) -> None:
    _, (arrivals,) = case
    run = interleaved(arrivals, random)
    # a proposal's partition had, when it was made, seen a tick not later than every tick that came before in the log
    for partition in range(TOPICS["contact.requests"].partitions):
        for record in run.driver.log["contact.requests", partition]:
            proposed = _message(record.value)
            assert isinstance(proposed, ContactProposed)
            assert proposed.occurred_at >= _last_tick(run, proposed.lead_id, record.timestamp) - 24 * HOUR


def _message(value: bytes) -> Any:
    from schemas.codec import decode

    return decode(value).message


def _last_tick(run: Run, lead_id: str, before: int) -> int:
    """The last tick that the lead's partition had for certain read before an instant."""
    from streams.partitioner import partition_of

    slot = ("journeys", partition_of(f"acme/{lead_id}", TOPICS["journeys"].partitions))
    ticks = [_message(record.value) for record in run.driver.log[slot]]
    return max((tick.at for tick in ticks if isinstance(tick, Tick) and tick.at < before), default=0)
