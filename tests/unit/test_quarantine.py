"""Facts in quarantine: dead letters without a step having seen them; messages between stages are never among them."""

from __future__ import annotations

import pytest

from schemas.codec import decode, encode, forward
from schemas.events.bookings import BookingChanged
from schemas.events.governance import PolicyChanged
from schemas.events.operations import DeadLettered, QuarantineOrdered, Tick
from schemas.events.paths import PathChanged
from schemas.events.routing import Routed
from streams.partition import Partition
from streams.quarantine import NotAFactError, ordered, set_aside
from streams.records import InRecord, OutRecord
from streams.routing import Router
from streams.stage import Stage
from streams.store import MemoryStore
from streams.topology import topology
from tests.support.facts import fact

NOW = 1_790_000_000_000_000
STAGES = topology(bytes(32))
INTAKE, RESOLVE, LEAD, LEDGER, *_ = STAGES
BOOKING = encode(
    fact(BookingChanged, occurred_at=NOW, booking_id="b-1", revision=1, status="booked", amount_minor=1, currency="AED")
)
ROUTED = Routed.build(arrived_at=NOW, topic="bookings", partition=3, offset=17, subject="b:b-1", identifiers=[])

PATH = PathChanged.build(
    event_id="e", workspace_id="acme", region="UAE", occurred_at=NOW, source="lead.path", booking_id="b-1",
    lead_id="l", epoch=0, seq=1, facts=[],
)  # fmt: skip


def _record(topic: str, offset: int, value: bytes, key: str = "acme/b:b-1") -> InRecord:
    return InRecord(topic, 0, offset, NOW, key, value)


def _letter(out: OutRecord) -> DeadLettered:
    assert out.topic == "dead.letters"
    letter = decode(out.value).message
    assert isinstance(letter, DeadLettered)
    return letter


def test_orders_name_offsets_and_may_come_twice() -> None:
    orders = [QuarantineOrdered.build(topic="journeys", partition=1, offset=7, at=at) for at in (1, 2)]
    assert ordered(map(encode, orders)) == {("journeys", 1, 7)}


@pytest.mark.parametrize("value", [BOOKING, b"no Avro at all"])
def test_intake_sets_any_bytes_aside_and_goes_on(value: bytes) -> None:
    partition = Partition(INTAKE, Router(STAGES), MemoryStore(), frozenset({("bookings", 0, 5)}))
    (aside,) = partition.apply(_record("bookings", 5, value))
    letter = _letter(aside)
    assert (letter.stage, letter.reason, letter.original) == ("intake", "quarantined", value)
    assert (letter.topic, letter.partition, letter.offset) == ("bookings", 0, 5)
    (routed,) = partition.apply(_record("bookings", 6, BOOKING))
    assert routed.topic == "resolve.inbox"
    assert sorted(outcome for _, _, outcome in partition.counts) == ["dead:quarantined", "routed"]


def test_a_fact_set_aside_is_not_remembered_and_may_come_again() -> None:
    store = MemoryStore()
    partition = Partition(RESOLVE, Router(STAGES), store, frozenset({("resolve.inbox", 0, 5)}))
    (aside,) = partition.apply(_record("resolve.inbox", 5, forward(ROUTED, BOOKING)))
    letter = _letter(aside)
    assert (letter.stage, letter.reason, letter.original) == ("resolve", "quarantined", BOOKING)
    assert (letter.topic, letter.partition, letter.offset) == ("bookings", 3, 17)
    assert "resolve.inbox:0:5" in letter.detail
    assert partition.counts == {("bookings", "BookingChanged", "dead:quarantined"): 1}
    partition.committed(partition.changes())
    assert not store.states
    assert "accepted.bookings" in {
        out.topic for out in partition.apply(_record("resolve.inbox", 6, forward(ROUTED, BOOKING)))
    }


@pytest.mark.parametrize(
    ("stage", "value", "told"),
    [
        (RESOLVE, encode(Tick.build(at=NOW)), r"resolve\.inbox:0:5 is a message between stages \(Tick\)"),
        (RESOLVE, BOOKING, "message between stages"),
        (LEAD, encode(fact(PolicyChanged, occurred_at=NOW, version=1, applies_from=NOW, document="{}")), "other rules"),
        (LEDGER, encode(PATH), "PathChanged"),
        (LEAD, b"no Avro at all", "cannot be read"),
    ],
)
def test_what_others_wait_for_is_never_set_aside(stage: Stage, value: bytes, told: str) -> None:
    record = _record(stage.inputs[0], 5, value)
    with pytest.raises(NotAFactError, match=told):
        set_aside(stage, record)
    partition = Partition(stage, Router(STAGES), MemoryStore(), frozenset({(record.topic, 0, 5)}))
    with pytest.raises(NotAFactError):
        partition.apply(record)
