"""The invariants of identity resolution (identity specification, section 7), in the driver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from models.consent.ledger import Said
from models.identity.partition import partition
from processors.lead.consent import ANYWHERE, Stated
from schemas.events.base import Event, Identified
from schemas.events.bookings import BookingChanged
from schemas.events.clicks import ClickRecorded
from schemas.events.contact import ConsentChanged, DeliveryReported
from schemas.events.governance import PolicyChanged
from schemas.events.touchpoints import TouchpointRecorded
from streams.driver import Slot
from streams.report.sweep import facts_of, moved
from tests.property.checks import assert_balanced, assert_oracle, assert_reconciled, interleaved
from tests.property.identity_strategies import identity_histories
from tests.property.oracles.clusters import NOBODY, STRONG, Resolved, refused, resolved
from tests.property.oracles.contact import in_doubt
from tests.property.oracles.identity import hash_of
from tests.property.oracles.touches import touched
from tests.property.strategies import WORKSPACE, Arrivals, arrivals, randoms
from tests.support.campaigns import measured
from tests.support.identities import changes, limited, places, states, stored, sweep, unsettled
from tests.support.runs import IDENTITY_KEY, Run, bindings, leads, new_run, observed_links, open_conflicts, sightings


@st.composite
def cases(draw: st.DrawFn, *, size: int = 5, crowds: bool = True) -> tuple[tuple[Event, ...], Arrivals]:
    """A history and an order in which it arrives."""
    facts = draw(identity_histories(size=size, crowds=crowds))
    return facts, draw(arrivals(facts))


def assert_campaigns_told(run: Run, facts: Sequence[Event], answer: Resolved) -> None:
    """Touches count for their campaigns in their hours; a policy of another zone leaves each in the one it had.

    Where several revisions of a touch may be judged on either side of the moment at which their hub is known for one,
    two leads may count one each.
    """
    touches = [fact for fact in facts if isinstance(fact, TouchpointRecorded | ClickRecorded)]
    revisions = Counter(map(_id, touches))
    if any(revisions[_id(fact)] > 1 and len(answer.lead_of_event(fact)) > 1 for fact in touches):
        return
    told, expected = measured(run), touched(fact for fact in facts if answer.lead_of_event(fact))
    if any(isinstance(fact, PolicyChanged) and "time_zone" in (fact.document or "") for fact in facts):
        assert _by_campaign(told) == _by_campaign(expected), "touches of campaigns"
    else:
        assert told == expected, "touches of campaigns, by hour"


def _by_campaign(touches: dict[tuple[str, int], Counter[int]]) -> Counter[str]:
    total = Counter[str]()
    for (campaign, _), hours in touches.items():
        total[campaign] += hours.total()
    return total


def assert_who_is_who(run: Run, answer: Resolved) -> None:
    """Bindings, profiles, conflicts, and what is told of sightings and links, are those of the batch answer."""
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
    assert {one: first for one, first in sightings(run).items() if one not in answer.known.erasures} == {
        one: [first.at, first.event_id, first.region, first.identifier.kind]
        for one, first in answer.known.firsts.items()
        if one not in answer.known.erasures
    }
    told, observed = (
        {pair: first for pair, first in links.items() if not {*pair} & answer.known.erasures.keys()}
        for links in (observed_links(run), answer.known.observed)
    )
    for pair, first in observed.items():
        if pair in answer.known.explicit or {*pair} & answer.shared:  # a fact is no news after people's word
            assert told.get(pair, first) >= first
        else:
            assert told[pair] == first
    assert told.keys() <= observed.keys()


def assert_doubts_told(run: Run, answer: Resolved) -> None:
    """Each lead knows of each of its strong identifiers whether an open conflict says that it may be another's."""
    doubted = in_doubt(answer.conflicts)
    for key, slices in states(run, "lead").items():
        lead = key.partition("/")[2]
        for identifier, known in slices["hold"].known.items() if "hold" in slices else ():
            if answer.lead_of_identifier.get(identifier) == lead:
                assert known.doubted == (identifier in doubted), (lead, identifier)


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


