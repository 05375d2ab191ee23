"""Bytes to messages and back: Confluent wire format (a zero byte, the schema id, the Avro body)."""

from __future__ import annotations

import struct
from functools import cache
from io import BytesIO
from typing import Any, NamedTuple

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from schemas.contract import avro_schema, nested_messages
from schemas.events.base import Message, assemble
from schemas.events.routing import Prefix
from schemas.registry import PREFIXES, Entry, committed_schema, entries, latest_entry, wrapped_id

_HEADER = struct.Struct(">bI")


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
    header, schema = _writer(type(message))
    out = BytesIO()
    out.write(header)
    schemaless_writer(out, schema, _plain(message))
    return out.getvalue()


def forward(prefix: Prefix, raw: bytes) -> bytes:
    """A fact's unchanged Avro bytes behind a prefix, in wire format. ``raw`` is the fact in wire format."""
    name = type(prefix).__name__
    out = BytesIO()
    out.write(_HEADER.pack(0, wrapped_id(name, _HEADER.unpack_from(raw)[1])))
    schemaless_writer(out, _prefix_schema(name), _plain(prefix))
    out.write(raw[_HEADER.size :])
    return out.getvalue()


def decode(raw: bytes) -> Decoded:
    """The message of bytes in wire format; nothing but the Avro form is checked. Raises ``CodecError``."""
    entry = entry_of(raw)
    body = BytesIO(raw)
    body.seek(_HEADER.size)
    prefix, fact = None, raw
    try:
        if entry.prefix is not None:
            kind = PREFIXES[entry.prefix]
            prefix = _assembled(kind, schemaless_reader(body, _prefix_schema(entry.prefix), None))
            fact = _HEADER.pack(0, _payload_id(entry)) + raw[body.tell() :]
        writer, reader = _schemas(entry)
        message = _assembled(entry.message, schemaless_reader(body, writer, reader))
    except UnicodeDecodeError as error:
        raise CodecError("invalid_utf8", f"text field of {entry.type} is not UTF-8: {error.reason}") from None
    except (EOFError, IndexError, ValueError, OverflowError, MemoryError) as error:
        raise CodecError("truncated", f"Avro body of {entry.type} ends early ({type(error).__name__})") from None
    if body.tell() != len(raw):
        raise CodecError("trailing_bytes", f"{len(raw) - body.tell()} bytes after the Avro body of {entry.type}")
    return Decoded(message, prefix, fact)


def entry_of(raw: bytes) -> Entry:
    """The schema entry that a record's header names. Raises ``CodecError``."""
    if len(raw) < _HEADER.size:
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
def _writer(message: type[Message]) -> tuple[bytes, Any]:
    entry = latest_entry(message.__name__)
    return _HEADER.pack(0, entry.id), _parsed(committed_schema(entry.type, entry.version))


@cache
def _prefix_schema(name: str) -> Any:
    return _parsed(avro_schema(PREFIXES[name]))


@cache
def _schemas(entry: Entry) -> tuple[Any, Any]:
    """Writer's schema of an entry, and the reader's where it is another."""
    writer = _parsed(committed_schema(entry.type, entry.version))
    newest = latest_entry(entry.type)
    if newest.version == entry.version:
        return writer, None
    return writer, _parsed(committed_schema(entry.type, newest.version))


def _parsed(schema: dict[str, Any]) -> Any:
    """A schema ready for fastavro, without logical types: instants stay integers and uuids text."""
    return parse_schema(_without_logical_types(schema), named_schemas={})


def _without_logical_types(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_logical_types(value) for key, value in node.items() if key != "logicalType"}
    return [_without_logical_types(item) for item in node] if isinstance(node, list) else node


@cache
def _nested(message: type[Message]) -> dict[str, type[Message]]:
    """Fields of a message that hold lists of messages."""
    inner = {name: nested_messages(info.annotation) for name, info in message.model_fields.items()}
    return {name: found[0] for name, found in inner.items() if found}


def _plain(message: Message) -> dict[str, Any]:
    nested = _nested(type(message))
    if not nested:
        return message.__dict__
    plain = dict(message.__dict__)
    for name in nested:
        if plain[name] is not None:
            plain[name] = [_plain(item) for item in plain[name]]
    return plain


def _assembled(message: type[Message], values: Any) -> Any:
    for name, inner in _nested(message).items():
        if values[name] is not None:
            values[name] = [_assembled(inner, item) for item in values[name]]
    return assemble(message, values)
