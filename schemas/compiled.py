"""Readers and writers of Avro bodies, compiled to straight-line Python for one schema each.

Half of the line's time went into fastavro's interpretation of schemas; a function that knows its fields takes half of
that. Bytes are those of fastavro, field for field (the tests hold the two against each other on random messages).
Only what the contracts use is known: records, text, bytes, whole numbers, booleans, nullable fields and lists.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from schemas.contract import nested_messages
from schemas.events.base import Message, assemble
from schemas.pysource import Source, spelled_out

Reader = Callable[[bytes, int], tuple[Any, int]]
"""(bytes, position) -> (message, position behind it). Raises IndexError, ValueError or UnicodeDecodeError.

The position may lie behind the end: the caller must check, once for the whole record.
"""

Writer = Callable[[bytearray, Any], None]
"""Appends the Avro body of a message."""


def long_at(data: bytes, position: int) -> tuple[int, int]:
    """A zigzag varint and the position behind it."""
    word = int.from_bytes(data[position : position + 8], "little")
    if word & 0x8080808080808080 == 0x0080808080808080:
        # eight bytes, as instants of this century have: squeeze out each byte's top bit, two, four, eight at a time
        word &= 0x7F7F7F7F7F7F7F7F
        word = word & 0x007F007F007F007F | (word & 0x7F007F007F007F00) >> 1
        word = word & 0x00003FFF00003FFF | (word & 0x3FFF00003FFF0000) >> 2
        word = word & 0x000000000FFFFFFF | (word & 0x0FFFFFFF00000000) >> 4
        return (word >> 1) ^ -(word & 1), position + 8
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128 and value < 1 << 64:
            return (value >> 1) ^ -(value & 1), position
        shift += 7
        if shift > 63:
            raise ValueError("number of more than 64 bits")


def length_at(data: bytes, position: int) -> tuple[int, int]:
    """A length, never negative, and the position behind it."""
    length, position = long_at(data, position)
    if length < 0:
        raise ValueError("negative length")
    return length, position


@lru_cache(65_536)  # a record repeats its instants and days, and so do those that follow from it
def long_bytes(value: int) -> bytes:
    """A zigzag varint."""
    if not -(1 << 63) <= value < 1 << 63:
        raise OverflowError("number of more than 64 bits")
    return neighbouring_long_bytes(value)


def neighbouring_long_bytes(value: int) -> bytes:
    """The same of one of many neighbours, as offsets are: only their first byte differs."""
    zigzag = (value << 1) ^ (value >> 63)
    return _varint(zigzag) if zigzag < 128 else _FIRST[zigzag & 127] + _varint(zigzag >> 7)


_FIRST = [bytes([bits | 128]) for bits in range(128)]


@lru_cache(4_096)
def _varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else _FIRST[number & 127] + _varint(number >> 7)


# -- reading


def compile_reader(schema: dict[str, Any], message: type[Message]) -> Reader:
    """A reader of the bodies of one record schema, giving messages of one type.

    The schema may be an older version of the type's: what the type has lost is skipped, what it has gained since takes
    its default.
    """
    schema = spelled_out(schema)
    source = Source("def read(b, p):", {"assemble": assemble, "long_at": long_at, "length_at": length_at})
    inner = {name: nested_messages(info.annotation) for name, info in message.model_fields.items()}
    read = {field["name"]: source.fresh() for field in schema["fields"]}
    for field in schema["fields"]:
        _read(source, 1, field["type"], read[field["name"]], inner.get(field["name"], [Message]))
    values = (
        f"{name!r}: {read.get(name) or source.name(info.get_default())}" for name, info in message.model_fields.items()
    )
    source.add(1, f"return assemble({source.name(message)}, {{{', '.join(values)}}}), p")
    reader: Reader = source.function("read")
    return reader


def _read(source: Source, depth: int, type_: Any, to: str, inner: list[type[Message]]) -> None:
    match type_:
        case "string" | "bytes":
            text = f"{to} = b[p:e].decode()" if type_ == "string" else f"{to} = b[p:e]"
            source.add(
                depth, "n = b[p]", "if n & 129:", "    n, p = length_at(b, p)", "else:", "    n >>= 1", "    p += 1"
            )
            source.add(depth, "e = p + n", text, "p = e")
        case "long" | "int":
            source.add(depth, "n = b[p]", "if n > 127:", f"    {to}, p = long_at(b, p)", "else:")
            source.add(depth, f"    {to} = (n >> 1) ^ -(n & 1)", "    p += 1")
        case "boolean":
            source.add(depth, "n = b[p]", "p += 1", "if n > 1:", "    raise ValueError('no boolean')", f"{to} = n == 1")
        case ["null", some]:
            source.add(depth, "n = b[p]", "p += 1", "if n == 0:", f"    {to} = None", "elif n == 2:")
            _read(source, depth + 1, some, to, inner)
            source.add(depth, "else:", "    raise ValueError('no such branch')")
        case {"type": "array", "items": items}:
            count, item = source.fresh(), source.fresh()
            source.add(depth, f"{to} = []", "while True:", f"    {count}, p = long_at(b, p)", f"    if {count} == 0:")
            source.add(
                depth + 1, "    break", f"if {count} < 0:", f"    {count} = -{count}", "    n, p = long_at(b, p)"
            )
            source.add(depth + 1, f"for _ in range({count}):")
            _read(source, depth + 2, items, item, inner)
            source.add(depth + 2, f"{to}.append({item})")
        case {"type": "record"}:
            (message,) = inner
            source.add(depth, f"{to}, p = {source.name(compile_reader(type_, message))}(b, p)")
        case {"type": primitive}:
            _read(source, depth, primitive, to, inner)
        case _:
            raise TypeError(f"no reader for {type_}")


# -- writing


def compile_writer(schema: dict[str, Any]) -> Writer:
    """A writer of the bodies of one record schema."""
    schema = spelled_out(schema)
    source = Source("def write(o, m):", {"long_bytes": long_bytes})
    source.add(1, "d = m.__dict__")
    for field in schema["fields"]:
        value = source.fresh()
        source.add(1, f"{value} = d[{field['name']!r}]")
        _write(source, 1, field["type"], value)
    writer: Writer = source.function("write")
    return writer


def _write(source: Source, depth: int, type_: Any, value: str) -> None:
    match type_:
        case "string" | "bytes":
            source.add(depth, f"s = {value}.encode()" if type_ == "string" else f"s = {value}")
            source.add(
                depth, "n = len(s)", "if n < 64:", "    o.append(n << 1)", "else:", "    o += long_bytes(n)", "o += s"
            )
        case "long" | "int":
            source.add(
                depth, f"if 0 <= {value} < 64:", f"    o.append({value} << 1)", "else:", f"    o += long_bytes({value})"
            )
        case "boolean":
            source.add(depth, f"o.append(1 if {value} else 0)")
        case ["null", some]:
            source.add(depth, f"if {value} is None:", "    o.append(0)", "else:", "    o.append(2)")
            _write(source, depth + 1, some, value)
        case {"type": "array", "items": items}:
            item = source.fresh()
            source.add(depth, f"if {value}:", f"    o += long_bytes(len({value}))", f"    for {item} in {value}:")
            _write(source, depth + 2, items, item)
            source.add(depth, "o.append(0)")
        case {"type": "record"}:
            source.add(depth, f"{source.name(compile_writer(type_))}(o, {value})")
        case {"type": primitive}:
            _write(source, depth, primitive, value)
        case _:
            raise TypeError(f"no writer for {type_}")
