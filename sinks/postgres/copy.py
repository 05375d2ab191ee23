"""PostgreSQL's binary COPY format, straight from the platform's own values.

Instants are integers of microseconds and days integers already, so no date object is made on the way.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"

_NULL = struct.pack(">i", -1)
_EPOCH_MICROS = 946_684_800_000_000  # 2000-01-01 in microseconds since 1970
_EPOCH_DAYS = 10_957
_TEXT_OID, _UUID_OID = 25, 2950
_length = struct.Struct(">i").pack
_int4 = struct.Struct(">ii").pack
_int8 = struct.Struct(">iq").pack
_fields = struct.Struct(">h").pack

Encode = Callable[[Any], bytes]


def _text(value: str) -> bytes:
    raw = value.encode()
    return _length(len(raw)) + raw


def _bytea(value: bytes) -> bytes:
    return _length(len(value)) + value


def _uuid(value: str) -> bytes:
    return b"\0\0\0\x10" + bytes.fromhex(value.replace("-", ""))


def _jsonb(value: Any) -> bytes:
    raw = json.dumps(value, ensure_ascii=False).encode()
    return _length(len(raw) + 1) + b"\1" + raw  # the version of the format goes before the text


def _array(oid: int, encode: Encode) -> Encode:
    def encoded(values: Sequence[Any]) -> bytes:
        if not values:
            body = struct.pack(">iii", 0, 0, oid)
        else:
            body = struct.pack(">iiiii", 1, 0, oid, len(values), 1) + b"".join(map(encode, values))
        return _length(len(body)) + body

    return encoded


_repeated = lru_cache(4_096)  # a posting's lines have most of their values in common


_ENCODERS: dict[str, Encode] = {
    "text": _repeated(_text),
    "bytea": _bytea,
    "uuid": _repeated(_uuid),
    "jsonb": _jsonb,
    "text[]": _array(_TEXT_OID, _text),
    "uuid[]": _array(_UUID_OID, _uuid),
    "bool": lambda value: b"\0\0\0\1\1" if value else b"\0\0\0\1\0",
    "int": _repeated(lambda value: _int4(4, value)),
    "bigint": _repeated(lambda value: _int8(8, value)),
    "date": _repeated(lambda value: _int4(4, value - _EPOCH_DAYS)),
    "timestamptz": _repeated(lambda value: _int8(8, value - _EPOCH_MICROS)),
}


def encoder(types: Iterable[str]) -> Callable[[Iterable[Sequence[Any]]], bytes]:
    """A function that turns rows into one whole binary COPY stream.

    Args:
        types: PostgreSQL type of each column: text, bytea, uuid, text[], uuid[], jsonb (plain values), bool, int,
            bigint, date (days since 1970), timestamptz (microseconds since 1970).

    Raises (the returned function):
        ValueError: a value does not fit its type.
    """
    encoders = [_ENCODERS[name] for name in types]
    count = _fields(len(encoders))

    def encode(rows: Iterable[Sequence[Any]]) -> bytes:
        out = [HEADER]
        try:
            for row in rows:
                out.append(count)
                out += [
                    _NULL if value is None else encode_(value) for encode_, value in zip(encoders, row, strict=True)
                ]
        except struct.error:
            raise ValueError("a number does not fit its column") from None
        out.append(TRAILER)
        return b"".join(out)

    return encode