def assert_objections_stand(run: Run, facts: tuple[Event, ...], answer: Resolved) -> None:
    """An objection holds for the lead whose history it is; that an address is unusable, for whose address it is."""
    held = {key.partition("/")[2]: slices.get("consent", Stated()) for key, slices in states(run, "lead").items()}
    for fact in facts:
        objects = isinstance(fact, ConsentChanged) or (
            isinstance(fact, DeliveryReported) and fact.status == "complained"
        )
        if objects and len(there := answer.lead_of_event(fact)) == 1:
            withdrawn = held[next(iter(there))].of(ANYWHERE).withdrawn
            assert withdrawn is not None, fact
            assert withdrawn >= Said(fact.occurred_at, fact.event_id), fact
        if isinstance(fact, DeliveryReported) and fact.email is not None and fact.crm_id is None:
            one = hash_of(IDENTITY_KEY, WORKSPACE, "email", fact.email.strip().lower())
            if one in answer.lead_of_identifier.keys() - answer.known.erasures.keys() - answer.shared:
                unusable = held[answer.lead_of_identifier[one]].of(one).unusable
                assert unusable is not None, fact
                assert unusable >= Said(fact.occurred_at, fact.message_id), fact


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
    assert_objections_stand(run, facts, answer)
    assert_doubts_told(run, answer)
    assert not unsettled(run), "somebody still awaits or owes history"
    assert not [change for change, count in changes(run).items() if count > 1], "a change was told twice"
    assert_campaigns_told(run, facts, answer)
    assert_reconciled(run)
    assert_balanced(run)


@dataclass(frozen=True)
class Ruled:
    """New limits that come before the fact at place ``at`` of an arrival, and an order to sweep at ``swept``."""

    at: int
    swept: int
    limits: dict[str, int]


@st.composite
def ruled(draw: st.DrawFn) -> tuple[tuple[Event, ...], Arrivals, list[Ruled]]:
    """A history, its arrival, and one or two changes of limits, each followed by a sweep before the next."""
    facts, arrived = draw(cases())
    places = sorted(draw(st.lists(st.integers(0, len(arrived.facts)), min_size=2, max_size=4)))
    few = st.sampled_from((1, 1, 2, 3, 5))
    return facts, arrived, [
        Ruled(at, swept, {kind: draw(few) for kind in STRONG})
        for at, swept in zip(places[::2], places[1::2], strict=False)
    ]  # fmt: skip


@given(ruled(), randoms)
def test_after_a_sweep_old_groups_are_as_the_new_limits_say(case: Any, random: Random) -> None:
    facts, arrived, changes_of_limits = case

    def any_of(waiting: Sequence[Slot]) -> Slot:
        return random.choice(waiting)

    run = new_run(any_of)
    for place in range(len(arrived.facts) + 1):
        for number, change in enumerate(changes_of_limits):
            if change.at == place:
                run.driver.settle()
                run.publish(limited(number + 1_000, change.limits))  # whoever orders a sweep has seen the policy
            if change.swept == place:
                run.publish(sweep(number + 1_000), settle=random.random() < 0.5)
        if place < len(arrived.facts):
            run.publish(arrived.facts[place], settle=random.random() < 0.2)
            if arrived.pauses[place]:
                run.driver.tick(run.driver.now + arrived.pauses[place])
    run.finish()
    limits = changes_of_limits[-1].limits
    answer = resolved(IDENTITY_KEY, facts, limits=limits)
    if not answer.known.erasures:
        foretold = partition(facts_of(stored(run)), limits).leads
        assert foretold == answer.lead_of_identifier, "what the stores would foretell"
    assert moved(stored(run), limits) == []
    assert_who_is_who(run, answer)
    assert_history_in_place(run, facts, answer)
    assert_doubts_told(run, answer)
    assert not unsettled(run), "somebody still awaits or owes history"
    assert not [change for change, count in changes(run).items() if count > 1], "a change was told twice"
    assert_reconciled(run)


@given(cases(crowds=False), randoms)
def test_revenue_follows_its_lead(case: Any, random: Random) -> None:
    _, arrived = case
    run = interleaved(arrived, random)
    run.finish(40)
    assert_oracle(run)
    assert_balanced(run)
