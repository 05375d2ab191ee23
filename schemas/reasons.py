"""Why an event was refused, as a reason code and a detail: the same words at every door and at intake."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import ValidationError

from schemas.contract import avro_schema
from schemas.topics import MESSAGES

MISSING_FIELD = "missing_field"
UNKNOWN_REGION = "unknown_region"
UNKNOWN_CURRENCY = "unknown_currency"
BAD_AMOUNT = "bad_amount"
BAD_INSTANT = "bad_instant"
BAD_ID = "bad_id"
INVALID_FIELD = "invalid_field"
NO_EVIDENCE = "no_evidence"

_PROBLEMS_TOLD = 5
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")

# pydantic words a value_error by what a validator raised, which may repeat the value: these words stand in for it
_EXPECTED = {
    UNKNOWN_CURRENCY: "not an ISO 4217 currency code",
    BAD_INSTANT: "not an instant: ISO 8601 with a zone expected, such as 2026-01-31T09:30:00Z",
    INVALID_FIELD: "not a value of this field",
}
_EXPECTED_DAY = "not a day: YYYY-MM-DD expected"


def reason_of(error: ValidationError) -> tuple[str, str]:
    """Reason code and detail of a refused event.

    The code is that of the first problem in the order of the type's fields. The detail names each field and what is
    wrong with it, never the value, which may be personal.
    """
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    told = [_told(problem) for problem in problems[:_PROBLEMS_TOLD]]
    if len(problems) > _PROBLEMS_TOLD:
        told.append(f"and {len(problems) - _PROBLEMS_TOLD} more")
    return _reason(problems[0]), "; ".join(told)


def _reason(problem: Any) -> str:  # noqa: PLR0911 one return per code
    kind, name = problem["type"], _field(problem)
    if kind == "missing":
        return MISSING_FIELD
    if kind == BAD_AMOUNT or name.endswith("_minor"):
        return BAD_AMOUNT
    if kind == NO_EVIDENCE:
        return NO_EVIDENCE
    if name == "region":
        return UNKNOWN_REGION
    if name.endswith(("currency", "base", "quote")):
        return UNKNOWN_CURRENCY
    if _logical(name) == "timestamp-micros":
        return BAD_INSTANT
    if kind != "extra_forbidden" and (name.endswith("_id") or _logical(name) == "uuid"):
        return BAD_ID
    return INVALID_FIELD


def _told(problem: Any) -> str:
    where = ".".join(_shown(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        said = "the type has no such field"
    elif problem["type"] in ("value_error", "assertion_error"):
        is_day = _logical(_field(problem)) == "date"
        said = _EXPECTED_DAY if is_day else _EXPECTED.get(_reason(problem), _EXPECTED[INVALID_FIELD])
    else:
        said = problem["msg"][:1].lower() + problem["msg"][1:]
    return f"{where}: {said}" if where else said


def _field(problem: Any) -> str:
    """Name of the field that a problem is about, without its place in lists; empty for the event as a whole."""
    return next((part for part in reversed(problem["loc"]) if isinstance(part, str)), "")


def _shown(part: str | int) -> str:
    """A place in an event; the name of an unknown field came from outside and is only repeated if it looks like one."""
    return str(part) if isinstance(part, int) or _FIELD_NAME.fullmatch(part) else "(unknown field)"


def _logical(name: str) -> str | None:
    """The Avro logical type that fields of a name have, or none."""
    return _logical_types().get(name)


@cache
def _logical_types() -> dict[str, str]:
    return {name: logical for message in MESSAGES.values() for name, logical in _walk(avro_schema(message))}


def _walk(node: Any) -> Iterator[tuple[str, str]]:
    for field in node.get("fields", ()):
        options = field["type"] if isinstance(field["type"], list) else [field["type"]]
        for option in (option for option in options if isinstance(option, dict)):
            if "logicalType" in option:
                yield field["name"], option["logicalType"]
            yield from _walk(option["items"] if isinstance(option.get("items"), dict) else option)
