"""A replay lets time pass as the line does, however far apart the facts are."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from schemas.codec import decode
from schemas.events.base import DAY, SECOND, Event
from schemas.events.bookings import BookingChanged
from schemas.events.contact import ConsentChanged, OutreachRequested
from schemas.events.gate import ContactDecided
from schemas.events.leads import LeadCaptured
from schemas.events.operations import Tick
from schemas.events.touchpoints import TouchpointRecorded
from streams.driver import Driver
from streams.replay import replay
from streams.sources.json_events import to_json
from tests.support.facts import at, fact
from tests.support.runs import STAGES, Run

WHO = {"email": "ada@example.com", "phone": "+971501234567"}
TEN_MINUTES = 600 * SECOND


def consents(channel: str, **who: Any) -> ConsentChanged:
    said = {"consent_id": channel, "purpose": "marketing", "granted": True, "evidence": "box ticked"}
    return fact(ConsentChanged, occurred_at="3-1 08:01", channel=channel, **said, **who)


def history() -> list[Event]:
    """A lead who may be written to, an SMS to her at 22:00 in Dubai, and then no fact of anybody for a week."""
    sms = {"message_id": "m1", "channel": "sms", "purpose": "follow_up", "template_id": "follow_up"}
    return [
        fact(LeadCaptured, occurred_at="3-1 08:00", channel="web", country="AE", time_zone="Asia/Dubai", **WHO),
        consents("email", email=WHO["email"]),
        consents("sms", phone=WHO["phone"]),
        fact(OutreachRequested, occurred_at="3-2 18:00", phone=WHO["phone"], **sms),
        fact(LeadCaptured, occurred_at="3-9 08:00", channel="web", email="bob@example.com"),
    ]


def lines(facts: list[Event]) -> list[str]:
    return [json.dumps(to_json(one)) for one in facts]


def watched(facts: list[Event], until: int) -> Driver:
    """The driver after the same facts, ticked every ten minutes."""
    run = Run(Driver(STAGES))
    now = facts[0].occurred_at
    for one in facts:
        while now < one.occurred_at:
            run.driver.tick(now)
            now += TEN_MINUTES
        run.publish(one)
    while now <= until:
        run.driver.tick(now)
        now += TEN_MINUTES
    return run.driver


def decided(driver: Driver) -> list[ContactDecided]:
    said = [decode(value).message for value in driver.values("contact.decisions")]
    return sorted((one for one in said if isinstance(one, ContactDecided)), key=lambda one: one.occurred_at)


@pytest.mark.parametrize("facts", [history(), history()[:-1]], ids=["before a fact", "until the end"])
def test_what_falls_due_between_two_facts_is_decided_when_it_is_due(facts: list[Event]) -> None:
    until = at("3-10")
    replayed, expected = decided(replay(STAGES, lines(facts), until)), decided(watched(facts, until))
    assert [(one.step, one.decision, one.reason) for one in replayed] == [
        (one.step, one.decision, one.reason) for one in expected
    ]
    apart = [one.occurred_at - other.occurred_at for one, other in zip(replayed, expected, strict=True)]
    assert max(map(abs, apart)) <= TEN_MINUTES
    assert ("allow", "allowed") in {(one.decision, one.reason) for one in replayed if one.message_id == "m1"}
    assert {one.step for one in replayed} == {None, "standard-1", "standard-3", "standard-7"}


def stay() -> list[Event]:
    """A click of a campaign and a booking: the campaign's day is told at once, journeys are counted every Monday."""
    who = {"email": "bob@example.com"}
    click = {"touch_id": "t1", "kind": "click", "channel": "search", "campaign_id": "spring"}
    booking = {"booking_id": "b1", "revision": 1, "status": "booked", "amount_minor": 5, "currency": "AED"}
    return [
        fact(TouchpointRecorded, occurred_at="3-1 09:00", **click, **who),
        fact(BookingChanged, occurred_at="3-1 10:00", booked_at="3-1 10:00", **booking, **who),
    ]


def ticks(driver: Driver) -> list[int]:
    messages = [decode(record.value).message for record in driver.log["journeys", 0]]
    return [message.at for message in messages if isinstance(message, Tick)]


def test_a_minute_at_least_lies_between_two_ticks_that_no_fact_brings() -> None:
    facts = stay()
    found = ticks(replay(STAGES, lines(facts), at("3-20")))
    of_facts = {one.occurred_at for one in facts}
    apart = [later - tick for tick, later in pairwise(found) if later not in of_facts]
    assert min(apart) == 60 * SECOND
    assert found[-1] == at("3-20")


def test_a_date_that_means_never_does_not_take_for_ever() -> None:
    found = ticks(replay(STAGES, lines(stay()), at("3-20") + 1_000 * 365 * DAY))
    assert 500 < len(found) < 1_000
