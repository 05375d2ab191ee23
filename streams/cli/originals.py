"""The original of a dead letter, made readable as far as its bytes allow."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

from fastavro import parse_schema, schemaless_reader

from schemas.codec import HEADER_BYTES, CodecError, decode, entry_of
from schemas.events.base import Message, assemble
from schemas.registry import committed_schema
from streams.cli.masking import shown, shown_object

_DUMPED_BYTES = 4_096


def readable_original(raw: bytes, *, wire: bool, reveal: bool) -> str:
    """The event, or its first fields, or the text, or a hex dump. ``wire``: the bytes came from a Kafka topic.

    Without ``reveal`` nothing is shown whose meaning is unknown, because it may be personal.
    """
    if wire:
        return _wire(raw, reveal=reveal)
    try:
        text = raw.decode("utf-8").rstrip("\r\n")
        value = json.loads(text) if text.lstrip().startswith("{") else None
    except UnicodeDecodeError:
        return _dump(raw, reveal=reveal)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return _pretty(shown_object(value, reveal=reveal))
    return text if reveal else f"a line of {len(raw):,} bytes, masked: --reveal shows it"


def _wire(raw: bytes, *, reveal: bool) -> str:
    try:
        return _pretty(shown(decode(raw).message, reveal=reveal))
    except CodecError:
        pass
    try:
        entry = entry_of(raw)
    except CodecError:
        return _dump(raw, reveal=reveal)
    if entry.prefix is not None:
        return _dump(raw, reveal=reveal)
    fields = _first_fields(raw, committed_schema(entry.type, entry.version))
    rest = f"{entry.type}, readable up to here; then {len(raw):,} bytes end or make no sense"
    return _pretty(shown(_partial(entry.message, fields), reveal=reveal)) + f"\n{rest}"


def _first_fields(raw: bytes, schema: dict[str, Any]) -> dict[str, Any]:
    """The fields of an Avro body that can be read one after another."""
    body, fields = BytesIO(raw), {}
    body.seek(HEADER_BYTES)
    for field in schema["fields"]:
        try:
            fields[field["name"]] = schemaless_reader(body, parse_schema(_plain(field["type"]), {}), None)
        except (EOFError, IndexError, ValueError, OverflowError, MemoryError, TypeError):
            break
    return fields


def _plain(node: Any) -> Any:
    """A schema without logical types, so that instants stay integers."""
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items() if key != "logicalType"}
    return [_plain(item) for item in node] if isinstance(node, list) else node


def _partial(type_: type[Message], fields: dict[str, Any]) -> Message:
    return assemble(type_, {name: fields.get(name) for name in type_.model_fields})


def _dump(raw: bytes, *, reveal: bool) -> str:
    shown_bytes = raw[:_DUMPED_BYTES] if reveal else raw[:HEADER_BYTES]
    lines = [
        f"{at:08x}  {row.hex(' '):<47}  {''.join(chr(byte) if 32 <= byte < 127 else '.' for byte in row)}"
        for at, row in ((at, shown_bytes[at : at + 16]) for at in range(0, len(shown_bytes), 16))
    ]
    left = len(raw) - len(shown_bytes)
    if left:
        lines.append(f"and {left:,} bytes more" if reveal else f"and {left:,} bytes more, masked: --reveal shows them")
    return "\n".join(lines)


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
