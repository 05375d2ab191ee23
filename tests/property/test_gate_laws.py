"""The laws of contact, in any order, interleaving, merge and split: no cap is passed, no objection or night ignored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from schemas.events.base import HOUR, Event
from schemas.events.contact import ConsentChanged, DeliveryReported, OutreachRequested
from schemas.events.gate import ContactDecided, ContactProposed
from streams.driver import Slot
from tests.property.gate_histories import PEOPLE, START, histories
from tests.property.oracles.clusters import resolved
from tests.property.oracles.contact import (
    MOST,
    Sent,
    counted,
    erased_at,
    in_doubt,
    is_waking_hour,
    may_be_sent,
    near,
    over_the_cap,
)
from tests.property.oracles.identity import hash_of
from tests.property.strategies import WORKSPACE, randoms
from tests.support.runs import IDENTITY_KEY, Run, bindings, new_run, outcomes

ADDRESSES = {
    hash_of(IDENTITY_KEY, WORKSPACE, kind, person[kind]): person[kind]
    for person in PEOPLE
    for kind in ("email", "phone")
}
"""Address by its hash."""


def decided(run: Run) -> dict[str, list[ContactDecided]]:
    """All decisions by message, in order."""
    found: dict[str, list[ContactDecided]] = defaultdict(list)
    for said in run.said("contact.decisions", ContactDecided):
        found[said.message_id].append(said)
    return {message: sorted(said, key=lambda one: one.seq) for message, said in found.items()}


def allowed(run: Run) -> list[Sent]:
    """All that was allowed to be sent."""
    last = (said[-1] for said in decided(run).values())
    return [
        Sent(one.message_id, ADDRESSES[one.contact_point or ""], one.channel, one.occurred_at)
        for one in last
        if one.decision == "allow"
    ]


def assert_caps(run: Run, facts: Sequence[Event]) -> None:
    """No window of seven days, wherever it begins, holds more than an address's cap."""
    sent = counted(allowed(run), [fact for fact in facts if isinstance(fact, DeliveryReported)])
    assert over_the_cap(sent) == []


def assert_answered(run: Run, facts: Sequence[Event]) -> None:
    """Each request has one last word, after it none, and every accepted one that came in time has one."""
    answers = decided(run)
    for message, said in answers.items():
        assert [one.seq for one in said] == list(range(1, len(said) + 1)), message
        assert [one.decision for one in said[:-1]] == ["hold"] * (len(said) - 1), message
        assert said[-1].decision != "hold", message
    accepted = {event_id for event_id, what in outcomes(run).items() if what == {"accepted"}}
    asked = {f.message_id for f in facts if isinstance(f, OutreachRequested) and f.event_id in accepted}
    asked |= {proposed.message_id for proposed in run.said("contact.requests", ContactProposed)}
    assert set(answers) <= asked
    moved = sum(n for (_, _, _, outcome), n in run.driver.counts.items() if outcome == "drop:moved")
    nobodys = sum(run.count(stage, "outreach", "drop:erased") for stage in ("resolve", "lead"))
    assert len(asked - set(answers)) == run.count("lead", "outreach", "drop:stale") + moved + nobodys


@given(randoms, st.integers(5, 60))
def test_whatever_is_under_way_no_cap_is_passed_and_nobody_waits_for_ever(random: Random, size: int) -> None:
    def any_of(waiting: Sequence[Slot]) -> Slot:
        return random.choice(waiting)

    run, facts = new_run(any_of), []
    run.driver.tick(START)
    for now, fact in histories(random, size):
        if now > run.driver.now + HOUR:
            run.driver.settle()  # or most requests are stale before anybody reads them
        if now > run.driver.now:
            run.driver.tick(now)
        facts.append(fact)
        run.publish(fact, arrived_at=now, settle=random.random() < 0.2)
    run.finish()
    assert_caps(run, facts)
    assert_answered(run, facts)


@given(randoms, st.integers(5, 40))
def test_every_allow_is_right_by_what_was_known_and_by_every_clock(random: Random, size: int) -> None:
    run, facts, seen = new_run(), list[Event](), set[str]()
    run.driver.tick(START)
    for now, fact in histories(random, size):
        if now > run.driver.now:
            run.driver.tick(now)
            assert_right(run, facts, seen)
        facts.append(fact)
        run.publish(by_key(fact) if random.random() < 0.5 else fact, arrived_at=now)
        assert_right(run, facts, seen)
    assert_caps(run, facts)


def by_key(fact: Event) -> Event:
    """The same statement; of consent that names nothing but an e-mail address, by that one's key."""
    if not isinstance(fact, ConsentChanged) or fact.email is None or fact.phone is not None:
        return fact
    key = f"email:{hash_of(IDENTITY_KEY, WORKSPACE, 'email', fact.email)}"
    return ConsentChanged.model_validate({**fact.__dict__, "email": None, "contact_point_key": key})


def assert_right(run: Run, facts: Sequence[Event], seen: set[str]) -> None:
    """What is newly allowed goes to an address that is nobody else's, fits under the lead's cap, has consent that
    nothing took back, and comes by day."""
    sent = allowed(run)
    fresh = [one for one in sent if one.message_id not in seen]
    if not fresh:
        return
    lead_of = {ADDRESSES[one]: rows[-1][1] for one, rows in bindings(run).items() if one in ADDRESSES}
    counting = counted(sent, [fact for fact in facts if isinstance(fact, DeliveryReported)])
    doubted = {ADDRESSES.get(one) for one in in_doubt(resolved(IDENTITY_KEY, facts).conflicts)}
    for one in fresh:
        seen.add(one.message_id)
        assert one.address not in doubted, one
        lead = lead_of[one.address]
        others = {address for address, owner in lead_of.items() if owner == lead}
        if one.channel in MOST and one in counting:
            known = [
                sent for sent in counting if sent.address == one.address or sent.at > erased_at(facts, sent.address)
            ]
            assert near(known, one, others) < MOST[one.channel], one
        us_email = one.channel == "email" and one.address == PEOPLE[3]["email"]
        if not us_email:
            assert may_be_sent(facts, one.channel, one.address, others), one
        dee = one.address == PEOPLE[3]["phone"]
        assert not (dee and one.channel == "whatsapp"), one
        if one.channel == "sms":
            zones = ("America/New_York", "America/Chicago") if dee else ("Asia/Dubai",)
            assert is_waking_hour(one.at, zones), one
