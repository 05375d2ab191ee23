"""What the stages cost in pure computation: CPU per record, memory stores, no Kafka.

Beside each stage stands the limit of the same run: reading and writing the same records with bare fastavro.
"""

from __future__ import annotations

import io
import time
import uuid
from collections.abc import Iterator

from fastavro import parse_schema, schemaless_reader, schemaless_writer

from schemas.codec import encode, entry_of
from schemas.events.base import DAY, instant
from schemas.events.bookings import BookingChanged
from schemas.events.operations import Tick
from schemas.events.touchpoints import TouchpointRecorded
from schemas.registry import wire_schema
from streams.partition import Partition
from streams.records import InRecord
from streams.routing import Router
from streams.store import MemoryStore
from streams.topology import topology
from tests.bench.report import Row

RECORDS = 20_000
CHUNK = 500
START = instant("2026-03-10T18:00:00Z")


def rows() -> Iterator[Row]:
    """One row per stage for bookings without a person (the hotel import) and for touches of a person."""
    stages = topology(bytes(32))
    router = Router(stages)
    for what, records in (("booking", _bookings()), ("touch", _touches())):
        waiting = records
        for stage in stages:
            partition = Partition(stage, router, MemoryStore())
            if stage.stateful:
                partition.apply(InRecord(stage.inputs[0], 0, 0, START + DAY, "", encode(Tick.build(at=START + DAY))))
            limit = _bare(waiting)
            outputs: dict[str, list[tuple[str, bytes]]] = {}
            best = float("inf")
            for begin in range(0, len(waiting), CHUNK):
                started = time.process_time()
                for record in waiting[begin : begin + CHUNK]:
                    for out in partition.apply(record):
                        outputs.setdefault(out.topic, []).append((out.key, out.value))
                partition.committed(partition.changes())
                best = min(best, (time.process_time() - started) / len(waiting[begin : begin + CHUNK]))
            yield Row(f"{stage.name}, per {what}", best * 1e6, "µs CPU", "bare fastavro read + write", limit * 1e6)
            onward = stages[stages.index(stage) + 1].inputs[0] if stage is not stages[-1] else ""
            waiting = [
                InRecord(onward, 0, n, START + n, key, value) for n, (key, value) in enumerate(outputs.get(onward, []))
            ]
            if not waiting:
                break


def _bare(records: list[InRecord]) -> float:
    """Seconds per record of decoding and encoding it again with fastavro alone."""
    schema = parse_schema(wire_schema(entry_of(records[0].value)))
    bodies = [record.value[5:] for record in records[:CHUNK] if entry_of(record.value) == entry_of(records[0].value)]
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        for body in bodies:
            schemaless_writer(io.BytesIO(), schema, schemaless_reader(io.BytesIO(body), schema, None))
        best = min(best, (time.process_time() - started) / len(bodies))
    return best


def _bookings() -> list[InRecord]:
    return [
        InRecord("bookings", 0, n, START + n, "", encode(BookingChanged.build(
            event_id=str(uuid.UUID(int=n)), workspace_id="bench", region="EUR", source="bench", occurred_at=START + n,
            booking_id=f"b{n // 2}", revision=1 + n % 2, status="completed" if n % 2 else "booked",
            amount_minor=12_345, currency="EUR", booked_at=START + n // 2 * 2, property_id="hotel",
            market_segment="direct",
        )))
        for n in range(RECORDS)
    ]  # fmt: skip


def _touches() -> list[InRecord]:
    return [
        InRecord("touchpoints", 0, n, START + n, "", encode(TouchpointRecorded.build(
            event_id=str(uuid.UUID(int=n)), workspace_id="bench", region="UAE", source="bench",
            occurred_at=START + n * 1_000, email=f"person{n // 8}@example.com", channel="search",
            campaign_id="brand", touch_id=f"t{n}", kind="content_engagement",
        )))
        for n in range(RECORDS)
    ]  # fmt: skip
