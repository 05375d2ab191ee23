"""Rows without messages in between are those with them; what the codec does not take, the transcoder does not."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.codec import HEADER_BYTES, CodecError, decode, encode
from schemas.events.base import assemble
from schemas.events.ledger import CreditsPosted, Line
from sinks.delivery import Record
from sinks.postgres.rows import BULK, ROWS
from sinks.postgres.transcode import compile_transcoder
from tests.property.messages import carried

_UUIDS = st.uuids().map(str)
_INT = st.integers(-(2**31), 2**31 - 1)
_DAY = st.integers(-(10**6), 10**6)
_INSTANT = st.integers(-(2**53), 2**53)


def _with(message: Any, **values: Any) -> Any:
    return assemble(type(message), {**message.__dict__, **values})


LINE = st.builds(
    _with, carried(Line), line_id=_UUIDS, touch_day=_DAY, conversion_day=_DAY, effective_at=_INSTANT
)  # fmt: skip
POSTING = st.builds(
    _with,
    carried(CreditsPosted),
    posting_id=_UUIDS,
    lead_id=_UUIDS,
    seq=_INT,
    known_at=_INSTANT,
    lines=st.lists(LINE, max_size=3),
)


def _transcoded(value: bytes, partition: int, offset: int) -> list[bytes]:
    _table, transcode = BULK[value[:HEADER_BYTES]]
    return transcode(value, HEADER_BYTES, partition, offset)


def _by_messages(value: bytes, partition: int, offset: int) -> list[bytes]:
    rows = ROWS[CreditsPosted](decode(value), Record("attribution.credits", partition, offset, 0, value))
    return [table.encode(row) for table, row in rows]


def _has_nul(message: Any) -> bool:
    """Whether there is a NUL in a text: no posting was ever allowed one, so the transcoder does not look for it."""
    return r"\x00" in repr(message)


@given(POSTING, st.integers(0, 99), st.integers(0, 2**62))
def test_rows_are_those_of_the_message(posting: CreditsPosted, partition: int, offset: int) -> None:
    assume(not _has_nul(posting))
    value = encode(posting)
    assert _transcoded(value, partition, offset) == _by_messages(value, partition, offset)


@given(POSTING, st.integers(0), st.integers(0, 255), st.sampled_from(["cut", "longer", "changed"]))
def test_what_the_codec_does_not_take_gives_no_rows(posting: CreditsPosted, where: int, byte: int, harm: str) -> None:
    value = encode(posting)
    at = HEADER_BYTES + where % (len(value) - HEADER_BYTES)
    value = {
        "cut": value[:at],
        "longer": value + bytes([byte]),
        "changed": value[:at] + bytes([byte]) + value[at + 1 :],
    }[harm]
    try:
        expected = _by_messages(value, 0, 0)
    except CodecError as refused:
        if refused.reason != "invalid_utf8":  # which PostgreSQL sees
            with pytest.raises((IndexError, ValueError, struct.error)):
                _transcoded(value, 0, 0)
        return
    except ValueError:
        return
    with suppress(IndexError, ValueError, struct.error):  # the codec's way is open to it
        assert _transcoded(value, 0, 0) == expected or _has_nul(decode(value).message)


def test_columns_must_come_in_the_order_of_the_schema() -> None:
    schema = {"type": "record", "name": "P", "namespace": "n", "fields": [
        {"name": "a", "type": "string"},
        {"name": "b", "type": "long"},
        {"name": "of", "type": {"type": "array", "items": {"type": "record", "name": "L", "namespace": "n", "fields": [
            {"name": "c", "type": "int"}]}}}]}  # fmt: skip
    columns = [("_partition", "int"), ("_offset", "bigint"), ("a", "text"), ("c", "date")]
    assert compile_transcoder(schema, columns)(b"\x02x\x06\x04\x02\x04\x00", 0, 1, 2)
    with pytest.raises(TypeError, match="order of the schema"):
        compile_transcoder(schema, [*columns[2:], *columns[:2]])
    with pytest.raises(TypeError, match="no transcoder of string into bigint"):
        compile_transcoder(schema, [*columns[:2], ("a", "bigint"), columns[3]])
