"""ClickHouse columns of a message type, derived from its contract; a personal field never becomes one."""

from __future__ import annotations

import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from schemas.contract import nested_messages, pii_fields
from schemas.events.base import Avro, Message

# Texts with few different values, and one code with many; other texts are ids and documents.
_MANY = ("cause_id",)
_FEW = ("workspace_id", "region", "source", "currency", "reporting_currency", "base", "quote")


@dataclass(frozen=True)
class Column:
    """A column: where its value comes from (``splice.flat_schema``), and its type."""

    name: str
    type: str
    path: str


def columns(message: type[Message], behind: str = "") -> list[Column]:
    """The columns of a message type, in the order of its fields; personal fields are left out.

    Args:
        behind: what the Avro path begins with (``fact.``).
    """
    personal = {name.partition(".")[0] for name in pii_fields(message)}
    return [
        Column(name, _type(name, _annotation(info)), behind + name)
        for name, info in message.model_fields.items()
        if name not in personal
    ]


def nullable(column: Column) -> Column:
    """The column with a type that can be null."""
    if "Nullable" in column.type or column.type.startswith("Array"):
        return column
    if column.type.startswith("LowCardinality("):
        inner = column.type.removeprefix("LowCardinality(").removesuffix(")")
        return Column(column.name, f"LowCardinality(Nullable({inner}))", column.path)
    return Column(column.name, f"Nullable({column.type})", column.path)


def united(parts: Iterable[list[Column]]) -> list[Column]:
    """The columns of several types of one topic; what one of them lacks can be null."""
    lists = list(parts)
    every = {column.name: column for part in reversed(lists) for column in part}
    ordered = dict.fromkeys(column.name for part in lists for column in part)
    return [
        every[name] if all(name in {c.name for c in part} for part in lists) else nullable(every[name])
        for name in ordered
    ]


def _annotation(info: Any) -> Any:
    return Annotated[info.annotation, *info.metadata] if info.metadata else info.annotation


def _type(name: str, annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not types.NoneType)
        return nullable(Column(name, _type(name, inner), "")).type
    if origin is list:
        return f"Array({_plain(name, arguments[0])})"
    plain = _plain(name, annotation)
    return f"LowCardinality({plain})" if plain == "String" and _has_few(name, annotation) else plain


def _plain(name: str, annotation: Any) -> str:
    """The type without LowCardinality, which arrays and tuples do without."""
    nested = nested_messages(annotation)
    if nested:
        fields = nested[0].model_fields.items()
        return "Tuple(" + ", ".join(f"{field} {_inner(field, _annotation(info))}" for field, info in fields) + ")"
    avro = next((item for item in _metadata(annotation) if isinstance(item, Avro)), None)
    if avro is not None and avro.logical is not None:
        return {"uuid": "UUID", "timestamp-micros": "DateTime64(6, 'UTC')", "date": "Date32"}[avro.logical]
    base = avro.type if avro is not None else _root(annotation)
    return {"string": "String", str: "String", "long": "Int64", "int": "Int32", int: "Int64", bool: "Bool"}[base]


def _inner(name: str, annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not types.NoneType)
        return f"Nullable({_plain(name, inner)})"
    if origin is list:
        return f"Array({_plain(name, arguments[0])})"
    return _plain(name, annotation)


def _has_few(name: str, annotation: Any) -> bool:
    if name in _MANY:
        return False
    bounded = [getattr(item, "max_length", None) for item in _metadata(annotation)]
    return _is_literal(annotation) or name in _FEW or 64 in bounded


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


def _is_literal(annotation: Any) -> bool:
    return get_origin(annotation) is Literal


def _root(annotation: Any) -> Any:
    if get_origin(annotation) is Annotated:
        return _root(get_args(annotation)[0])
    return str if _is_literal(annotation) else annotation
