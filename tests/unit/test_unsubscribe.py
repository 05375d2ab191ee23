"""Unsubscribing from a message: its token, what a click says, and that it hits the very address that was written to."""

from __future__ import annotations

import string
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from models.consent.unsubscribe import UNSUBSCRIBE, Sent
from schemas.events.base import DAY, HOUR, SECOND, Event, Identified
from schemas.events.contact import ConsentChanged, OutreachRequested
from schemas.events.gate import ContactDecided
from schemas.events.governance import ErasureRequested, IdentifierValue, IdentitiesSplit
from schemas.events.leads import LeadCaptured
from schemas.reasons import reason_of
from streams.driver import Driver
from streams.sources.gateway.unsubscribe import objection
from tests.support.facts import at, fact, fresh_id
from tests.support.runs import IDENTITY_KEY, STAGES, Run, leads

NOON = at("3-10 08:00")  # noon in Dubai
MINUTE = 60 * SECOND
SENT = Sent("acme", "UAE", "m1", UUID("79ada6ce-c384-c855-6c06-bb2947b89cb3"))
OUT_IN_THE_WORLD = "wbuDclGkt1il9GrzNadeJX1-2mMLIUkOIllPczSUE816cAxjrvQoImKvrYUImHA"
"""The token of that message under a key of zeros."""
LETTERS = string.ascii_letters + string.digits + "-_"


# -- the token


def test_a_link_that_was_sent_out_is_known_for_ever() -> None:
    assert UNSUBSCRIBE.sealed(bytes(32), SENT) == OUT_IN_THE_WORLD
    assert UNSUBSCRIBE.opened(bytes(32), OUT_IN_THE_WORLD) == SENT


def test_a_token_that_was_tampered_with_is_none() -> None:
    token = UNSUBSCRIBE.sealed(IDENTITY_KEY, SENT)
    for place, letter in enumerate(token):
        other = LETTERS[(LETTERS.index(letter) + 1) % len(LETTERS)]
        assert UNSUBSCRIBE.opened(IDENTITY_KEY, token[:place] + other + token[place + 1 :]) is None
        assert UNSUBSCRIBE.opened(IDENTITY_KEY, token[:place]) is None
        assert UNSUBSCRIBE.opened(IDENTITY_KEY, f"{token[:place]}\n{token[place:]}") is None
    for other in (token + "A", token + "=", "é" + token, token[::-1], UNSUBSCRIBE.sealed(bytes(32), SENT)):
        assert UNSUBSCRIBE.opened(IDENTITY_KEY, other) is None


def test_a_token_tells_nothing_and_fits_into_a_header() -> None:
    long = Sent("w" * 63, "UAE", "m" * 128, SENT.contact_point)
    token = UNSUBSCRIBE.sealed(IDENTITY_KEY, long)
    assert len(token) == 312 and set(token) <= set(LETTERS)
    near = UNSUBSCRIBE.sealed(IDENTITY_KEY, Sent("w" * 63, "UAE", "m" * 127 + "n", SENT.contact_point))
    assert sum(one == other for one, other in zip(token, near, strict=True)) < 30  # of 312, where chance gives 5


# -- what a click says


def test_clicks_of_a_minute_are_one_fact_that_no_earlier_consent_outlives() -> None:
    minute = NOON // MINUTE * MINUTE
    first, last = objection(SENT, minute + 1), objection(SENT, minute + MINUTE)
    assert first == last and first.occurred_at == minute + MINUTE
    later = objection(SENT, minute + MINUTE + 1)
    assert later.event_id != first.event_id and later.occurred_at == minute + 2 * MINUTE
    assert "m1" in (first.evidence or "")
    who = Identified.model_fields.keys() - Event.model_fields.keys()
    assert who and not any(getattr(first, name) for name in who)


@pytest.mark.parametrize("other", ["email", "phone", "lead_id"])
def test_an_address_is_named_by_its_key_or_by_its_person_and_not_by_both(other: str) -> None:
    named = {"email": "ann@example.com", "phone": "+971501234567", "lead_id": str(SENT.contact_point)}
    with pytest.raises(ValidationError) as error:
        ConsentChanged.model_validate({**objection(SENT, NOON).__dict__, other: named[other]})
    reason, detail = reason_of(error.value)
    assert (reason, named[other] in detail) == ("invalid_field", False)


# -- in the line


@pytest.fixture
def run() -> Run:
    run = Run(Driver(STAGES))
    run.driver.tick(NOON - DAY)
    who = {"channel": "portal", "time_zone": "Asia/Dubai", "country": "AE"}
    run.publish(fact(LeadCaptured, occurred_at=NOON - DAY, email="ann@example.com", crm_id="c-1", **who))
    run.publish(fact(LeadCaptured, occurred_at=NOON - DAY + 1, email="ann@work.example", crm_id="c-1", **who))
    for address in ("ann@example.com", "ann@work.example"):
        run.publish(given(NOON - HOUR, address))
    run.driver.tick(NOON)
    return run


