"""What the codec refuses, and in which words."""

import struct
from io import BytesIO

import pytest
from fastavro import parse_schema, schemaless_reader

from schemas.codec import CodecError, decode, encode, forward
from schemas.compiled import compile_reader, compile_writer
from schemas.contract import avro_schema
from schemas.events.bookings import BookingChanged
from schemas.events.campaigns import SpendReported
from schemas.events.operations import Tick
from schemas.events.routing import Accepted, Routed
from schemas.registry import entries, latest_entry, wire_schema

SPEND = SpendReported.build(
    event_id="3f2b8c1e-0000-4000-8000-000000000001",
    workspace_id="acme",
    region="UAE",
    occurred_at=1_769_889_600_000_000,
    source="ads",
    campaign_id="Frühling ✿",
    channel="search",
    day=20_484,
    revision=1,
    amount_minor=125_000,
    currency="AED",
)
ROUTED = Routed.build(arrived_at=1, topic="spend", partition=0, offset=9, subject="f:x", identifiers=[])
ACCEPTED = Accepted.build(
    arrived_at=1, topic="spend", partition=0, offset=9, lead_id=None, identifier=None, identifiers=[], seq=0, ver=0,
)  # fmt: skip


def _reason(raw: bytes) -> str:
    with pytest.raises(CodecError) as refusal:
        decode(raw)
    return refusal.value.reason


def test_the_header_is_a_zero_byte_and_the_newest_schema_id() -> None:
    assert encode(SPEND)[:5] == struct.pack(">bI", 0, latest_entry("SpendReported").id)


def test_another_first_byte_is_refused() -> None:
    assert _reason(b"\x01" + encode(SPEND)[1:]) == "bad_magic"
    assert _reason(b'{"type":"SpendReported"}') == "bad_magic"


@pytest.mark.parametrize("schema_id", [0, max(entry.id for entry in entries()) + 1, 2**31, 2**32 - 1])
def test_an_id_in_no_table_is_refused(schema_id: int) -> None:
    assert _reason(struct.pack(">bI", 0, schema_id) + encode(SPEND)[5:]) == "unknown_schema"


def test_every_cut_is_refused() -> None:
    plain = encode(SPEND.model_copy(update={"campaign_id": "spring"}))
    for raw in (plain, forward(ROUTED, plain), forward(ACCEPTED, plain)):
        assert {_reason(raw[:length]) for length in range(len(raw))} == {"truncated"}


def test_more_bytes_are_refused() -> None:
    assert _reason(encode(SPEND) + b"\0") == "trailing_bytes"
    assert _reason(forward(ROUTED, encode(SPEND)) + b"\0") == "trailing_bytes"


def test_text_that_is_not_utf8_is_refused() -> None:
    assert _reason(encode(SPEND).replace("Frühling".encode(), b"Fr\xff\xfehling")) == "invalid_utf8"


def test_a_refusal_does_not_repeat_values() -> None:
    raw = encode(SPEND)
    for spoilt in (raw[:-2], raw + b"x", raw.replace("Frühling".encode(), b"Fr\xff\xfehling")):
        with pytest.raises(CodecError) as refusal:
            decode(spoilt)
        assert "hling" not in str(refusal.value)
        assert "acme" not in str(refusal.value)


def test_what_the_contract_forbids_can_travel_so_that_intake_can_refuse_it() -> None:
    negative = BookingChanged.build(
        event_id=SPEND.event_id, workspace_id="acme", region="EUR", occurred_at=0, source="x", booking_id="b",
        revision=1, status="booked", amount_minor=-6_380, currency="EUR",
    )  # fmt: skip
    assert decode(encode(negative)).message == negative


def test_a_reader_who_knows_no_prefixes_reads_a_wrapped_fact_by_its_schema() -> None:
    raw = forward(ACCEPTED, encode(SPEND))
    entry = next(e for e in entries() if e.id == struct.unpack_from(">I", raw, 1)[0])
    read = schemaless_reader(BytesIO(raw[5:]), parse_schema(wire_schema(entry)), None)
    assert isinstance(read, dict)
    assert (read["topic"], read["offset"]) == ("spend", 9)
    assert read["fact"]["amount_minor"] == 125_000


def test_a_record_of_an_older_version_lacks_nothing_and_brings_nothing() -> None:
    today = avro_schema(BookingChanged)
    old_fields = [field for field in today["fields"] if field["name"] != "market_segment"]
    old = {**today, "fields": [*old_fields, {"name": "given_up", "type": ["null", "string"], "default": None}]}
    body = bytearray()
    booking = BookingChanged.build(
        event_id=SPEND.event_id, workspace_id="acme", region="EUR", occurred_at=0, source="x", booking_id="b",
        revision=1, status="booked", amount_minor=10, currency="EUR", given_up="text", ends_on=3,
    )  # fmt: skip
    compile_writer(old)(body, booking)
    read, end = compile_reader(old, BookingChanged)(bytes(body), 0)
    assert end == len(body)
    assert read.market_segment is None
    assert read.ends_on == 3
    assert "given_up" not in read.__dict__


@pytest.mark.parametrize("number", [0, -1, 63, 64, -65, 2**31, 2**55 - 1, 2**55, 2**56, 2**62, 2**63 - 1, -(2**63)])
def test_numbers_of_any_length_come_back(number: int) -> None:
    tick = Tick.build(at=number)
    assert decode(encode(tick)).message == tick


def test_numbers_of_more_than_64_bits_are_refused_both_ways() -> None:
    with pytest.raises(OverflowError):
        encode(Tick.build(at=2**63))
    header = encode(Tick.build(at=0))[:5]
    assert decode(header + b"\xff" * 9 + b"\x01").message == Tick.build(at=-(2**63))
    assert _reason(header + b"\xff" * 9 + b"\x02") == "truncated"
    assert _reason(header + b"\xff" * 10 + b"\x01") == "truncated"
