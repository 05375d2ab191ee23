"""ClickHouse behind HTTP beside the engine itself, and an analyst's questions while a sink inserts.

What HTTP costs an insert is mostly the way of its body: the 3.6 MB of 50,000 rows take 10 to 12 ms from client to
server, whichever parser and event loop read them, of the 17 ms that an insert takes longer than in the engine (37 and
20 ms). The handle of its own that each request gets costs less than one.

python -m tests.bench.bench_clickhouse
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import chdb
from clickhouse_connect import get_client

from sinks.clickhouse.client import Server
from streams.cli.printing import printer
from streams.settings import Settings
from tests.bench.report import Row, machine, show
from tests.stack import local_stack
from tests.support.sinks import own_clickhouse

ROWS = 1_000_000
BLOCK = 50_000
"""Rows of an insert: the largest batch that a sink makes of one table."""
BLOCKS = 15
QUESTIONS = 60
_TABLE = (
    "CREATE TABLE seen (workspace LowCardinality(String), at DateTime64(6, 'UTC'), channel LowCardinality(String), "
    "lead UUID, touch String, revision Int64) ENGINE = MergeTree ORDER BY (workspace, at)"
)
_DRAWN = (
    "SELECT 'w' || toString(number % 5) AS workspace, toDateTime64('2026-01-01', 6, 'UTC') + number AS at, "
    "'c' || toString(cityHash64(number) % 9) AS channel, reinterpretAsUUID(sipHash128(number % 30000)) AS lead, "
    "toString(number) AS touch, toInt64(1) AS revision FROM numbers({})"
)
_COUNT = "SELECT count() FROM seen"
_ASKED = (
    "SELECT channel, count(), uniq(lead) FROM seen GROUP BY channel",
    "SELECT toDate(at) AS day, channel, count() FROM seen WHERE workspace = 'w1' GROUP BY day, channel",
)


def rows(settings: Settings) -> Iterator[Row]:
    """Inserts by HTTP beside those into the engine, and the slowest of twenty answers beside those at rest."""
    with own_clickhouse(settings) as server:
        client = _client(settings, server)
        client.command(_TABLE)
        with _embedded() as embedded:
            block = embedded.query(_DRAWN.format(BLOCK), "Native").bytes()
            insert = partial(client.raw_insert, "seen", insert_block=block, fmt="Native")
            by_http, direct = _by_turns(insert, lambda: _insert(embedded, block))
            for count in (client.command(_COUNT), int(str(embedded.query(_COUNT)))):
                assert count == BLOCK * BLOCKS
        yield Row("clickhouse: inserts by HTTP", BLOCK / by_http, "rows/s", "the engine itself", BLOCK / direct)
        client.command(f"INSERT INTO seen {_DRAWN.format(ROWS)}")
        idle = _slow(client)
        with _every_second(_client(settings, server), block):
            busy = _slow(client)
        yield Row("clickhouse: an answer's p95 at an insert a second", busy * 1e3, "ms", "at rest", idle * 1e3)


def _client(settings: Settings, server: Server) -> Any:
    return get_client(**settings.clickhouse("sink") | {"database": server.database})


@contextmanager
def _embedded() -> Iterator[Any]:
    with tempfile.TemporaryDirectory(prefix="fineacers-bench-") as folder:
        engine = chdb.connect(folder)
        engine.query(_TABLE)
        yield engine
        engine.close()


def _insert(engine: Any, block: bytes) -> None:
    with engine.send_insert("INSERT INTO seen", "Native") as inserter:
        inserter.append(block)
        inserter.finish()


def _by_turns(*ways: Callable[[], object]) -> list[float]:
    """Median seconds of each of some ways to do a thing."""
    taken: list[list[float]] = [[] for _ in ways]
    for _ in range(BLOCKS):
        for times, way in zip(taken, ways, strict=True):
            begun = time.perf_counter()
            way()
            times.append(time.perf_counter() - begun)
    return [statistics.median(times) for times in taken]


def _slow(client: Any) -> float:
    """The 95th percentile, in seconds, of questions one after the other."""
    taken = []
    for _ in range(QUESTIONS):
        for question in _ASKED:
            begun = time.perf_counter()
            client.query(question)
            taken.append(time.perf_counter() - begun)
    return statistics.quantiles(taken, n=20)[-1]


@contextmanager
def _every_second(client: Any, block: bytes) -> Iterator[None]:
    ended = threading.Event()

    def insert() -> None:
        while not ended.wait(1.0):
            client.raw_insert("seen", insert_block=block, fmt="Native")

    inserting = threading.Thread(target=insert)
    inserting.start()
    try:
        yield
    finally:
        ended.set()
        inserting.join()


if __name__ == "__main__":
    printer().print(machine())
    with local_stack("clickhouse") as settings_:
        show("ClickHouse", rows(settings_))
