"""The mapping language: what it computes, and what it refuses before any row is read."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.events.base import Event, instant
from schemas.events.contact import ConsentChanged
from schemas.events.leads import LeadCaptured
from streams.sources.expressions import MappingError
from streams.sources.mapping import RowError, compiled_mapping, load_mapping
from streams.sources.transforms import TRANSFORMS

LEADS: dict[str, Any] = yaml.safe_load("""
name: crm_leads
format: csv
nulls: ["NULL"]
key: lead_no
values:
  made: {day_of: [y, m, d]}
  written: {instant: made, at: "09:30"}
events:
  - type: LeadCaptured
    fields:
      region: {const: IND}
      occurred_at: written
      channel: {lookup: source, table: {Google: search, Site: organic}, otherwise: other}
      email: email
      timeframe_days: {integer: days}
  - type: ConsentChanged
    fields:
      region: {const: IND}
      occurred_at: {instant: {add_days: [made, {integer: days}]}, at: "10:00"}
      consent_id: {join: [lead_no, {const: email}], between: "/"}
      email: email
      channel: {const: email}
      purpose: {const: marketing}
      granted: {lookup: do_not_email, table: {"Yes": false, "No": true}}
      evidence: {const: "column do_not_email of the lead file"}
""")
ROW = {
    "lead_no": "L7", "y": "2026", "m": "Feb", "d": "28", "source": "Google", "email": " a@example.com ", "days": "2",
    "do_not_email": "No",
}  # fmt: skip


def _events(document: dict[str, Any] = LEADS, **change: str | None) -> list[Event]:
    mapping = compiled_mapping(document)
    row: dict[str, Any] = {**ROW, **change}
    return [event for _, event in mapping.events([row[name] for name in mapping.columns], 3, "acme")]


def test_a_row_becomes_all_events_of_its_mapping() -> None:
    lead, consent = _events()
    assert isinstance(lead, LeadCaptured)
    assert isinstance(consent, ConsentChanged)
    assert lead.occurred_at == instant("2026-02-28T09:30:00Z")
    assert (lead.workspace_id, lead.source, lead.region, lead.channel) == ("acme", "crm_leads", "IND", "search")
    assert (lead.email, lead.timeframe_days, lead.full_name) == ("a@example.com", 2, None)
    assert consent.occurred_at == instant("2026-03-02T10:00:00Z")
    assert (consent.consent_id, consent.granted) == ("L7/email", True)
    for event in (lead, consent):
        assert type(event).model_validate(event.__dict__) == event


def test_an_event_with_a_condition_is_made_only_where_it_is_true() -> None:
    document = deepcopy(LEADS)
    document["events"][1]["when"] = {"lookup": "objects", "table": {"Yes": True, "No": False}}
    always = [event.event_id for event in _events()]
    assert [event.event_id for event in _events(document, objects="Yes")] == always
    assert [event.event_id for event in _events(document, objects="No")] == always[:1]
    assert [event.event_id for event in _events(document, objects="")] == always[:1]
    with pytest.raises(RowError, match="event 2, when: not one of Yes, No"):
        _events(document, objects="perhaps")
    document["events"][1]["when"] = "source"
    with pytest.raises(MappingError, match=r"events\.1\.when: is text"):
        compiled_mapping(document)


def test_the_first_that_is_not_missing_is_taken() -> None:
    document = deepcopy(LEADS)
    document["events"][0]["fields"]["email"] = {"first": ["email", "other", {"const": "none@example.com"}]}
    given = [("a@example.com", "b@example.com"), ("", "b@example.com"), ("", "NULL")]
    found = [vars(_events(document, email=email, other=other)[0])["email"] for email, other in given]
    assert found == ["a@example.com", "b@example.com", "none@example.com"]
    document["events"][0]["fields"]["email"] = {"first": ["email", "other"]}
    assert vars(_events(document, email="", other="")[0])["email"] is None


def test_ids_depend_on_mapping_workspace_key_and_number_alone() -> None:
    assert [event.event_id for event in _events()] == [event.event_id for event in _events(source="Site", y="2025")]
    ids = {event.event_id for key in ("L7", "L8") for event in _events(lead_no=key)}
    assert len(ids) == 4


def test_empty_cells_and_nulls_are_missing_and_so_is_what_they_make() -> None:
    lead, _ = _events(email="NULL")
    assert isinstance(lead, LeadCaptured)
    assert lead.email is None
    with pytest.raises(RowError) as refusal:
        _events(days="  ")
    assert refusal.value.reason == "missing_field"
    assert "occurred_at" in refusal.value.detail


@pytest.mark.parametrize(
    ("change", "reason", "told"),
    [
        ({"m": "Smarch"}, "bad_value", "made"),
        ({"d": "30"}, "bad_value", "made: no such day"),
        ({"days": "soon"}, "bad_value", "timeframe_days: not a whole number"),
        ({"do_not_email": "Perhaps"}, "bad_value", "granted: not one of Yes, No"),
        ({"days": "-1"}, "bad_order", "event 2"),
        ({"lead_no": ""}, "missing_field", "key"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_without_repeating_it(
    change: dict[str, Any], reason: str, told: str
) -> None:
    with pytest.raises(RowError) as refusal:
        _events(**change)
    assert refusal.value.reason == reason
    assert told in refusal.value.detail
    assert not any(value and value in refusal.value.detail for value in change.values() if len(value) > 2)


def _with(path: str, value: Any) -> dict[str, Any]:
    document = deepcopy(LEADS)
    *folders, name = path.split(".")
    node: Any = document
    for folder in folders:
        node = node[int(folder)] if isinstance(node, list) else node[folder]
    if value is None:
        del node[name]
    else:
        node[name] = value
    return document


FIRST = "events.0.fields"


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("format", "xlsx", "format"),
        ("key", None, "key"),
        ("surprise", 1, "surprise"),
        ("events", [], "events"),
        ("events.0.type", "LeadScored", "no fact type LeadScored"),
        ("events.0.type", "Lead", "no fact type Lead"),
        (f"{FIRST}.channel", None, "needs channel"),
        (f"{FIRST}.colour", "source", "no fields colour"),
        (f"{FIRST}.event_id", "lead_no", "no fields event_id"),
        (f"{FIRST}.region", {"const": "MARS"}, "MARS is no value of the field"),
        (f"{FIRST}.interest", {"lookup": "source", "table": {"Google": "by"}}, "by is no value of the field"),
        (f"{FIRST}.occurred_at", "made", "is day, the field is instant"),
        (f"{FIRST}.timeframe_days", "days", "is text, the field is integer"),
        (f"{FIRST}.email", {"run": "source"}, "no transform run"),
        (f"{FIRST}.email", {"const": 1.5}, "const is"),
        (f"{FIRST}.email", [], "an expression is"),
        (f"{FIRST}.email", {"slug": []}, "slug takes text; it is given nothing"),
        (f"{FIRST}.email", {"slug": ["email", "source"]}, "slug takes text"),
        (f"{FIRST}.email", {"slug": "made"}, "it is given day"),
        (f"{FIRST}.email", {"join": ["email", "made"], "between": ""}, "any number of text"),
        (f"{FIRST}.email", {"join": ["email"]}, "join: wrong options"),
        (f"{FIRST}.email", {"lookup": "email", "table": {True: "x"}}, "in quotes"),
        (f"{FIRST}.email", {"lookup": "email", "table": {"a": "x", "b": 1}}, "all text"),
        (f"{FIRST}.budget_minor", {"minor": "days", "currency": "XXXX"}, "ISO 4217"),
        ("values.written", {"instant": "made", "at": "09:30+02:00"}, "UTC"),
        ("values.written", {"instant": "made", "at": "noon"}, "instant: wrong options"),
        ("values.made", "written", "unknown name written"),
        ("events.1.type", "IdentitiesLinked", "no fields"),
    ],
)
def test_a_wrong_mapping_is_refused_when_it_is_loaded(path: str, value: Any, told: str) -> None:
    with pytest.raises(MappingError) as refusal:
        compiled_mapping(_with(path, value))
    assert told in str(refusal.value)


@pytest.mark.parametrize("document", [None, [], "text", 7])
def test_what_is_no_document_is_no_mapping(document: Any) -> None:
    with pytest.raises(MappingError):
        compiled_mapping(document)


def test_a_mapping_is_found_by_name_or_path(tmp_path: Path) -> None:
    assert load_mapping("hotel_bookings").numbers_rows
    path = tmp_path / "leads.yaml"
    path.write_text(yaml.safe_dump(LEADS))
    assert not load_mapping(str(path)).numbers_rows
    with pytest.raises(MappingError, match="known are hotel_bookings"):
        load_mapping("hotels")
    with pytest.raises(MappingError, match="No such file"):
        load_mapping(str(tmp_path / "none.yaml"))
    path.write_text("{")
    with pytest.raises(MappingError, match=r"leads\.yaml"):
        load_mapping(str(path))
    path.write_text("!!python/object/apply:os.getpid []")
    with pytest.raises(MappingError, match="could not determine a constructor"):
        load_mapping(str(path))


def test_every_transform_is_explained() -> None:
    text = (Path(__file__).parents[2] / "schemas/mappings/README.md").read_text()
    assert all(f"`{name}`" in text for name in TRANSFORMS)


@pytest.mark.parametrize(
    ("currency", "text", "minor"),
    [
        ("EUR", "98.5", 9_850), ("EUR", "-6.38", -638), ("EUR", "0", 0), ("EUR", "1.230", 123), ("EUR", "7.", 700),
        ("JPY", "1200", 1_200), ("KWD", "1.234", 1_234),
    ],
)  # fmt: skip
def test_amounts_are_exact_in_each_currency(currency: str, text: str, minor: int) -> None:
    assert TRANSFORMS["minor"].build(currency)(text) == minor


@pytest.mark.parametrize(
    ("currency", "text"), [("EUR", "1.005"), ("JPY", "1.5"), ("EUR", "1,5"), ("EUR", "1e3"), ("EUR", "NaN")]
)
def test_amounts_that_are_not_exact_are_refused(currency: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"decimal places|not an amount"):
        TRANSFORMS["minor"].build(currency)(text)
