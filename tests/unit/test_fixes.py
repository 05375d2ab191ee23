"""Fixes of refused facts: what they may say, what they do, and that intake would take what comes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.codec import decode, encode
from schemas.events.base import DAY
from schemas.events.bookings import BookingChanged
from schemas.events.leads import LeadCaptured
from schemas.events.operations import Tick
from streams.corrections import Letter, corrected
from streams.sources.fixes import MAX_FIX_BYTES, FixError, fixes_of, load_fixes
from streams.sources.json_events import EventError

NOW = 1_790_000_000_000_000
SECRET = "mrs.secret@example.com"
ID = "3f2b8c1e-0000-4000-8000-000000000001"
LETTER_ID = "3f2b8c1e-0000-5000-8000-0000000000aa"


def _booking(**change: Any) -> bytes:
    fields = {
        "event_id": ID, "workspace_id": "acme", "region": "EUR", "occurred_at": NOW, "source": "pms",
        "booking_id": "b-1", "revision": 1, "status": "booked", "amount_minor": 12_300, "currency": "EUR",
        "market_segment": "leisure", "email": SECRET,
    }  # fmt: skip
    return encode(BookingChanged.build(**{**fields, **change}))


def _letter(original: bytes, **change: Any) -> Letter:
    return Letter(LETTER_ID, "intake", "x", "bookings", 2, 7, original)._replace(**change)


def _line(**fields: Any) -> Letter:
    booking = {
        "type": "BookingChanged", "event_id": ID, "workspace_id": "acme", "region": "EUR",
        "occurred_at": "2026-01-31T09:30:00Z", "source": "pms", "booking_id": "b-1", "revision": 1,
        "status": "booked", "amount_minor": 1, "currency": "EUR",
    }  # fmt: skip
    return _letter(json.dumps({**booking, **fields}).encode(), topic="stdin", stage="publish")


def _fixed(letter: Letter, fix: str, now: int = NOW) -> BookingChanged:
    event, record = corrected(letter, fixes_of(fix) if fix else {}, now)
    assert decode(record.value).message == event
    assert isinstance(event, BookingChanged)
    assert (record.topic, record.key) == ("bookings", f"acme/{event.booking_id}")
    return event


@pytest.mark.parametrize(
    ("broken", "fix", "became"),
    [
        ({"region": "MOON"}, "set: {region: UAE}", {"region": "UAE"}),
        ({"currency": "EURO"}, "replace: {currency: {EURO: EUR, DH: AED}}", {"currency": "EUR"}),
        ({"amount_minor": -1}, "replace: {amount_minor: {-1: 12300}}", {"amount_minor": 12_300}),
        ({"occurred_at": -1}, "set: {occurred_at: 2026-01-31T09:30:00Z}", {"occurred_at": 1_769_851_800_000_000}),
        ({"occurred_at": 10**17}, "set: {occurred_at: 1970-01-01T00:00:00Z}", {"occurred_at": 0}),
        ({"market_segment": "x" * 1_100_000}, "drop: [market_segment]", {"market_segment": None}),
        ({"property_id": None}, "replace: {property_id: {null: p-1}}", {"property_id": "p-1"}),
    ],
)
def test_a_fact_is_corrected_and_keeps_its_id(broken: dict[str, Any], fix: str, became: dict[str, Any]) -> None:
    event = _fixed(_letter(_booking(**broken)), f"BookingChanged: {{{fix}}}")
    assert event.event_id == ID
    assert {name: getattr(event, name) for name in became} == became


def test_ids_in_upper_case_need_no_fix() -> None:
    assert _fixed(_letter(_booking(event_id=ID.upper())), "").event_id == ID


def test_a_fix_of_another_type_changes_nothing() -> None:
    assert _fixed(_letter(_booking()), "LeadCaptured: {set: {region: UAE}}").region == "EUR"


def test_what_was_in_the_future_is_taken_once_it_is_not() -> None:
    letter = _letter(_booking(occurred_at=NOW + 2 * DAY))
    with pytest.raises(EventError, match=r"^future:"):
        _fixed(letter, "")
    assert _fixed(letter, "", NOW + DAY).event_id == ID


def test_a_field_of_a_line_is_renamed_before_it_is_replaced() -> None:
    letter = _line(curr="Euro", amount_minor=True, extra=1)
    fix = """
        BookingChanged:
          rename: {curr: currency}
          drop: [extra, currency]
          replace: {currency: {Euro: EUR}, amount_minor: {true: 6}, revision: {true: 7}}
    """
    event = _fixed(letter, fix)
    assert (event.currency, event.amount_minor, event.revision) == ("EUR", 6, 1)


@pytest.mark.parametrize(
    ("letter", "fix", "reason"),
    [
        (_letter(_booking(region="MOON")), "", "unknown_region"),
        (_letter(_booking(region="MOON")), "BookingChanged: {set: {region: MARS}}", "unknown_region"),
        (_letter(_booking(currency="ZZZ")), "BookingChanged: {replace: {currency: {ZZ: EUR}}}", "unknown_currency"),
        (_letter(_booking(amount_minor=-1)), "BookingChanged: {set: {amount_minor: -2}}", "bad_amount"),
        (_letter(_booking(market_segment="x" * 65), reason="too_large"), "", "invalid_field"),
        (_letter(_booking()[:-7]), "BookingChanged: {set: {region: EUR}}", "truncated"),
        (_letter(_booking() + b"\0"), "", "trailing_bytes"),
        (_letter(encode(Tick.build(at=NOW))), "", "unknown_type"),
        (_letter(_booking(), topic="accepted.bookings", reason="bad_row"), "", "bad_row"),
        (_letter(b"1,2,3\n", topic="file:x.csv", reason="bad_value"), "", "bad_value"),
        (_letter(b"[1]", topic="stdin"), "", "bad_json"),
        (_letter(b"[" * 100_000, topic="stdin"), "", "bad_json"),
        (_line(revision=2**70), "", "invalid_field"),
        (_letter(_booking(), stage="resolve", reason="event_id_conflict"), "", "event_id_conflict"),
        (_letter(_booking(), stage="lead", reason="too_many_bookings"), "", "too_many_bookings"),
    ],
)
def test_what_still_does_not_hold_is_told_by_its_reason(letter: Letter, fix: str, reason: str) -> None:
    with pytest.raises(EventError) as told:
        corrected(letter, fixes_of(fix) if fix else {}, NOW)
    assert told.value.reason == reason
    assert SECRET not in str(told.value)


def test_a_lead_that_names_nobody_is_refused_as_intake_would() -> None:
    lead = LeadCaptured.build(
        event_id=ID, workspace_id="acme", region="UAE", occurred_at=NOW, source="s", channel="web", email="nobody"
    )
    letter = _letter(encode(lead), topic="leads")
    with pytest.raises(EventError, match=r"^no_usable_identifier:"):
        corrected(letter, {}, NOW)
    fixed = corrected(letter, fixes_of(f"LeadCaptured: {{set: {{email: {SECRET}}}}}"), NOW)
    assert fixed.record.topic == "leads"


@pytest.mark.parametrize(("stage", "reason"), [("resolve", "event_id_conflict"), ("lead", "too_many_bookings")])
def test_an_id_that_is_taken_gives_way_to_one_that_depends_on_the_record_alone(stage: str, reason: str) -> None:
    fix = "BookingChanged: {set: {event_id: new, revision: 2}}"
    event = _fixed(_letter(_booking(), stage=stage, reason=reason), fix)
    assert event.event_id != ID
    assert event.revision == 2
    assert _fixed(_letter(_booking(), event_id="another letter"), fix) == event
    assert _fixed(_letter(_booking(), offset=8), fix).event_id != event.event_id
    lines = [_fixed(_line()._replace(event_id=name), fix).event_id for name in ("a", "b", "a")]
    assert lines[0] == lines[2] != lines[1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "fact types expected"),
        ("- 1", "fact types expected"),
        ("BookingChange: {}", "BookingChange: no fact type"),
        ("Tick: {set: {at: 1}}", "Tick: no fact type"),
        ("BookingChanged: 1", "BookingChanged: "),
        ("BookingChanged: {run: x}", "BookingChanged.run: "),
        ("BookingChanged: {set: {regoin: UAE}}", "has no fields regoin"),
        ("BookingChanged: {set: {type: LeadCaptured}}", "has no fields type"),
        ("BookingChanged: {rename: {a: b}}", "has no fields b"),
        ("BookingChanged: {rename: {a: region, b: region}}", "the same name"),
        (f"BookingChanged: {{set: {{event_id: {ID}}}}}", "only to `new`"),
        (f"BookingChanged: {{replace: {{event_id: {{{ID}: new}}}}}}", "only to `new`"),
        ("BookingChanged: {set: {amount_minor: 1.5}}", "a whole number"),
        (f"BookingChanged: {{replace: {{email: {{{SECRET}: [1]}}}}}}", "BookingChanged.replace.email: "),
        ("BookingChanged: {set: {region: EUR, region: UAE}}", "twice"),
        ("BookingChanged: {set: &a {region: EUR}}\nLeadCaptured: {set: *a}", "references"),
        (f"BookingChanged: {{set: {{email: '{SECRET}}}}}", "line 1: "),
        ("BookingChanged: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("BookingChanged: \x07", "a character"),
        ("[" * 20_000, "nested too deeply"),
    ],
)
def test_a_document_that_is_no_fix_is_told(text: str, told: str) -> None:
    with pytest.raises(FixError) as why:
        fixes_of(text)
    assert told in str(why.value)
    assert SECRET not in str(why.value)


def test_texts_stay_texts() -> None:
    fix = fixes_of("BookingChanged: {set: {starts_on: 2026-01-31, source: no, property_id: '1'}}")["BookingChanged"]
    assert fix.set == {"starts_on": "2026-01-31", "source": "no", "property_id": "1"}


def test_a_file_is_read_up_to_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "fix.yaml"
    path.write_text("BookingChanged: {set: {region: UAE}}")
    assert load_fixes(path)["BookingChanged"].set == {"region": "UAE"}
    path.write_text("#" * (MAX_FIX_BYTES + 1))
    with pytest.raises(FixError, match=r"fix\.yaml: more than 65,536 bytes"):
        load_fixes(path)
    path.write_bytes(b"\xff")
    with pytest.raises(FixError, match=r"fix\.yaml: not UTF-8"):
        load_fixes(path)
    with pytest.raises(FixError, match="No such file"):
        load_fixes(tmp_path / "none.yaml")
