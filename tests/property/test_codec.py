"""The codec loses nothing, takes nothing for a message that is none, and never fails but by its own error."""

import struct
from functools import cache
from io import BytesIO
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import CodecError, decode, encode, forward
from schemas.contract import avro_schema
from schemas.events.base import Message
from schemas.events.routing import Prefix
from schemas.registry import Entry, entries
from tests.property.messages import FACT, MESSAGE, PREFIX


@given(MESSAGE)
def test_what_is_decoded_is_what_was_encoded(message: Message) -> None:
    raw = encode(message)
    decoded = decode(raw)
    assert decoded.message == message
    assert type(decoded.message) is type(message)
    assert decoded.prefix is None
    assert decoded.raw == raw
    assert encode(decoded.message) == raw


@given(MESSAGE)
def test_the_bytes_are_those_of_any_other_avro_library(message: Message) -> None:
    out = BytesIO()
    schemaless_writer(out, _plain_schema(type(message)), _plain(message))
    assert encode(message)[5:] == out.getvalue()


@cache
def _plain_schema(type_: type[Message]) -> Any:
    """A schema ready for fastavro, without logical types, so that instants are integers for it too."""
    return parse_schema(_without_logical_types(avro_schema(type_)), {})


def _without_logical_types(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _without_logical_types(value) for key, value in node.items() if key != "logicalType"}
    return [_without_logical_types(item) for item in node] if isinstance(node, list) else node


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return {name: _plain(field) for name, field in value.__dict__.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


@given(FACT, PREFIX)
def test_a_fact_behind_a_prefix_keeps_its_bytes(fact: Message, prefix: Prefix) -> None:
    raw = encode(fact)
    decoded = decode(forward(prefix, raw))
    assert decoded.prefix == prefix
    assert decoded.message == fact
    assert decoded.raw == raw


@given(FACT, PREFIX, PREFIX)
def test_a_prefix_replaces_another_without_a_trace(fact: Message, first: Prefix, second: Prefix) -> None:
    raw = encode(fact)
    assert forward(second, decode(forward(first, raw)).raw) == forward(second, raw)


@given(MESSAGE, st.data())
def test_a_message_cut_short_is_refused(message: Message, data: st.DataObject) -> None:
    raw = encode(message)
    with pytest.raises(CodecError):
        decode(raw[: data.draw(st.integers(0, len(raw) - 1))])


@given(FACT, PREFIX, st.data())
def test_a_prefixed_fact_cut_short_is_refused(fact: Message, prefix: Prefix, data: st.DataObject) -> None:
    raw = forward(prefix, encode(fact))
    with pytest.raises(CodecError):
        decode(raw[: data.draw(st.integers(0, len(raw) - 1))])


@given(MESSAGE, st.binary(min_size=1, max_size=20))
def test_bytes_after_a_message_are_refused(message: Message, more: bytes) -> None:
    with pytest.raises(CodecError) as refusal:
        decode(encode(message) + more)
    assert refusal.value.reason == "trailing_bytes"


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(raw: bytes) -> None:
    _decoded_or_refused(raw)


@given(st.sampled_from(entries()), st.binary(max_size=300))
def test_any_body_under_a_known_id_is_decoded_or_refused(entry: Entry, body: bytes) -> None:
    _decoded_or_refused(struct.pack(">bI", 0, entry.id) + body)


@given(MESSAGE, st.data())
def test_a_message_with_a_changed_byte_is_decoded_or_refused(message: Message, data: st.DataObject) -> None:
    raw = bytearray(encode(message))
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    _decoded_or_refused(bytes(raw))


def _decoded_or_refused(raw: bytes) -> None:
    """What was taken for a message is one: it can be written again."""
    try:
        message = decode(raw).message
    except CodecError as error:
        assert error.reason
    else:
        assert decode(encode(message)).message == message
