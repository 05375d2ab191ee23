"""Sinks as they are usually written: records polled one by one, decoded by fastavro, stored as values.

They keep no positions in the store and find no bad record; the store's tables, views and keys are those of our sinks.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

import clickhouse_connect
from confluent_kafka import Consumer, Message, TopicPartition
from fastavro import parse_schema, schemaless_reader
from psycopg import sql

from schemas.codec import HEADER_BYTES, entry_of
from schemas.registry import wire_schema
from sinks.clickhouse.client import Server as ClickHouse
from sinks.clickhouse.splice import CHECK
from sinks.clickhouse.tables import TABLES
from sinks.postgres.connection import Server as Postgres
from sinks.postgres.tables import LEDGER_LINES
from streams.kafka import assign, consumer_config
from streams.settings import Settings

BATCH = 20_000


def clickhouse(settings: Settings, server: ClickHouse, count: int) -> float:
    """Touchpoints a second into ClickHouse, as rows of values."""
    table = TABLES["accepted.touchpoints"]
    paths = cache(table.paths)
    begun = time.perf_counter()
    client = clickhouse_connect.get_client(
        host=server.host, port=server.port, username=server.username, password=server.password, database=server.database
    )
    rows: list[list[Any]] = []
    for done, message in enumerate(islice(_messages(settings, table.topic.name), count), 1):
        entry, values = _decoded(message)
        _, partition, offset = _coordinates(message)
        held = [_at(values, path) for path in paths(entry.message)]
        rows.append([partition, offset, entry.type, *held, offset + CHECK])
        if len(rows) == BATCH or done == count:
            client.insert(table.name, rows, table.names(entry.message))
            rows = []
    client.close()
    return count / (time.perf_counter() - begun)


def postgres(settings: Settings, owner: Postgres, server: Postgres, postings: int) -> float:
    """Ledger lines a second into PostgreSQL, by ``executemany``."""
    names = [name for name, _ in LEDGER_LINES.columns]
    insert = sql.SQL("INSERT INTO ledger_lines ({}) VALUES ({}) ON CONFLICT DO NOTHING").format(
        sql.SQL(", ").join(map(sql.Identifier, names)), sql.SQL(", ").join([sql.Placeholder()] * len(names))
    )
    stored, rows = 0, list[list[Any]]()
    begun = time.perf_counter()
    with server.connect() as connection, owner.connect(autocommit=True) as months, connection.cursor() as cursor:
        made = cache(lambda month: months.execute("SELECT ledger_month(%s)", (month,)))
        for done, message in enumerate(islice(_messages(settings, "attribution.credits"), postings), 1):
            _, posting = _decoded(message)
            made(posting["known_at"].replace(day=1, hour=0, minute=0, second=0, microsecond=0))
            _, partition, offset = _coordinates(message)
            for line in posting["lines"]:
                values = {"_partition": partition, "_offset": offset, **posting, **line}
                rows.append([values[name] for name in names])
            if len(rows) >= BATCH or done == postings:
                cursor.executemany(insert, rows)
                connection.commit()
                stored, rows = stored + len(rows), []
    return stored / (time.perf_counter() - begun)


def _messages(settings: Settings, topic: str) -> Iterator[Message]:
    """A topic's records with a value, from its begin on, without an end."""
    consumer = Consumer(consumer_config(settings, "bench", "bench"))
    partitions = consumer.list_topics(topic, timeout=15).topics[topic].partitions
    assign(consumer, [TopicPartition(topic, partition, 0) for partition in partitions])
    try:
        while True:
            message = consumer.poll(1.0)
            if message is not None and message.error() is None and message.value() is not None:
                yield message
    finally:
        consumer.close()


def _coordinates(message: Message) -> tuple[str, int, int]:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None and partition is not None and offset is not None, "consumed"
    return topic, partition, offset


def _decoded(message: Message) -> tuple[Any, dict[str, Any]]:
    value: Any = message.value()
    entry = entry_of(value)
    values: Any = schemaless_reader(io.BytesIO(value[HEADER_BYTES:]), _schema(entry), None)
    return entry, values


@cache
def _schema(entry: Any) -> Any:
    return parse_schema(wire_schema(entry))


def _at(values: dict[str, Any], path: str) -> Any:
    for name in path.split("."):
        values = values[name]
    return values
