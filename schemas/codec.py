"""Bytes to messages and back: Confluent wire format (a zero byte, the schema id, the Avro body)."""

from __future__ import annotations

import struct
from functools import cache
from typing import NamedTuple

from schemas.compiled import Reader, Writer, compile_reader, compile_writer
from schemas.contract import avro_schema
from schemas.events.base import Message
from schemas.events.routing import Prefix
from schemas.registry import PREFIXES, Entry, committed_schema, entries, latest_entry, wrapped_id

_HEADER = struct.Struct(">bI")
HEADER_BYTES = _HEADER.size
"""Magic and schema id in front of each body."""


class CodecError(ValueError):
    """Bytes that are no message. ``reason`` is a dead letter's reason code, ``detail`` says more, without values."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Decoded(NamedTuple):
    """A message, the prefix it travelled behind (if any), and its own bytes in wire format, as published."""

    message: Message
    prefix: Prefix | None
    raw: bytes


def encode(message: Message) -> bytes:
    """A message in wire format under the newest version of its schema."""
    header, write = _writer(type(message))
    out = bytearray(header)
    write(out, message)
    return bytes(out)


def forward(prefix: Prefix, raw: bytes) -> bytes:
    """A fact's unchanged Avro bytes behind a prefix, in wire format. ``raw`` is the fact in wire format."""
    name = type(prefix).__name__
    out = bytearray(_HEADER.pack(0, wrapped_id(name, _HEADER.unpack_from(raw)[1])))
    _prefix_writer(name)(out, prefix)
    out += memoryview(raw)[HEADER_BYTES:]
    return bytes(out)


def decode(raw: bytes) -> Decoded:
    """The message of bytes in wire format; nothing but the Avro form is checked. Raises ``CodecError``."""
    entry = entry_of(raw)
    position, prefix, fact = HEADER_BYTES, None, raw
    try:
        if entry.prefix is not None:
            prefix, position = _prefix_reader(entry.prefix)(raw, position)
            fact = _HEADER.pack(0, _payload_id(entry)) + raw[position:]
        message, position = _reader(entry)(raw, position)
    except UnicodeDecodeError as error:
        raise CodecError("invalid_utf8", f"a text field of {entry.type} is not UTF-8: {error.reason}") from None
    except (IndexError, ValueError) as error:
        raise CodecError("truncated", f"Avro body of {entry.type} ends early or is garbled ({error})") from None
    if position > len(raw):
        raise CodecError("truncated", f"Avro body of {entry.type} ends {position - len(raw)} bytes early")
    if position < len(raw):
        raise CodecError("trailing_bytes", f"{len(raw) - position} bytes after the Avro body of {entry.type}")
    return Decoded(message, prefix, fact)


def header(entry: Entry) -> bytes:
    """What every record of a schema entry begins with."""
    return _HEADER.pack(0, entry.id)


def entry_of(raw: bytes) -> Entry:
    """The schema entry that a record's header names. Raises ``CodecError``."""
    if len(raw) < HEADER_BYTES:
        raise CodecError("truncated", f"{len(raw)} bytes: too short for the five-byte header")
    magic, schema_id = _HEADER.unpack_from(raw)
    if magic != 0:
        raise CodecError("bad_magic", f"first byte is {magic & 0xFF:#04x}, not 0: not in Confluent wire format")
    entry = _by_id().get(schema_id)
    if entry is None:
        raise CodecError("unknown_schema", f"schema id {schema_id} is in no table; `fineacers topics` lists the types")
    return entry


@cache
def _by_id() -> dict[int, Entry]:
    return {entry.id: entry for entry in entries()}


@cache
def _payload_id(entry: Entry) -> int:
    return next(e.id for e in entries() if (e.type, e.version, e.prefix) == (entry.type, entry.version, None))


@cache
def _writer(message: type[Message]) -> tuple[bytes, Writer]:
    entry = latest_entry(message.__name__)
    return header(entry), compile_writer(committed_schema(entry.type, entry.version))


@cache
def _reader(entry: Entry) -> Reader:
    return compile_reader(committed_schema(entry.type, entry.version), entry.message)


@cache
def _prefix_writer(name: str) -> Writer:
    return compile_writer(avro_schema(PREFIXES[name]))


@cache
def _prefix_reader(name: str) -> Reader:
    return compile_reader(avro_schema(PREFIXES[name]), PREFIXES[name])
