"""Sinks on real servers: from Kafka into each store, beside what the store itself can take.

python -m tests.bench.bench_sinks
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import cycle
from typing import Any

from clickhouse_connect import get_client
from psycopg import sql

from schemas.codec import HEADER_BYTES, decode
from schemas.events.base import assemble
from schemas.events.ledger import CreditsPosted, Line
from schemas.ids import derived_id, numbered_ids
from sinks.base import Refuse, Sink, Write
from sinks.clickhouse.client import Server as ClickHouse
from sinks.clickhouse.sink import ClickHouseSink
from sinks.delivery import Batch
from sinks.postgres.connection import Server as Postgres
from sinks.postgres.copy import stream
from sinks.postgres.rows import BULK
from sinks.postgres.sink import PostgresSink
from sinks.postgres.table import Table
from sinks.refusals import Refusals
from sinks.runner import run
from sinks.source import Source
from streams.cli.printing import printer
from streams.kafka import client_config, consumer_config, producer_config
from streams.settings import Settings
from tests.bench import usual
from tests.bench.report import Row, machine, show
from tests.stack import local_stack
from tests.support.sinks import Publisher, create_topics, own_clickhouse, own_postgres
from tests.support.stored import platform, story

STORIES = 12_000
ROWS_OF_ONE_TABLE = 600_000
USUALLY = 60_000
"""Rows for the usual ways, which are slow."""
LINES = 10
BATCH = 20_000
TRIES = 5


class Timed:
    """A sink of some topics that ends the run once it holds so many records, and knows how long writing took."""

    def __init__(self, sink: Sink, topics: tuple[str, ...], stop: threading.Event, records: int) -> None:
        self._sink, self._stop, self._left = sink, stop, records
        self.store, self.topics = sink.store, topics
        self.rest_seconds = 0.2  # so that the last batch does not wait for more; the others are full before
        self.open, self.close = sink.open, sink.close
        self.writing = 0.0
        self.begun = time.perf_counter()
        self.ended = 0.0

    def prepare(self, batch: Batch, refuse: Refuse) -> Write:
        write = self._sink.prepare(batch, refuse)

        def timed() -> None:
            begun = time.perf_counter()
            write()
            self.ended = time.perf_counter()
            self.writing += self.ended - begun
            self._left -= len(batch.records)
            if self._left <= 0:
                self._stop.set()

        return timed


def rows(settings: Settings) -> Iterator[Row]:
    """Records a second from Kafka into each store, and rows a second of one table beside the store's own limit."""
    create_topics(settings)
    values = [value for number in range(STORIES) for value in story(number)]
    _publish(settings, values)
    with own_postgres(settings) as (_, postgres), own_clickhouse(settings) as clickhouse:
        for sink in (PostgresSink(postgres), ClickHouseSink(clickhouse)):
            count = sum(topic in sink.topics for topic, _ in values)
            timed = _filled(settings, sink, sink.topics, count)
            whole = count / (timed.ended - timed.begun)
            yield Row(
                f"{sink.store}: all topics, from Kafka", whole, "records/s", "writing alone", count / timed.writing
            )
    with own_clickhouse(settings) as clickhouse:
        yield from _touches(settings, clickhouse, [value for value in values if value[0] == "accepted.touchpoints"])
    with own_postgres(settings) as (owner, postgres):
        yield from _lines(settings, owner, postgres, [value for value in values if value[0] == "attribution.credits"])


def _touches(settings: Settings, server: ClickHouse, there: list[tuple[str, bytes]]) -> Iterator[Row]:
    """Touchpoints beside inserts of ready Native blocks of as many rows into a table without views."""
    more = [there[number % len(there)] for number in range(ROWS_OF_ONE_TABLE - len(there))]
    _publish(settings, more)
    timed = _filled(settings, ClickHouseSink(server), ("accepted.touchpoints",), ROWS_OF_ONE_TABLE)
    raw = get_client(**settings.clickhouse("sink") | {"database": server.database})
    native = raw.raw_query(f"SELECT * FROM touchpoints LIMIT {BATCH}", fmt="Native")
    # the sink's own table would drop a block that it has seen before
    raw.command(
        "CREATE TABLE limit_of_touchpoints AS touchpoints ENGINE = MergeTree ORDER BY (workspace_id, occurred_at)"
    )
    blocks = ROWS_OF_ONE_TABLE // BATCH
    begun = time.perf_counter()
    for _ in range(blocks):
        raw.raw_insert("limit_of_touchpoints", insert_block=native, fmt="Native")
    limit = blocks * BATCH / (time.perf_counter() - begun)
    assert raw.command("SELECT count() FROM limit_of_touchpoints") == blocks * BATCH
    raw.close()
    whole, writing = ROWS_OF_ONE_TABLE / (timed.ended - timed.begun), ROWS_OF_ONE_TABLE / timed.writing
    yield Row("clickhouse: touchpoints, from Kafka", whole, "rows/s", "ready Native", limit)
    yield Row("clickhouse: touchpoints, writing alone", writing, "rows/s", "ready Native", limit)
    with own_clickhouse(settings) as another:
        usually = usual.clickhouse(settings, another, USUALLY)
    yield Row("clickhouse: touchpoints, from Kafka", whole, "rows/s", "polled singly, as values", usually)


