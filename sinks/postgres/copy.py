"""PostgreSQL's binary COPY format, straight from the platform's own values.

Instants are integers of microseconds and days integers already, so no date object is made on the way.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any

_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_TRAILER = b"\xff\xff"

NULL = struct.pack(">i", -1)
_EPOCH_MICROS = 946_684_800_000_000  # 2000-01-01 in microseconds since 1970
_EPOCH_DAYS = 10_957
_TEXT_OID, _UUID_OID = 25, 2950
length = struct.Struct(">i").pack
_int4 = struct.Struct(">ii").pack
_int8 = struct.Struct(">iq").pack
field_count = struct.Struct(">h").pack

Encode = Callable[[Any], bytes]

# Facts may not hold NUL, of all characters the one that PostgreSQL cannot store. They once could, so that state and
# topics may have it: refused here, such a lead's row would be missing for as long as the value is in its profile.
_NUL, _IN_ITS_PLACE = "\0", "\ufffd"
_NUL_IN_JSON = "\\u0000"


def _text(value: str) -> bytes:
    raw = value.replace(_NUL, _IN_ITS_PLACE).encode()
    return length(len(raw)) + raw


def _bytea(value: bytes) -> bytes:
    return length(len(value)) + value


def uuid(value: str) -> bytes:
    """The form of a UUID, given as text."""
    return _bytea(bytes.fromhex(value.replace("-", "")))


def _jsonb(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False)
    if _NUL_IN_JSON in text:  # or a backslash before these letters, which stays what it is
        text = json.dumps(_without_nul(value), ensure_ascii=False)
    raw = text.encode()
    return length(len(raw) + 1) + b"\1" + raw  # the version of the format goes before the text


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace(_NUL, _IN_ITS_PLACE)
    if isinstance(value, dict):
        return {_without_nul(name): _without_nul(item) for name, item in value.items()}
    return [_without_nul(item) for item in value] if isinstance(value, list) else value


def _array(oid: int, encode: Encode) -> Encode:
    def encoded(values: Sequence[Any]) -> bytes:
        if not values:
            body = struct.pack(">iii", 0, 0, oid)
        else:
            body = struct.pack(">iiiii", 1, 0, oid, len(values), 1) + b"".join(map(encode, values))
        return length(len(body)) + body

    return encoded


_repeated = lru_cache(4_096)  # a posting's lines have most of their values in common


ENCODERS: dict[str, Encode] = {
    "text": _repeated(_text),
    "bytea": _bytea,
    "uuid": _repeated(uuid),
    "jsonb": _jsonb,
    "text[]": _array(_TEXT_OID, _text),
    "uuid[]": _array(_UUID_OID, uuid),
    "bool": lambda value: b"\0\0\0\1\1" if value else b"\0\0\0\1\0",
    "int": _repeated(lambda value: _int4(4, value)),
    "bigint": _repeated(lambda value: _int8(8, value)),
    "date": _repeated(lambda value: _int4(4, value - _EPOCH_DAYS)),
    "timestamptz": _repeated(lambda value: _int8(8, value - _EPOCH_MICROS)),
}


def encoder(types: Sequence[str]) -> Callable[[Sequence[Any]], bytes]:
    """A function that turns a row into its bytes in a binary COPY stream.

    Args:
        types: PostgreSQL type of each column: text, bytea, uuid, text[], uuid[], jsonb (plain values), bool, int,
            bigint, date (days since 1970), timestamptz (microseconds since 1970).

    Raises (the returned function):
        ValueError: a value does not fit its type.
    """
    encoders = [ENCODERS[name] for name in types]
    count = field_count(len(encoders))

    def encode(row: Sequence[Any]) -> bytes:
        try:
            values = [NULL if value is None else encode_(value) for encode_, value in zip(encoders, row, strict=True)]
        except struct.error:
            raise ValueError("a number does not fit its column") from None
        return count + b"".join(values)

    return encode


def stream(rows: Iterable[bytes]) -> bytes:
    """A whole binary COPY stream of rows that an encoder made."""
    return b"".join((_HEADER, *rows, _TRAILER))
