"""What tests of the sinks need: a log made of nothing, batches, topics, databases of their own."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from psycopg import sql

from schemas.topics import ACCEPTED, FACT_TOPIC, PLATFORM, TOPICS
from sinks.base import Log, Sink
from sinks.clickhouse import queries as clickhouse_queries
from sinks.clickhouse.client import Client
from sinks.clickhouse.client import Server as ClickHouse
from sinks.clickhouse.migrate import migrate as migrate_clickhouse
from sinks.delivery import Batch, Range, Record
from sinks.postgres import queries as postgres_queries
from sinks.postgres.connection import Server as Postgres
from sinks.postgres.migrate import migrate as migrate_postgres
from streams.driver import Driver
from streams.kafka import client_config, producer_config
from streams.partitioner import partition_of
from streams.report.reconcile import reconcile
from streams.settings import Settings
from tests.support.facts import at
from tests.support.runs import Run

READ = tuple(topic.name for topic in (*ACCEPTED, *PLATFORM))
"""Every topic that some sink reads."""


def log(cluster: str = "cluster", **topic_ids: str) -> Log:
    """The log of a broker that never was."""
    ids = {name: topic_ids.get(name.replace(".", "_"), f"id-{name}") for name in READ}
    return Log(cluster, ids, {name: TOPICS[name].partitions for name in READ})


def batch(values: Iterable[tuple[str, bytes]], start: int = 0) -> Batch:
    """One batch of values, all in partition 0 of their topics from an offset on."""
    records, ends = [], dict[str, int]()
    for topic, value in values:
        offset = ends.get(topic, start)
        records.append(Record(topic, 0, offset, at("3-2"), value))
        ends[topic] = offset + 1
    return Batch(tuple(Range(topic, 0, start, end) for topic, end in sorted(ends.items())), tuple(records))


def fill(sink: Sink, driver: Driver) -> None:
    """Give a sink all that a run put out, in the order of time, each record in a batch of its own."""
    sink.open(log())
    ends = Counter[tuple[str, int]]()
    for out in driver.outputs:
        if out.topic in sink.topics:
            slot = out.topic, partition_of(out.key, TOPICS[out.topic].partitions)
            offset, ends[slot] = ends[slot], ends[slot] + 1
            held = driver.log[slot][offset]
            record = Record(*slot, offset, held.timestamp, held.value)
            sink.prepare(Batch((Range(*slot, offset, offset + 1),), (record,)), _no_refusal)()
    sink.close()


def _no_refusal(record: Record, reason: str, detail: str) -> None:
    raise AssertionError(f"refused {record.topic}:{record.offset}: {reason} {detail}")


def differences(run: Run, postgres: Postgres, clickhouse: ClickHouse) -> list[str]:
    """What a report on a run would not find alike in stores that hold it; the run's own counts are taken as read."""
    there = clickhouse_queries.figures(clickhouse)
    told = ("stage", "topic", "type", "outcome")
    there["stage_counts"] = [dict(zip(told, what, strict=True)) | {"count": n} for what, n in run.driver.counts.items()]
    records = Counter(FACT_TOPIC[type(one)].name for one in run.published)
    return reconcile(records, postgres_queries.figures(postgres), there).differences


@contextmanager
def own_postgres(settings: Settings) -> Iterator[tuple[Postgres, Postgres]]:
    """A migrated database of its own: its owner's login and the sink's."""
    name = f"sinks_{secrets.token_hex(4)}"
    with psycopg.connect(**settings.postgres("admin"), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        owner = replace(Postgres(**settings.postgres("admin")), dbname=name)
        migrate_postgres(owner, settings.need("postgres_sink_password"), settings.need("postgres_reader_password"))
        yield owner, replace(Postgres(**settings.postgres("sink")), dbname=name)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def own_clickhouse(settings: Settings) -> Iterator[ClickHouse]:
    """A migrated database of its own."""
    server = replace(ClickHouse(**settings.clickhouse("sink")), database=f"sinks_{secrets.token_hex(4)}")
    migrate_clickhouse(server)
    yield server
    client = Client(replace(server, database="default"))
    client.command(f"DROP DATABASE `{server.database}`")
    client.close()


def create_topics(settings: Settings) -> None:
    """Make every topic that a sink reads, unless it is there."""
    admin = AdminClient(client_config(settings, "test"))
    there = admin.list_topics(timeout=15).topics
    fresh = [
        NewTopic(name, TOPICS[name].partitions, 1, config=TOPICS[name].config) for name in READ if name not in there
    ]
    for made in admin.create_topics(fresh).values() if fresh else ():
        made.result(30)


class Publisher:
    """Publishes values in transactions, as the platform does: topics end in commit marks, and some are aborted."""

    def __init__(self, settings: Settings) -> None:
        name = f"test-{secrets.token_hex(4)}"
        self._producer = Producer({**producer_config(settings, "test"), "transactional.id": name})
        self._producer.init_transactions(30)

    def publish(self, values: Iterable[tuple[str, bytes]], *, commit: bool = True, key: str = "key") -> None:
        """Publish in one transaction; all values of a key are in one partition of their topic."""
        self._producer.begin_transaction()
        for topic, value in values:
            while True:
                try:
                    self._producer.produce(topic, value, key)
                    break
                except BufferError:
                    self._producer.poll(0.1)
        if commit:
            self._producer.commit_transaction(30)
        else:
            self._producer.flush(30)  # the aborted records must be in the log, or there is nothing to abort
            self._producer.abort_transaction(30)
