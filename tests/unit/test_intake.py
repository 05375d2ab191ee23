"""Intake: what is refused, why, and what goes on."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from processors.base import DeadLetter, Forward, Received
from processors.intake.admit import UUIDS, admit
from schemas.codec import decode, encode, forward
from schemas.contract import avro_schema
from schemas.events.base import HOUR, Event
from schemas.events.bookings import BookingChanged
from schemas.events.campaigns import SpendReported
from schemas.events.clicks import ClickRecorded
from schemas.events.governance import ApprovalDecided, IdentitySweepOrdered, PolicyChanged
from schemas.events.leads import LeadCaptured
from schemas.events.operations import DeadLettered, Tick
from schemas.events.routing import Routed
from schemas.topics import FACT_TOPIC, MAX_FACT_BYTES
from tests.property.oracles.identity import hash_of
from tests.support.facts import at, fact, fresh_id
from tests.support.runs import IDENTITY_KEY, new_run

NOW = at("3-10 12:00")


def lead(**fields: Any) -> LeadCaptured:
    return fact(LeadCaptured, **{"occurred_at": NOW, "channel": "web", "email": "ada@example.com", **fields})


def unvalidated(type_: type[Event], **fields: Any) -> Event:
    common = {"event_id": fresh_id(), "workspace_id": "acme", "region": "UAE", "occurred_at": NOW, "source": "test"}
    return type_.build(**{**common, **fields})


def admitted(raw: bytes, topic: str = "leads") -> DeadLetter | Forward:
    _, (answer,) = admit(IDENTITY_KEY, None, Received(raw, topic, 0, 7, NOW), None)  # type: ignore[arg-type]
    assert isinstance(answer, DeadLetter | Forward)
    return answer


def booking(**fields: Any) -> Event:
    given = {"booking_id": "b1", "revision": 1, "status": "booked", "amount_minor": 1, "currency": "AED"}
    return unvalidated(BookingChanged, **{**given, **fields})


GOOD = encode(lead())
HEADER = GOOD[:5]
BAD: dict[str, tuple[bytes, str]] = {
    "bad_magic": (b"\x01" + GOOD[1:], "leads"),
    "unknown_schema": (struct.pack(">bI", 0, 2**31) + GOOD[5:], "leads"),
    "truncated": (GOOD[:-3], "leads"),
    "trailing_bytes": (GOOD + b"\x00", "leads"),
    "invalid_utf8": (GOOD.replace(b"ada@example.com", b"ada@exampl\xff\xfe.com"[:15]), "leads"),
    "too_large": (GOOD + bytes(MAX_FACT_BYTES), "leads"),
    "wrong_topic": (GOOD, "bookings"),
    "future": (encode(lead(occurred_at=NOW + 24 * HOUR + 1)), "leads"),
    "no_usable_identifier": (encode(lead(email="nobody")), "leads"),
    "unknown_region": (encode(unvalidated(LeadCaptured, channel="web", region="MARS")), "leads"),
    "unknown_currency": (encode(booking(currency="XXQ")), "bookings"),
    "bad_amount": (encode(booking(amount_minor=5, retained_minor=6)), "bookings"),
    "bad_instant": (encode(lead().model_copy(update={"occurred_at": -1})), "leads"),
    "bad_id": (encode(booking(booking_id="")), "bookings"),
    "bad_id of the event": (encode(unvalidated(LeadCaptured, channel="web", event_id="order-4711")), "leads"),
    "invalid_field": (encode(booking(status="lost")), "bookings"),
}


@pytest.mark.parametrize("reason", BAD)
def test_a_bad_fact_is_refused_with_its_reason(reason: str) -> None:
    raw, topic = BAD[reason]
    answer = admitted(raw, topic)
    assert isinstance(answer, DeadLetter)
    assert answer.reason == reason.partition(" ")[0]
    assert "ada" not in answer.detail


@pytest.mark.parametrize("reason", BAD)
def test_a_refused_fact_is_kept_whole_at_its_coordinates_and_counted(reason: str) -> None:
    raw, topic = BAD[reason]
    run = new_run()
    run.driver.publish(topic, "any", raw, NOW)
    (letter,) = run.dead_letters()
    code = reason.partition(" ")[0]
    assert (letter.stage, letter.reason, letter.topic, letter.original) == ("intake", code, topic, raw)
    assert run.driver.log[topic, letter.partition][letter.offset].value == raw
    assert run.count("intake", topic, f"dead:{code}") == 1
    assert not run.driver.values("resolve.inbox")
    assert DeadLettered.model_validate(letter) == letter, "no store takes a letter that is none itself"


def test_a_text_that_postgresql_cannot_hold_is_refused_and_why_is_said() -> None:
    for field, reason in (("email", "invalid_field"), ("full_name", "invalid_field"), ("crm_id", "bad_id")):
        said = {"channel": "web", "email": "ada@example.com", field: "a\0b@example.com"}
        answer = admitted(encode(unvalidated(LeadCaptured, **said)))
        assert answer == DeadLetter(reason, f"{field}: no text may hold the character NUL (U+0000)")


@pytest.mark.parametrize("amount", [-1, 10**15 + 1])
def test_amounts_out_of_bounds_are_bad_amounts(amount: int) -> None:
    answer = admitted(encode(booking(amount_minor=amount)), "bookings")
    assert isinstance(answer, DeadLetter)
    assert answer.reason == "bad_amount"


def test_what_only_the_platform_writes_is_refused_on_a_fact_topic() -> None:
    prefix = Routed.build(arrived_at=NOW, topic="leads", partition=0, offset=0, subject="x", identifiers=[])
    for raw in (encode(Tick.build(at=NOW)), forward(prefix, GOOD)):
        answer = admitted(raw)
        assert isinstance(answer, DeadLetter)
        assert answer.reason == "wrong_topic"


def test_ids_in_upper_case_are_refused_since_the_bytes_that_go_on_would_name_another() -> None:
    """One fact in two spellings would be two facts, and an answer would find no question."""
    written = lead(event_id="ABCDEFAB-0000-4000-8000-00000000000F", lead_id=fresh_id())
    upper = written.model_copy(update={"event_id": written.event_id.upper(), "lead_id": written.event_id.upper()})
    run = new_run()
    for one in (written, upper):
        run.driver.publish("leads", "any", encode(one), NOW)
    (letter,) = run.dead_letters()
    assert (letter.reason, letter.detail) == ("bad_id", "event_id, lead_id: write UUIDs in lower case")
    assert letter.fact_id == written.event_id == "abcdefab-0000-4000-8000-00000000000f"
    (accepted,) = run.driver.values("accepted.leads")
    assert decode(accepted).message == written
    decided = fact(
        ApprovalDecided,
        occurred_at=NOW,
        approval_id=fresh_id(),
        lead_id=fresh_id(),
        decision="approved",
        decided_by="x",
    )
    answer = admitted(encode(decided.model_copy(update={"approval_id": written.event_id.upper()})), "approvals")
    assert isinstance(answer, DeadLetter)
    assert answer.detail == "approval_id: write UUIDs in lower case"


def test_every_uuid_of_a_fact_is_looked_at() -> None:
    types = {type_: str(avro_schema(type_)) for type_ in FACT_TOPIC}
    found = {type_: text.count("'uuid'") for type_, text in types.items()}
    assert found == {type_: sum(name in type_.model_fields for name in UUIDS) for type_ in types}


def test_a_day_ahead_is_still_believed() -> None:
    assert isinstance(admitted(encode(lead(occurred_at=NOW + 24 * HOUR))), Forward)


def subject(event: Event) -> str:
    answer = admitted(encode(event), FACT_TOPIC[type(event)].name)
    assert isinstance(answer, Forward)
    assert isinstance(answer.prefix, Routed)
    return answer.prefix.subject


def test_facts_are_keyed_by_what_they_are_about() -> None:
    email = hash_of(IDENTITY_KEY, "acme", "email", "ada@example.com")
    id_ = fresh_id()
    assert subject(lead(email=" ADA@example.com", cookie_id="c")) == f"email:{email}"
    assert subject(lead(email=None, lead_id=id_.upper())) == f"l:{id_}"
    assert subject(booking(email="ada@example.com")) == "b:b1"
    assert subject(booking()) == "b:b1"
    spend = {"campaign_id": "c1", "channel": "search", "day": 20_000, "revision": 1, "amount_minor": 1}
    assert subject(fact(SpendReported, occurred_at=NOW, currency="AED", **spend)) == "f:spend:c1:20000"
    policy = fact(PolicyChanged, occurred_at=NOW, version=3, applies_from=0, document="{}")
    assert subject(policy) == subject(fact(IdentitySweepOrdered, occurred_at=NOW, version=3)) == "f:policies:3"
    click = hash_of(IDENTITY_KEY, "acme", "click_id", "k1")
    assert subject(fact(ClickRecorded, occurred_at=NOW, click_id="k1", url="https://x.test")) == f"click_id:{click}"


def test_the_facts_bytes_go_on_unchanged() -> None:
    run = new_run()
    run.driver.publish("leads", "any", GOOD, NOW)
    (value,) = run.driver.values("resolve.inbox")
    assert decode(value).raw == GOOD
    (value,) = run.driver.values("accepted.leads")
    assert decode(value).raw == GOOD
