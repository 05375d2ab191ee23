"""Null journeys: what is counted in the end is what the facts say, whatever their order and whatever the hour."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.events.base import DAY, Event
from schemas.events.bookings import BookingChanged
from schemas.events.weights import PathCounted
from tests.property.checks import interleaved
from tests.property.oracles.identity import lead_of
from tests.property.oracles.journeys import nulls
from tests.property.strategies import START, Arrivals, histories_with_arrivals, randoms
from tests.support.runs import IDENTITY_KEY, Run, new_run


def counted(run: Run) -> Counter[tuple[int, tuple[str, ...]]]:
    stand: Counter[tuple[int, tuple[str, ...]]] = Counter()
    for one in run.said("workspace.inbox", PathCounted):
        if one.source == "lead.journey":  # the ledger counts those of bookings that came to nothing
            stand[one.week, tuple(one.channels)] += one.change
            assert stand[one.week, tuple(one.channels)] >= 0, "nothing is taken back that was not counted"
    return +stand


def bookings_stay(facts: tuple[Event, ...]) -> bool:
    """Whether each booking names one lead; one that moves leaves its former lead with what that has heard."""
    leads = defaultdict(set)
    for fact in facts:
        if isinstance(fact, BookingChanged):
            leads[fact.booking_id].add(lead_of(IDENTITY_KEY, fact))
    return all(len(named) == 1 for named in leads.values())


@given(histories_with_arrivals(size=8), randoms)
def test_null_journeys_are_those_of_the_oracle(case: Any, random: Random) -> None:
    facts, (arrivals,) = case
    assume(bookings_stay(facts))
    run = interleaved(arrivals, random)
    assert counted(run) == nulls(IDENTITY_KEY, facts, run.driver.now)


@given(histories_with_arrivals(orders=2, size=8), st.integers(100, 160), randoms)
def test_at_any_hour_what_is_closed_is_counted(case: Any, day: int, random: Random) -> None:
    facts, orders = case
    assume(bookings_stay(facts))
    for arrivals in orders:
        run = arrived(arrivals, random)
        now = max(run.driver.now, START + day * DAY)
        for _ in range(3):  # facts of several stages, and sweeps
            run.driver.tick(now)
        assert counted(run) == nulls(IDENTITY_KEY, facts, now)


def arrived(arrivals: Arrivals, random: Random) -> Run:
    """Facts one by one, with a tick here and there."""
    run = new_run()
    for fact in arrivals.facts:
        run.publish(fact)
        if random.random() < 0.3:
            run.driver.tick(run.driver.now)
    return run
