"""The one JSON form of an event: a flat object of ``type`` and the contract's fields.

Instants are ISO 8601 text in UTC with Z, days YYYY-MM-DD, money whole minor units, bytes base64.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import ValidationError

from schemas.contract import avro_schema, nested_messages
from schemas.events.base import Event, Message, as_date, instant_text
from schemas.reasons import BAD_INSTANT, INVALID_FIELD, MISSING_FIELD, reason_of
from schemas.topics import MESSAGES


class EventError(ValueError):
    """A JSON value that is no event: a reason code and a detail, which does not repeat values."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


def to_json(message: Message) -> dict[str, Any]:
    """The JSON form of a message, valid or not: an instant or day outside of the calendar stays a number."""
    return {"type": type(message).__name__, **_fields(message)}


def from_json(value: Any) -> Event:
    """The validated event of a JSON value. Raises ``EventError``.

    Stricter than the Python types: numbers are no text, text is no number, an instant is text with a zone.
    """
    if not isinstance(value, dict):
        raise EventError("bad_json", "not a JSON object of type and fields")
    if "type" not in value:
        raise EventError(MISSING_FIELD, "type: field required")
    name = value["type"]
    type_ = MESSAGES.get(name) if isinstance(name, str) else None
    if type_ is None or not issubclass(type_, Event):
        raise EventError("unknown_type", "type: no event type has this name; `fineacers topics` lists them")
    fields = {name: field for name, field in value.items() if name != "type"}
    _check_times(type_, fields)
    _read_bytes(type_, fields)
    try:
        return type_.model_validate(fields, strict=True)
    except ValidationError as error:
        raise EventError(*reason_of(error)) from None


def _fields(message: Message) -> dict[str, Any]:
    shown = dict(message.__dict__)
    for name, show in _shows(type(message)).items():
        if shown[name] is not None:
            shown[name] = show(shown[name])
    return shown


@cache
def _shows(type_: type[Message]) -> Mapping[str, Callable[[Any], Any]]:
    """The fields of a type that look different in JSON, and how to show them."""
    shows: dict[str, Callable[[Any], Any]] = {}
    logical = _logical(type_)
    for name, info in type_.model_fields.items():
        if nested_messages(info.annotation):
            shows[name] = _nested
        elif logical.get(name) == "timestamp-micros":
            shows[name] = _instant
        elif logical.get(name) == "date":
            shows[name] = _day
        elif logical.get(name) == "bytes":
            shows[name] = lambda raw: base64.b64encode(raw).decode("ascii")
    return shows


def _nested(value: Message | Sequence[Message]) -> Any:
    return _fields(value) if isinstance(value, Message) else [_fields(item) for item in value]


def _instant(micros: int) -> str | int:
    try:
        return instant_text(micros)
    except OverflowError:
        return micros


def _day(days: int) -> str | int:
    try:
        return as_date(days).isoformat()
    except OverflowError:
        return days


def _check_times(type_: type[Message], fields: Mapping[str, Any]) -> None:
    """Refuse numbers as instants and days: seconds, milliseconds and microseconds cannot be told apart."""
    for name, logical in _logical(type_).items():
        if isinstance(fields.get(name), int | float):
            if logical == "timestamp-micros":
                raise EventError(BAD_INSTANT, f"{name}: ISO 8601 text with a zone expected, not a number")
            if logical == "date":
                raise EventError(INVALID_FIELD, f"{name}: YYYY-MM-DD expected, not a number")


def _read_bytes(type_: type[Message], fields: dict[str, Any]) -> None:
    for name in (name for name, logical in _logical(type_).items() if logical == "bytes"):
        try:
            fields[name] = base64.b64decode(fields[name], validate=True)
        except KeyError:
            continue  # missing, which validation says
        except (TypeError, ValueError):
            raise EventError(INVALID_FIELD, f"{name}: base64 text expected") from None


@cache
def _logical(type_: type[Message]) -> Mapping[str, str]:
    """The logical Avro type of each field that has one, and ``bytes``."""
    found = {}
    for field in avro_schema(type_)["fields"]:
        avro = field["type"][1] if isinstance(field["type"], list) else field["type"]
        if avro == "bytes":
            found[field["name"]] = "bytes"
        elif isinstance(avro, dict) and "logicalType" in avro:
            found[field["name"]] = avro["logicalType"]
    return found
