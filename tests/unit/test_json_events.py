"""The JSON form of an event at the doors: what is taken, what is refused and in which words."""

import json
from typing import Any

import pytest

from schemas.events.bookings import BookingChanged
from schemas.events.operations import DeadLettered
from streams.sources.json_events import EventError, from_json, to_json

BOOKING: dict[str, Any] = {
    "type": "BookingChanged",
    "event_id": "3f2b8c1e-0000-4000-8000-000000000001",
    "workspace_id": "acme",
    "region": "EUR",
    "occurred_at": "2026-01-31T09:30:00Z",
    "source": "pms",
    "booking_id": "b-1",
    "revision": 1,
    "status": "booked",
    "amount_minor": 45_000,
    "currency": "EUR",
}
LEAD = {k: BOOKING[k] for k in ("event_id", "workspace_id", "region", "occurred_at", "source")} | {
    "type": "LeadCaptured",
    "channel": "search",
}
SECRET = "mrs.secret@example.com"


def test_instants_and_days_are_text_and_money_is_whole() -> None:
    event = from_json({**BOOKING, "starts_on": "2026-02-01", "booked_at": "2026-01-31T13:30:00.25+04:00"})
    assert isinstance(event, BookingChanged)
    form = to_json(event)
    assert form["type"] == "BookingChanged"
    assert form["occurred_at"] == "2026-01-31T09:30:00.000000Z"
    assert form["booked_at"] == "2026-01-31T09:30:00.250000Z"
    assert form["starts_on"] == "2026-02-01"
    assert form["amount_minor"] == 45_000
    assert form["retained_minor"] == 0
    assert form["email"] is None


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"event_id": None}, "bad_id", "event_id"),
        ({"event_id": "1"}, "bad_id", "event_id"),
        ({"workspace_id": "Acme Ltd"}, "bad_id", "workspace_id"),
        ({"booking_id": ""}, "bad_id", "booking_id"),
        ({"region": "MARS"}, "unknown_region", "region"),
        ({"currency": "DOGE"}, "unknown_currency", "currency"),
        ({"currency": "eur"}, "unknown_currency", "currency"),
        ({"amount_minor": -1}, "bad_amount", "amount_minor"),
        ({"amount_minor": 10**15 + 1}, "bad_amount", "amount_minor"),
        ({"amount_minor": 10**30}, "bad_amount", "amount_minor"),
        ({"amount_minor": 450.0}, "bad_amount", "amount_minor"),
        ({"amount_minor": "450"}, "bad_amount", "amount_minor"),
        ({"amount_minor": True}, "bad_amount", "amount_minor"),
        ({"retained_minor": 45_001}, "bad_amount", "retained_minor"),
        ({"occurred_at": SECRET}, "bad_instant", "occurred_at"),
        ({"occurred_at": "2026-01-31T09:30:00"}, "bad_instant", "occurred_at"),
        ({"occurred_at": "1969-12-31T23:59:59Z"}, "bad_instant", "occurred_at"),
        ({"occurred_at": "2300-01-01T00:00:00Z"}, "bad_instant", "occurred_at"),
        ({"occurred_at": 1_769_851_800}, "bad_instant", "occurred_at"),
        ({"booked_at": 1_769_851_800.5}, "bad_instant", "booked_at"),
        ({"starts_on": 20_484}, "invalid_field", "starts_on"),
        ({"starts_on": "31/01/2026"}, "invalid_field", "starts_on"),
        ({"status": SECRET}, "invalid_field", "status"),
        ({"email": 7}, "invalid_field", "email"),
        ({"email": SECRET + "x" * 400}, "invalid_field", "email"),
        ({"email": SECRET + "\0"}, "invalid_field", "email"),
        ({"crm_id": SECRET + "\0"}, "bad_id", "crm_id"),
        ({"nickname": SECRET}, "invalid_field", "nickname"),
        ({SECRET: 1}, "invalid_field", "(unknown field)"),
        ({"type": "BookingVanished"}, "unknown_type", "type"),
        ({"type": ["BookingChanged"]}, "unknown_type", "type"),
        ({"type": "Tick"}, "unknown_type", "type"),
    ],
)
def test_a_wrong_value_is_refused_by_field_without_being_repeated(
    change: dict[str, Any], reason: str, field: str
) -> None:
    with pytest.raises(EventError) as refusal:
        from_json({**BOOKING, **change})
    assert refusal.value.reason == reason
    assert field in refusal.value.detail
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("field", ["event_id", "region", "occurred_at", "amount_minor", "currency", "type"])
def test_a_missing_field_is_named(field: str) -> None:
    with pytest.raises(EventError) as refusal:
        from_json({name: value for name, value in BOOKING.items() if name != field})
    assert refusal.value.reason == "missing_field"
    assert field in refusal.value.detail


@pytest.mark.parametrize("value", [None, 1, "BookingChanged", [], [BOOKING]])
def test_what_is_no_object_is_no_event(value: Any) -> None:
    with pytest.raises(EventError) as refusal:
        from_json(value)
    assert refusal.value.reason == "bad_json"


def test_many_problems_are_told_up_to_a_point() -> None:
    with pytest.raises(EventError) as refusal:
        from_json({"type": "BookingChanged"})
    assert refusal.value.detail.count(";") == 5
    assert refusal.value.detail.endswith("more")


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(EventError) as refusal:
        from_json({**LEAD, "full_name": json.loads('"\\ud800"')})
    assert refusal.value.reason == "invalid_field"


def test_bytes_are_base64() -> None:
    letter = DeadLettered.build(
        event_id=BOOKING["event_id"], occurred_at=0, source="intake", stage="intake", reason="bad_magic", detail="",
        topic="bookings", partition=0, offset=1, arrived_at=0, original=b"\xff\x00",
    )  # fmt: skip
    form = to_json(letter)
    assert form["original"] == "/wA="
    assert from_json(form) == letter
    with pytest.raises(EventError):
        from_json({**form, "original": "not base64!"})


def test_an_instant_outside_of_the_calendar_stays_a_number() -> None:
    event = from_json(BOOKING)
    far = event.model_copy(update={"occurred_at": 2**62, "starts_on": 2**30})
    assert to_json(far)["occurred_at"] == 2**62
    assert to_json(far)["starts_on"] == 2**30
