"""Schema ids: the committed table of every schema version that may be on the wire.

``schemas/avro/<Type>/<version>.avsc`` holds each version, ``schemas/avro/ids.json`` its id. A fact behind a prefix
(``schemas.events.routing``) has an id of its own; its schema is the prefix's fields and one more, ``fact``.
Both are written by ``fineacers schemas export`` and never changed afterwards, only added to.
"""

from __future__ import annotations

import builtins
import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from schemas.contract import NAMESPACE, avro_schema
from schemas.events.base import Message
from schemas.events.routing import Accepted, Prefix, Routed
from schemas.topics import FACT_TOPIC, MESSAGES

PREFIXES: dict[str, type[Prefix]] = {"Routed": Routed, "Accepted": Accepted}


@dataclass(frozen=True)
class Entry:
    """One schema id: a version of a type, alone or behind a prefix."""

    id: int
    type: str
    version: int
    prefix: str | None

    @property
    def message(self) -> builtins.type[Message]:
        """The Python type that this entry's payload is read into."""
        return MESSAGES[self.type]


@cache
def entries() -> tuple[Entry, ...]:
    """All entries of the committed table, by id."""
    table = files("schemas").joinpath("avro/ids.json").read_text()
    return tuple(Entry(**row) for row in json.loads(table))


@cache
def committed_schema(type_: str, version: int) -> dict[str, Any]:
    """The Avro schema of a version as committed."""
    text = files("schemas").joinpath(f"avro/{type_}/{version}.avsc").read_text()
    schema: dict[str, Any] = json.loads(text)
    return schema


def wire_schema(entry: Entry) -> dict[str, Any]:
    """The whole Avro schema of an id: what a reader who knows nothing of prefixes needs."""
    payload = committed_schema(entry.type, entry.version)
    if entry.prefix is None:
        return payload
    prefix = avro_schema(PREFIXES[entry.prefix])
    named = _rename_known(payload, prefix)
    return {
        **prefix,
        "name": entry.prefix + entry.type,
        "fields": [*prefix["fields"], {"name": "fact", "type": named}],
    }


def _rename_known(payload: Any, prefix: Any) -> Any:
    """The payload with records that the prefix already defines named instead of defined again."""
    known = {f"{NAMESPACE}.{name}" for name in _record_names(prefix)}

    def walk(node: Any) -> Any:
        if isinstance(node, dict):
            if node.get("type") == "record" and f"{NAMESPACE}.{node['name']}" in known:
                return f"{NAMESPACE}.{node['name']}"
            return {key: walk(value) for key, value in node.items()}
        return [walk(item) for item in node] if isinstance(node, list) else node

    return walk(payload)


def _record_names(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["name"]} if node.get("type") == "record" else set()
        return own.union(*(_record_names(value) for value in node.values()), set())
    return set().union(*(_record_names(item) for item in node), set()) if isinstance(node, list) else set()


@cache
def latest_entry(type_: str, prefix: str | None = None) -> Entry:
    """The entry of a type's newest version, alone or behind a prefix."""
    return max((e for e in entries() if e.type == type_ and e.prefix == prefix), key=lambda e: e.version)


@cache
def wrapped_id(prefix: str, payload_id: int) -> int:
    """The id of the schema that is a prefix in front of the schema ``payload_id``."""
    payload = next(e for e in entries() if e.id == payload_id)
    return next(e.id for e in entries() if (e.type, e.version, e.prefix) == (payload.type, payload.version, prefix))


def forms(type_: str) -> tuple[str | None, ...]:
    """In which forms a type travels: alone, and, a fact, behind each prefix."""
    return (None, *PREFIXES) if MESSAGES[type_] in FACT_TOPIC else (None,)
