"""Hypothesis strategies for messages: whatever Avro can carry, and events that their contracts allow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, get_args, get_origin

from hypothesis import strategies as st

from schemas.contract import avro_schema, nested_messages
from schemas.events.base import CURRENCIES, MAX_INSTANT, Event, Message, assemble
from schemas.events.routing import Accepted, Routed
from schemas.topics import FACT_TOPIC, MESSAGES

LONG = st.integers(-(2**63), 2**63 - 1)
_ANY: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(max_size=30),
    "bytes": st.binary(max_size=30),
    "boolean": st.booleans(),
    "long": LONG,
    "int": st.integers(-(2**31), 2**31 - 1),
}


def carried(type_: type[Message]) -> st.SearchStrategy[Message]:
    """Messages of a type as Avro can carry them, whatever the contract says of the values."""
    fields = {field["name"]: _carried(type_, field["name"], field["type"]) for field in avro_schema(type_)["fields"]}
    return st.fixed_dictionaries(fields).map(lambda values: assemble(type_, dict(values)))


def _carried(type_: type[Message], name: str, avro: Any) -> st.SearchStrategy[Any]:
    if isinstance(avro, list):
        return st.none() | _carried(type_, name, avro[1])
    kind = avro["type"] if isinstance(avro, dict) else avro
    if kind == "record":
        return carried(nested_messages(type_.model_fields[name].annotation)[0])
    if kind == "array":
        nested = nested_messages(type_.model_fields[name].annotation)
        items = avro["items"]["type"] if isinstance(avro["items"], dict) else avro["items"]
        return st.lists(carried(nested[0]) if nested else _ANY[items], max_size=3)
    return _ANY[kind]


def _one_of(types: Iterable[type[Message]]) -> st.SearchStrategy[type[Message]]:
    return st.sampled_from(sorted(types, key=lambda type_: type_.__name__))


MESSAGE = _one_of(MESSAGES.values()).flatmap(carried)
"""Any message of any type."""

FACT = _one_of(FACT_TOPIC).flatmap(carried)
"""Any fact."""

PREFIX = _one_of([Routed, Accepted]).flatmap(carried)
"""Any prefix."""

_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30)
_CLOSED: dict[str, st.SearchStrategy[Any]] = {
    "workspace_id": st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True),
    "currency": st.sampled_from(sorted(CURRENCIES)),
    "reporting_currency": st.sampled_from(sorted(CURRENCIES)),
    "base": st.sampled_from(sorted(CURRENCIES)),
    "quote": st.sampled_from(sorted(CURRENCIES)),
    "rate": st.from_regex(r"[0-9]{0,11}[1-9](\.[0-9]{1,12})?", fullmatch=True),
    "p_ppm": st.integers(0, 1_000_000),
    "timeframe_days": st.integers(0, 36_500),
    "bedrooms": st.integers(0, 100_000),
    "retained_minor": st.just(0),
    "hour": st.integers(0, 23),
    "change": st.integers(-1, 1),
    "weight": st.integers(0, 10**9),
    "share": st.integers(0, 10**9),
}
_LOGICAL: dict[str, st.SearchStrategy[Any]] = {
    "uuid": st.uuids().map(str),
    "timestamp-micros": st.integers(0, MAX_INSTANT),
    "date": st.integers(0, 100_000),
}


def allowed(type_: type[Message]) -> st.SearchStrategy[Any]:
    """Messages of a type that its contract allows."""
    fields = {}
    for field in avro_schema(type_)["fields"]:
        name, avro = field["name"], field["type"]
        optional = isinstance(avro, list)
        value = _allowed(type_, name, avro[1] if optional else avro)
        fields[name] = st.none() | value if optional else value
    return st.fixed_dictionaries(fields).map(lambda values: type_(**values))


def _allowed(type_: type[Message], name: str, avro: Any) -> st.SearchStrategy[Any]:
    annotation = type_.model_fields[name].annotation
    literals = _literals(annotation)
    if literals:
        return st.sampled_from(literals)
    if isinstance(avro, dict) and avro["type"] == "array":
        nested, items = nested_messages(annotation), avro["items"]
        logical = _LOGICAL[items["logicalType"]] if isinstance(items, dict) and "logicalType" in items else _TEXT
        return st.lists(allowed(nested[0]) if nested else logical, max_size=3)
    if isinstance(avro, dict) and avro["type"] == "record":
        return allowed(nested_messages(annotation)[0])
    if isinstance(avro, dict):
        return _LOGICAL[avro["logicalType"]]
    if name in _CLOSED:
        return _CLOSED[name]
    return {"string": _TEXT, "long": st.integers(1, 2**31 - 1), "bytes": st.binary(), "boolean": st.booleans()}[avro]


def _literals(annotation: Any) -> tuple[str, ...]:
    if get_origin(annotation) is Literal:
        return get_args(annotation)
    return next((found for inner in get_args(annotation) if (found := _literals(inner))), ())


EVENT = _one_of(type_ for type_ in MESSAGES.values() if issubclass(type_, Event)).flatmap(allowed)
"""Any event that its contract allows."""
