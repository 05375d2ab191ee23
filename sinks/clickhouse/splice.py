"""Confluent bodies of one schema id, glued into one Avro file: nothing is decoded here, ClickHouse does it.

Avro writes the fields of a record one after the other and nothing around them. So bytes in front of a body are the
fields of a longer record, and a nested record is the same bytes as its fields spelled out. The schema in the file's
header therefore may name each field as the table names its column, and name the others so that no column fits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from schemas.codec import HEADER_BYTES
from schemas.compiled import neighbouring_long_bytes as long
from schemas.registry import Entry, wire_schema

CHECK = 2**52
"""Added to the offset behind each body: eight bytes that no stray end of a body is taken for."""

_MAGIC = b"Obj\x01"
_SYNC = b"fineacers-splice"  # 16 bytes; the file is read at once, so the marker need not be random


def flat_schema(entry: Entry, columns: Mapping[str, str]) -> dict[str, Any]:
    """The schema of spliced records of an entry.

    Args:
        columns: column by Avro path: ``field`` for the record's own (the prefix's), ``fact.field`` for those behind a
            prefix. A field without a column keeps its bytes and gets a name that no table has.
    """
    fields: list[dict[str, Any]] = [
        {"name": "_partition", "type": "long"},
        {"name": "_offset", "type": "long"},
        {"name": "type", "type": "string"},
    ]
    for path, type_ in _leaves(entry):
        name = columns.get(path, f"_unused_{len(fields)}")
        fields.append({"name": name, "type": type_})
    # Read last: a body that is shorter or longer than its schema says leaves another number here.
    fields.append({"name": "_chk", "type": "long"})
    return {"type": "record", "name": "Spliced", "fields": fields}


def _leaves(entry: Entry) -> Iterable[tuple[str, Any]]:
    schema = wire_schema(entry)
    for field in schema["fields"]:
        if entry.prefix is not None and field["name"] == "fact":
            yield from ((f"fact.{inner['name']}", inner["type"]) for inner in field["type"]["fields"])
        else:
            yield field["name"], field["type"]


def row(partition: int, offset: int, type_: str, raw: bytes) -> bytes:
    """One spliced record; ``raw`` is a record's value with its header."""
    return b"".join((long(partition), long(offset), _string(type_), raw[HEADER_BYTES:], long(offset + CHECK)))


def container(schema: dict[str, Any], rows: list[bytes]) -> bytes:
    """An Avro object container file with these records in one block."""
    body = b"".join(rows)
    return b"".join((_header(json.dumps(schema)), long(len(rows)), long(len(body)), body, _SYNC))


@lru_cache(maxsize=256)
def _header(schema: str) -> bytes:
    meta = long(2) + _string("avro.schema") + _string(schema) + _string("avro.codec") + _string("null") + long(0)
    return _MAGIC + meta + _SYNC


@lru_cache(maxsize=256)
def _string(text: str) -> bytes:
    raw = text.encode()
    return long(len(raw)) + raw