def given(when: int, address: str) -> ConsentChanged:
    said = {"consent_id": fresh_id(), "channel": "email", "purpose": "marketing", "granted": True, "evidence": "box"}
    return fact(ConsentChanged, occurred_at=when, email=address, **said)


def ask(run: Run, message: str, address: str = "ann@example.com", **fields: Any) -> ContactDecided:
    wish = {"channel": "email", "message_id": message, "purpose": "news", **fields}
    run.publish(fact(OutreachRequested, occurred_at=run.driver.now, email=address, **wish))
    (said,) = (one for one in run.said("contact.decisions", ContactDecided) if one.message_id == message)
    return said


def click(run: Run, token: str | None) -> ConsentChanged:
    sent = UNSUBSCRIBE.opened(IDENTITY_KEY, token or "")
    assert sent is not None
    said = objection(sent, run.driver.now)
    run.publish(said, arrived_at=run.driver.now)
    return said


def test_only_an_allowed_marketing_email_bears_a_token_and_it_names_the_address(run: Run) -> None:
    allowed = ask(run, "m1")
    assert allowed.decision == "allow" and allowed.contact_point is not None
    named = Sent("acme", "UAE", "m1", UUID(allowed.contact_point))
    assert UNSUBSCRIBE.opened(IDENTITY_KEY, allowed.unsubscribe or "") == named
    transactional = ask(run, "m2", template_id="booking_confirmation")
    denied = ask(run, "m3", "ann@work.example", channel="whatsapp")
    assert (transactional.decision, transactional.category) == ("allow", "transactional")
    assert denied.decision == "deny"
    assert transactional.unsubscribe is denied.unsubscribe is None


def test_a_click_ends_messages_and_the_receipt_names_it(run: Run) -> None:
    before, said = leads(run), click(run, ask(run, "m1").unsubscribe)
    after = ask(run, "m2")
    assert (after.decision, after.reason, after.consent_id) == ("deny", "opted_out", said.consent_id)
    assert leads(run) == before and not run.dead_letters()


def test_a_hundred_clicks_are_one_fact_and_a_later_one_ends_a_new_consent(run: Run) -> None:
    token = ask(run, "m1").unsubscribe
    for _ in range(100):
        click(run, token)
    assert (run.count("resolve", "consents", "accepted"), run.count("resolve", "consents", "duplicate")) == (3, 99)
    run.driver.tick(NOON + 2 * MINUTE)
    run.publish(given(NOON + 2 * MINUTE, "ann@example.com"))
    assert ("consent", "pass") in [(one.check, one.outcome) for one in ask(run, "m2").checks]
    said = click(run, token)  # in the very minute in which it was given anew
    assert ask(run, "m3").consent_id == said.consent_id
    assert not run.dead_letters()


def test_a_click_hits_the_address_that_was_written_to_wherever_it_belongs_by_now(run: Run) -> None:
    one, other = "ann@example.com", "ann@work.example"
    allowed = ask(run, "m1", one)
    sides = {"take": one, "keep": other}
    values = {side: [IdentifierValue(kind="email", value=address)] for side, address in sides.items()}
    values["keep"].append(IdentifierValue(kind="crm_id", value="c-1"))
    run.publish(fact(IdentitiesSplit, occurred_at=NOON + 1, **values))
    run.driver.tick(NOON + 2)
    said = click(run, allowed.unsubscribe)
    mine, theirs = ask(run, "m2", one), ask(run, "m3", other)
    assert mine.lead_id != theirs.lead_id and allowed.lead_id in (mine.lead_id, theirs.lead_id)
    assert (mine.decision, mine.consent_id) == ("deny", said.consent_id)
    assert theirs.decision == "allow"


def test_a_click_after_an_erasure_is_kept_and_nobody_becomes_known_by_it(run: Run) -> None:
    token = ask(run, "m1").unsubscribe
    who = [IdentifierValue(kind="email", value="ann@example.com")]
    run.publish(fact(ErasureRequested, occurred_at=NOON + 1, identifiers=who, reason="asked"))
    run.driver.tick(NOON + 2)
    before = leads(run)
    said = click(run, token)
    assert leads(run) == before and not run.dead_letters()
    run.driver.tick(NOON + 2 * MINUTE)
    run.publish(given(said.occurred_at - 1, "ann@example.com"))  # older than the click, newer than the erasure
    assert (ask(run, "m2").reason, ask(run, "m3").consent_id) == ("opted_out", said.consent_id)
