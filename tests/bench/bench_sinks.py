"""Sinks on real servers: from Kafka into each store, beside what the store itself can take.

python -m tests.bench.bench_sinks
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

from clickhouse_connect import get_client

from schemas.codec import decode
from schemas.events.ledger import CreditsPosted
from sinks.base import Sink
from sinks.clickhouse.client import Server as ClickHouse
from sinks.clickhouse.sink import ClickHouseSink
from sinks.delivery import Batch, Record
from sinks.postgres.connection import Server as Postgres
from sinks.postgres.rows import ROWS
from sinks.postgres.sink import PostgresSink
from sinks.postgres.tables import LEDGER_LINES
from sinks.refusals import Refusals
from sinks.runner import run
from sinks.source import Source
from streams.cli.printing import printer
from streams.kafka import client_config, consumer_config, producer_config
from streams.settings import Settings
from tests.bench.report import Row, machine, show
from tests.stack import local_stack
from tests.support.sinks import (
    Publisher,
    batch,
    create_topics,
    log,
    own_clickhouse,
    own_postgres,
    story,
)  # fmt: skip

STORIES = 5_000


class Timed:
    """A sink that ends the run once it holds so many records, and knows how long writing took."""

    def __init__(self, sink: Sink, stop: threading.Event, records: int) -> None:
        self._sink, self._stop, self._left = sink, stop, records
        self.store, self.topics, self.gather_seconds = sink.store, sink.topics, sink.gather_seconds
        self.open, self.close = sink.open, sink.close
        self.writing = 0.0
        self.begun = time.perf_counter()
        self.ended = 0.0

    def write(self, batch: Batch, refuse: Any) -> None:
        begun = time.perf_counter()
        self._sink.write(batch, refuse)
        self.ended = time.perf_counter()
        self.writing += self.ended - begun
        self._left -= len(batch.records)
        if self._left <= 0:
            self._stop.set()


def rows(settings: Settings) -> Iterator[Row]:
    """Records a second from Kafka into each store, and rows a second of one table beside the store's own limit."""
    create_topics(settings)
    values = [value for number in range(STORIES) for value in story(number)]
    _publish(settings, values)
    with own_postgres(settings) as (_, postgres), own_clickhouse(settings) as clickhouse:
        for sink in (PostgresSink(postgres), ClickHouseSink(clickhouse)):
            count = sum(topic in sink.topics for topic, _ in values)
            timed = _filled(settings, sink, count)
            whole = count / (timed.ended - timed.begun)
            yield Row(f"{sink.store}: from Kafka", whole, "records/s", "writing alone", count / timed.writing)
    with own_postgres(settings) as (_, postgres), own_clickhouse(settings) as clickhouse:
        yield _lines_beside_copy(postgres, [value for value in values if value[0] == "attribution.credits"])
        touches = [value for value in values if value[0] == "accepted.touchpoints"]
        yield _touches_beside_native(settings, clickhouse, touches)


def _publish(settings: Settings, values: list[tuple[str, bytes]]) -> None:
    publisher = Publisher(settings)
    for start in range(0, len(values), 50_000):
        publisher.publish(values[start : start + 50_000])


def _lines_beside_copy(server: Postgres, values: list[tuple[str, bytes]]) -> Row:
    """Ledger lines through the sink, decoding included, beside COPY of ready bytes into a table without a key."""
    sink = PostgresSink(server)
    sink.open(log())
    begun = time.perf_counter()
    sink.write(batch(values), _no_refusal)
    taken = time.perf_counter() - begun
    sink.close()
    lines = [row for topic, value in values for _, row in ROWS[CreditsPosted](decode(value), _record(topic, value))]
    data = LEDGER_LINES.encode(lines)
    with server.connect() as connection:
        connection.execute("CREATE TEMP TABLE staged_ledger_lines (LIKE ledger_lines)")
        begun = time.perf_counter()
        with connection.cursor() as cursor, cursor.copy(LEDGER_LINES.copy) as copy:
            copy.write(data)
        connection.commit()
        limit = len(lines) / (time.perf_counter() - begun)
    return Row("postgres: ledger lines", len(lines) / taken, "rows/s", "raw COPY", limit)


def _touches_beside_native(settings: Settings, server: ClickHouse, values: list[tuple[str, bytes]]) -> Row:
    """Touchpoints through the sink, journal and counting included, beside an insert of ready Native bytes."""
    sink = ClickHouseSink(server)
    sink.open(log())
    begun = time.perf_counter()
    sink.write(batch(values), _no_refusal)
    taken = time.perf_counter() - begun
    sink.close()
    raw = get_client(**settings.clickhouse("sink") | {"database": server.database})
    native = raw.raw_query("SELECT * FROM touchpoints", fmt="Native")
    raw.command("CREATE TABLE limit_of_touchpoints AS touchpoints")
    begun = time.perf_counter()
    raw.raw_insert("limit_of_touchpoints", insert_block=native, fmt="Native")
    limit = len(values) / (time.perf_counter() - begun)
    raw.close()
    return Row("clickhouse: touchpoints", len(values) / taken, "rows/s", "ready Native", limit)


def _record(topic: str, value: bytes) -> Record:
    return Record(topic, 0, 0, 0, value)


def _no_refusal(record: Record, reason: str, detail: str) -> None:
    raise AssertionError(f"refused {record.topic}:{record.offset}: {reason} {detail}")


def _filled(settings: Settings, sink: Sink, count: int) -> Timed:
    stop = threading.Event()
    timed = Timed(sink, stop, count)
    source = Source(sink.store, client_config(settings, "bench"), consumer_config(settings, "bench", "bench"))
    run(timed, source, Refusals(sink.store, producer_config(settings, "bench")), stop)
    return timed


if __name__ == "__main__":
    printer().print(machine())
    with local_stack() as settings_:
        show("Sinks", rows(settings_))
