"""ClickHouse behind HTTP beside the engine itself, and an analyst's questions while a sink inserts.

Both sides through the same client, by turns. Where the client has nothing to do, as for blocks that are ready, the way
of the body shows: the 3.6 MB of 50,000 rows take 10 ms from client to server, whichever parser and event loop read
them. The handle of its own that each request gets costs less than one.

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
TURNS = 15
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
    """Bulk by HTTP beside bulk in the engine, and the slowest of twenty answers beside those at rest."""
    with own_clickhouse(settings) as server, tempfile.TemporaryDirectory(prefix="fineacers-bench-") as folder:
        client, embedded = _client(settings, server), get_client(dsn=f"chdb://{folder}/bench")
        for one in (client, embedded):
            one.command(_TABLE)
        for name, way in _ways(embedded).items():
            by_http, direct = _by_turns(partial(way, client), partial(way, embedded))
            yield Row(f"clickhouse by HTTP: {name}", BLOCK / by_http, "rows/s", "the engine itself", BLOCK / direct)
        assert client.command(_COUNT) == embedded.command(_COUNT)
        embedded.close()
        client.command(f"INSERT INTO seen {_DRAWN.format(ROWS)}")
        idle = _slow(client)
        with _every_second(_client(settings, server), client.raw_query(_DRAWN.format(BLOCK), fmt="Native")):
            busy = _slow(client)
        yield Row("clickhouse: an answer's p95 at an insert a second", busy * 1e3, "ms", "at rest", idle * 1e3)


def _client(settings: Settings, server: Server) -> Any:
    return get_client(**settings.clickhouse("sink") | {"database": server.database})


def _ways(engine: Any) -> dict[str, Callable[[Any], object]]:
    """Ways to move so many rows, each a function of a client."""
    drawn = _DRAWN.format(BLOCK)
    block, values = engine.raw_query(drawn, fmt="Native"), engine.query(drawn).result_rows
    arrow = engine.query_arrow(f"SELECT workspace, at, channel, touch, revision FROM ({drawn})")
    asked = f"SELECT workspace, at, channel, touch, revision FROM seen LIMIT {BLOCK}"
    return {
        "insert of ready blocks": lambda client: client.raw_insert("seen", insert_block=block, fmt="Native"),
        "insert of rows": lambda client: client.insert("seen", values),
        "insert of Arrow": lambda client: client.insert_arrow("seen", arrow),
        "query for rows": lambda client: client.query(asked).result_rows,
        "query for Arrow": lambda client: client.query_arrow(asked),
        "query for a data frame": lambda client: client.query_df(asked),
    }


def _by_turns(*ways: Callable[[], object]) -> list[float]:
    """Median seconds of each of some ways to do a thing."""
    taken: list[list[float]] = [[] for _ in ways]
    for _ in range(TURNS):
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
