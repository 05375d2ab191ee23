"""The invariants of identity resolution (identity specification, section 7), in the driver."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.events.base import Event, Identified
from schemas.events.bookings import BookingChanged
from schemas.events.clicks import ClickRecorded
from schemas.events.touchpoints import TouchpointRecorded
from tests.property.checks import assert_balanced, assert_oracle, assert_reconciled, interleaved
from tests.property.identity_strategies import identity_histories
from tests.property.oracles.clusters import NOBODY, Resolved, refused, resolved
from tests.property.strategies import Arrivals, arrivals, randoms
from tests.support.identities import changes, places, unsettled
from tests.support.runs import IDENTITY_KEY, Run, bindings, leads, open_conflicts


@st.composite
def cases(draw: st.DrawFn, *, size: int = 5, crowds: bool = True) -> tuple[tuple[Event, ...], Arrivals]:
    """A history and an order in which it arrives."""
    facts = draw(identity_histories(size=size, crowds=crowds))
    return facts, draw(arrivals(facts))


def assert_who_is_who(run: Run, answer: Resolved) -> None:
    """Bindings, profiles and conflicts are those of the batch answer."""
    bound = bindings(run)
    for identifier, lead in answer.lead_of_identifier.items():
        erasure = answer.known.erasures.get(identifier)
        assert bound[identifier] == ([(0, lead)] if erasure is None else [(0, NOBODY), (erasure.at + 1, lead)])
    for weak in answer.known.weak:
        assert bound[weak] == answer.intervals(weak)
    for lead, identifiers in leads(run).items():
        there = answer.leads.get(lead, frozenset())
        assert identifiers <= there, lead
        assert there - identifiers <= answer.known.weak, "only a weak one that has brought nothing may be left out"
    assert open_conflicts(run) == answer.conflicts


def assert_history_in_place(run: Run, facts: tuple[Event, ...], answer: Resolved) -> None:
    """Each event's history is held by one lead, where the batch answer says."""
    held = places(run)
    for fact in facts:
        if isinstance(fact, Identified) and not refused(IDENTITY_KEY, fact):
            found = held.get(_id(fact), set())
            there = answer.lead_of_event(fact)
            assert found <= there, fact
            # revisions of one touch may be judged on either side of the moment at which their hub is known for one
            assert len(found) <= 1 or len(there) > 1, fact


def _id(fact: Identified) -> str:
    match fact:
        case BookingChanged():
            return f"b:{fact.booking_id}"
        case ClickRecorded():
            return fact.click_id
        case TouchpointRecorded():
            return fact.touch_id
        case _:
            return fact.event_id


@given(cases(), randoms)
def test_any_order_and_interleaving_comes_to_the_batch_answer(case: Any, random: Random) -> None:
    facts, arrived = case
    run = interleaved(arrived, random)
    run.finish()
    answer = resolved(IDENTITY_KEY, facts)
    assert_who_is_who(run, answer)
    assert_history_in_place(run, facts, answer)
    assert not unsettled(run), "somebody still awaits or owes history"
    assert not [change for change, count in changes(run).items() if count > 1], "a change was told twice"
    assert_reconciled(run)
    assert_balanced(run)


@given(cases(crowds=False), randoms)
def test_revenue_follows_its_lead(case: Any, random: Random) -> None:
    _, arrived = case
    run = interleaved(arrived, random)
    run.finish(40)
    assert_oracle(run)
    assert_balanced(run)