def _lines(settings: Settings, owner: Postgres, server: Postgres, there: list[tuple[str, bytes]]) -> Iterator[Row]:
    """Ledger lines beside COPY of ready bytes into a table without keys, as the store's limit."""
    more = [_posting(decode(there[0][1]).message, number) for number in range(ROWS_OF_ONE_TABLE // LINES)]
    _publish(settings, more)
    table, transcode = BULK[there[0][1][:HEADER_BYTES]]
    ready = [row for _, value in more[: BATCH // LINES] for row in transcode(value, HEADER_BYTES, 0, 0)]
    limit = len(ready) / _copied(owner, table, ready)
    with server.connect() as connection:
        connection.execute(table.create_staged)
        begun = time.perf_counter()
        with connection.cursor() as cursor, cursor.copy(table.copy) as copy:
            copy.write(stream(ready))
        if table.beforehand is not None:
            connection.execute(table.beforehand.encode())
        connection.execute(table.merge)
        storing = len(ready) / (time.perf_counter() - begun)
        connection.rollback()
    timed = _filled(settings, PostgresSink(server), ("attribution.credits",), len(there) + len(more))
    count = sum(len(decode(value).message.__dict__["lines"]) for _, value in (*there, *more))
    whole, writing = count / (timed.ended - timed.begun), count / timed.writing
    yield Row("postgres: ledger lines, from Kafka", whole, "rows/s", "raw COPY", limit)
    yield Row("postgres: ledger lines, writing alone", writing, "rows/s", "raw COPY", limit)
    yield Row("postgres: ledger lines, COPY and merge of ready bytes", storing, "rows/s", "raw COPY", limit)
    with own_postgres(settings) as (another_owner, another):
        usually = usual.postgres(settings, another_owner, another, USUALLY // LINES)
    yield Row("postgres: ledger lines, from Kafka", whole, "rows/s", "polled singly, executemany", usually)


def _copied(owner: Postgres, table: Table, ready: list[bytes]) -> float:
    """Least seconds of a COPY of ready bytes into a table of those columns without any key."""
    columns = sql.SQL(", ").join(sql.Identifier(name) for name, _ in table.columns)
    copying = sql.SQL("COPY limit_of_lines ({}) FROM STDIN (FORMAT BINARY)").format(columns)
    taken = []
    with owner.connect(autocommit=True) as connection:
        connection.execute("CREATE TABLE limit_of_lines (LIKE ledger_lines)")
        for _ in range(TRIES):
            begun = time.perf_counter()
            with connection.cursor() as cursor, cursor.copy(copying) as copy:
                copy.write(stream(ready))
            taken.append(time.perf_counter() - begun)
            connection.execute("TRUNCATE limit_of_lines")
    return min(taken)


def _posting(template: Any, number: int) -> tuple[str, bytes]:
    """A posting of as many lines as one model after the other brings, with ids of its own."""
    id_ = derived_id("bench", number)
    lines = [
        assemble(Line, {**line.__dict__, "line_id": line_id, "model": f"model{place // 2}"})
        for place, (line_id, line) in enumerate(zip(numbered_ids(id_, LINES), cycle(template.lines), strict=False))
    ]
    own = {"event_id": id_, "posting_id": id_, "booking_id": f"b{number}", "lines": lines}
    return platform(assemble(CreditsPosted, {**template.__dict__, **own}))


def _publish(settings: Settings, values: list[tuple[str, bytes]]) -> None:
    publisher = Publisher(settings)
    for start in range(0, len(values), 50_000):
        publisher.publish(values[start : start + 50_000])


def _filled(settings: Settings, sink: Sink, topics: tuple[str, ...], count: int) -> Timed:
    stop = threading.Event()
    timed = Timed(sink, topics, stop, count)
    source = Source(sink.store, client_config(settings, "bench"), consumer_config(settings, "bench", "bench"))
    run(timed, source, Refusals(sink.store, producer_config(settings, "bench")), stop)
    return timed


if __name__ == "__main__":
    printer().print(machine())
    with local_stack() as settings_:
        show("Sinks", rows(settings_))
