"""Rows of PostgreSQL's COPY straight from Avro bodies, by a function compiled for one schema and one table.

A posting of the ledger brings ten lines and more, of thirty columns each. To make messages and rows of them only to
take those apart again costs four times as much. What fails here is left to the codec, which says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from schemas.compiled import length_at, long_at
from schemas.pysource import Source, spelled_out
from sinks.postgres.copy import ENCODERS, NULL, field_count, length, uuid

Transcoder = Callable[[bytes, int, int, int], list[bytes]]
"""(value, position of its Avro body, partition, offset) -> rows as they stand in a COPY stream.

Raises IndexError, ValueError or struct.error for what is no body of the schema.
"""

_SHORT = 64  # what is less takes one byte as a varint
_WINDOWS = {"date": 3, "timestamptz": 8}  # bytes that hold the varint of all but a few
_LENGTHS = [length(n) for n in range(_SHORT)]


def compile_transcoder(schema: dict[str, Any], columns: Sequence[tuple[str, str]]) -> Transcoder:
    """A transcoder of the bodies of a record schema, a row for each record of the list that is its last field.

    Args:
        columns: name and PostgreSQL type: ``_partition`` and ``_offset``, then fields of the schema and at last fields
            of the list's records, both in the schema's order. Other fields are passed over.

    Raises:
        TypeError: the schema has no such columns in that order.
    """
    schema = spelled_out(schema)
    *own, last = schema["fields"]
    source = _Rows(dict(columns))
    count = source.name(field_count(len(columns)))
    of_all = [source.encoded("_partition", "partition"), source.encoded("_offset", "offset")]
    of_all += [part for field in own for part in source.read(1, field)]
    source.add(1, f"head = {count} + b''.join(({', '.join(of_all)}))", "rows = []", "while True:")
    source.add(2, "count, p = long_at(b, p)", "if count == 0:", "    break", "if count < 0:")
    source.add(2, "    count = -count", "    n, p = long_at(b, p)", "for _ in range(count):")
    of_one = [part for field in last["type"]["items"]["fields"] for part in source.read(3, field)]
    source.add(3, f"rows.append(b''.join((head, {', '.join(of_one)})))")
    source.add(1, "if p != len(b):", "    raise ValueError('the body ends elsewhere')", "return rows")
    if list(source.columns) != source.written:
        raise TypeError(f"columns in the order of the schema are {source.written}")
    transcoder: Transcoder = source.function("transcode")
    return transcoder


def _form_in_window(encode: Callable[[int], bytes]) -> Callable[[bytes], tuple[bytes, int]]:
    """From the bytes that begin with a varint to its form and its length; a posting repeats its instants and sums."""

    @lru_cache(4_096)
    def form(window: bytes) -> tuple[bytes, int]:
        number, end = long_at(window, 0)
        return encode(number), end

    return form


class _Rows(Source):
    """Source that reads Avro from ``b`` at ``p`` and makes PostgreSQL's form of it."""

    def __init__(self, columns: dict[str, str]) -> None:
        names = {"length_at": length_at, "long_at": long_at, "length": length, "lengths": _LENGTHS, "null": NULL}
        super().__init__("def transcode(b, p, partition, offset):", names)
        self.columns = columns
        self.written: list[str] = []

    def encoded(self, column: str, value: str) -> str:
        """An expression of the column's form of a value; the column counts as written."""
        self.written.append(column)
        return f"{self.name(ENCODERS[self.columns[column]])}({value})"

    def read(self, depth: int, field: dict[str, Any]) -> list[str]:
        """Read a field; the variables that hold a column's form of it then, in order (none: it is no column)."""
        type_, column = field["type"], field["name"]
        optional = isinstance(type_, list)
        some = type_[1] if optional else type_
        if optional:
            self.add(depth, "n = b[p]", "p += 1", "if n == 2:")
        read = self._form if column in self.columns else self._pass
        parts = read(depth + optional, some, column)
        if optional:
            self.add(depth, "elif n != 0:", "    raise ValueError('no such branch')")
            if parts:
                self.add(depth, "else:", f"    {parts[0]} = null", *(f"    {part} = b''" for part in parts[1:]))
        return parts

    def _form(self, depth: int, type_: Any, column: str) -> list[str]:
        to = self.fresh()
        match _primitive(type_), self.columns[column]:
            case "string", "text":
                self.written.append(column)
                self.add(depth, "n = b[p]", "p += 1", "if n & 129:", "    n, p = length_at(b, p - 1)")
                self.add(depth, f"    {to} = length(n)", "else:", "    n >>= 1", f"    {to} = lengths[n]")
                self.add(depth, "e = p + n", f"{to}t = b[p:e]", "p = e")
                return [to, f"{to}t"]
            case "string", "uuid":
                self.written.append(column)
                self.add(depth, "if b[p] != 72:", "    raise ValueError('no UUID')", "e = p + 37")
                self.add(depth, f"{to} = {self.name(uuid)}(b[p + 1 : e].decode())", "p = e")
            case (("long" | "int"), kind):
                self.written.append(column)
                small = self.name([ENCODERS[kind]((n >> 1) ^ -(n & 1)) for n in range(2 * _SHORT)])
                form = self.name(_form_in_window(ENCODERS[kind]))
                self.add(depth, "n = b[p]", "if n < 128:", f"    {to} = {small}[n]", "    p += 1", "else:")
                self.add(depth, f"    {to}, n = {form}(b[p : p + {_WINDOWS.get(kind, 10)}])", "    p += n")
            case primitive, kind:
                raise TypeError(f"no transcoder of {primitive} into {kind}")
        return [to]

    def _pass(self, depth: int, type_: Any, _name: str) -> list[str]:
        match _primitive(type_):
            case "string":
                self.add(depth, "n, p = length_at(b, p)", "p += n")
            case "long" | "int":
                self.add(depth, "n, p = long_at(b, p)")
            case primitive:
                raise TypeError(f"no way past {primitive}")
        return []


def _primitive(type_: Any) -> Any:
    return type_["type"] if isinstance(type_, dict) else type_
