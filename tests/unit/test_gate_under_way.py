"""The gate while a question is under way: what comes between the question and its answer."""

from __future__ import annotations

from typing import Any

import pytest

from models.consent.unsubscribe import UNSUBSCRIBE
from schemas.codec import decode
from schemas.events.base import DAY, HOUR
from schemas.events.governance import (
    IdentifierValue,
    IdentitiesLinked,
)
from schemas.events.profiles import LeadProfiled
from schemas.events.reserving import Release, Reserve
from streams.driver import Driver
from streams.partitioner import partition_of
from tests.property.oracles.identity import hash_of
from tests.support.facts import fact
from tests.support.outreach import EMAIL, NOON, PHONE, ask, captured, consent, decisions, receipt
from tests.support.runs import IDENTITY_KEY, STAGES, Run


class Enough(Exception):
    """The driver has come as far as a test wants it."""


@pytest.fixture
def interrupted() -> Run:
    """A run that stops when the contact point has been asked for m1, and then lets all else go before its answer.

    What else there is lies in other partitions.
    """
    asked_at: list[Any] = []

    def is_asked(record: Any) -> bool:
        message = decode(record.value).message
        return isinstance(message, Reserve) and message.message_id == "m1"

    def answer_last(waiting: Any) -> Any:
        if not asked_at:
            inboxes = [slot for slot in run.driver.log if slot[0] == "resolve.inbox"]
            asked_at.extend(slot for slot in inboxes if any(map(is_asked, run.driver.log[slot])))
            if asked_at:
                raise Enough
        return next((slot for slot in waiting if slot not in asked_at), waiting[0])

    run = Run(Driver(STAGES, answer_last, partitions=8))
    run.driver.tick(NOON - DAY)
    run.publish(captured(NOON - DAY))
    run.publish(consent("email", NOON - HOUR))
    return run


def test_the_lead_looks_again_at_the_grant(interrupted: Run) -> None:
    """An objection made elsewhere is heard between the question and its answer, and the slot is given back."""
    run = interrupted
    run.driver.tick(NOON)
    with pytest.raises(Enough):
        run.publish(ask("email", NOON))
    run.publish(consent("whatsapp", NOON, granted=False, evidence=None))
    assert decisions(run) == [("deny", "opted_out")]
    assert [release.message_id for release in run.said("resolve.inbox", Release)] == ["m1"]


def test_an_answer_is_for_the_address_that_was_asked(interrupted: Run) -> None:
    """Another address becomes the newest between the question and its answer; its own door was never asked."""
    run, second = interrupted, "ann@home.example"
    run.publish(captured(NOON - 2 * DAY, email=second))
    run.publish(consent("email", NOON - 2 * DAY, email=second))
    run.driver.tick(NOON)
    with pytest.raises(Enough):
        run.publish(ask("email", NOON, email=None, phone=PHONE))
    run.publish(captured(NOON, email=second))
    assert run.said("lead.profiles", LeadProfiled)[-1].email == second
    assert decisions(run) == [("allow", "allowed")]
    told = receipt(run)
    assert told.contact_point == hash_of(IDENTITY_KEY, "acme", "email", EMAIL)
    sealed = UNSUBSCRIBE.opened(IDENTITY_KEY, told.unsubscribe or "")
    assert sealed is not None
    assert str(sealed.contact_point) == told.contact_point


def test_requests_under_way_count_before_they_are_answered(interrupted: Run) -> None:
    """Two addresses of one lead are asked at once, each free in itself: the lead's own cap stands between them."""
    run, second = interrupted, "+971501234569"
    run.publish(captured(NOON - DAY, phone=second))
    for phone in (PHONE, second):
        run.publish(consent("whatsapp", NOON - HOUR, phone=phone))
    run.driver.tick(NOON)
    with pytest.raises(Enough):
        run.publish(ask("whatsapp", NOON, "m1", phone=PHONE))
    run.publish(ask("whatsapp", NOON, "m2", phone=second))
    assert decisions(run, "m2") == [("deny", "cap")]
    assert decisions(run, "m1") == [("allow", "allowed")]


def test_a_lead_that_awaits_history_asks_for_nothing() -> None:
    """Ben, who was sent all that his cap allows, turns out to be Ann: until his history is there, Ann waits."""
    back: list[Any] = []

    def all_but(waiting: Any) -> Any:
        left = [slot for slot in waiting if slot not in back]
        if not left:
            raise Enough
        return left[0]

    run = Run(Driver(STAGES, all_but))
    ben = "ben@example.com"
    run.driver.tick(NOON - DAY)
    for email, phone in ((EMAIL, None), (ben, None)):
        run.publish(captured(NOON - DAY, email=email, phone=phone))
        run.publish(consent("email", NOON - HOUR, email=email))
    run.driver.tick(NOON)
    for message in ("m1", "m2"):
        run.publish(ask("email", NOON, message, email=ben))
    leads = {one.email: one.lead_id for one in run.said("lead.profiles", LeadProfiled)}
    back.append(("journeys", partition_of(f"acme/{leads[ben]}", 4)))
    values = [IdentifierValue(kind="email", value=one) for one in (EMAIL, ben)]
    for one in (fact(IdentitiesLinked, occurred_at=NOON + 1, identifiers=values), ask("email", NOON + 1, "m3")):
        with pytest.raises(Enough):
            run.publish(one)
    assert decisions(run, "m3") == [("hold", "history_awaited")]
    back.clear()
    run.driver.settle()
    assert decisions(run, "m3") == [("hold", "history_awaited"), ("deny", "cap")]
