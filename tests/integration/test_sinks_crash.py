"""Sink processes on real servers: killed in the middle of a batch, taken over, pointed at another log."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition

from schemas.codec import decode
from schemas.events.ledger import CreditsPosted
from schemas.events.operations import DeadLettered
from schemas.topics import TOPICS
from sinks.base import SinkError
from sinks.clickhouse import queries as clickhouse
from sinks.clickhouse.client import Client
from sinks.clickhouse.sink import ClickHouseSink
from sinks.clickhouse.tables import LINES, TABLES
from sinks.delivery import Batch, Positions, Range, Record
from sinks.postgres import queries as postgres
from sinks.postgres.sink import PostgresSink
from sinks.refusals import Refusals
from sinks.source import Source
from streams.kafka import client_config, consumer_config, producer_config
from streams.settings import Settings
from tests.support.sinks import Publisher, create_topics, own_clickhouse, own_postgres
from tests.support.stored import story

KILLS = int(os.environ.get("KILLS", "3"))
"""As many as patience allows: ``KILLS=200 pytest tests/integration/test_sinks_crash.py -k over_and_over``."""
STORIES = 40

pytestmark = pytest.mark.timeout(300 + 15 * KILLS)  # processes start slowly on a busy machine


class Store:
    """A store, the processes that fill it, and what they and it say."""

    def __init__(self, name: str, settings: Settings, folder: Path, server: Any) -> None:
        self.name, self.settings, self.server = name, settings, server
        database = server.dbname if name == "postgres" else server.database
        self._folder = folder
        self._started: list[subprocess.Popen[bytes]] = []
        self._env = {
            **os.environ,
            "FINEACERS_STATE_DIR": str(settings.state_dir),
            f"FINEACERS_{name.upper()}_DATABASE": database,
        }

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """Another sink process."""
        return self.run("streams", "sink", self.name, *options)

    def run(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A Python module as a process."""
        with self._log(len(self._started)).open("wb") as out:
            program = [sys.executable, "-m", *arguments]
            process = subprocess.Popen(program, env=self._env, stdout=out, stderr=out)
        self._started.append(process)
        return process

    def said(self) -> str:
        """What the process started last has written."""
        return self._log(len(self._started) - 1).read_text()

    def positions(self) -> Positions:
        """Where the store stands; a partition that was never written has no position."""
        return postgres.positions(self.server) if self.name == "postgres" else clickhouse.positions(self.server)

    def ends(self) -> Positions:
        """The ends of the partitions that this store reads, as far as records go.

        Marks of transactions may still be on their way, and before they are there a reader of committed records is
        told of earlier ends.
        """
        topics = PostgresSink.topics if self.name == "postgres" else ClickHouseSink.topics
        keys = [(name, partition) for name in topics for partition in range(TOPICS[name].partitions)]
        consumer = Consumer({**consumer_config(self.settings, "test", "test"), "isolation.level": "read_uncommitted"})
        found = {key: consumer.get_watermark_offsets(TopicPartition(*key), timeout=15)[1] for key in keys}
        consumer.close()
        return found

    def behind(self, ends: Positions) -> Positions:
        """Partitions that have not come to these ends."""
        held = self.positions()
        return {key: held.get(key, 0) for key, end in ends.items() if held.get(key, 0) < end}

    def close(self) -> None:
        """End what still runs."""
        for process in self._started:
            process.kill()
            process.wait()

    def _log(self, number: int) -> Path:
        return self._folder / f"{number}.log"

    @contextmanager
    def writing(self) -> Iterator[Callable[[], int]]:
        """A way to ask which batch is being written, begun and not done: any number of its own, 0 for none."""
        if self.name == "postgres":
            with self.server.connect(autocommit=True) as connection:
                yield lambda: connection.execute(BUSY).fetchall()[0][0]
        else:
            client = Client(self.server)
            yield lambda: client.rows(ANNOUNCED)[0][1]
            client.close()


BUSY = (
    "SELECT coalesce(max(backend_xid::text::bigint), 0) FROM pg_stat_activity "
    "WHERE usename = 'fineacers_sink' AND datname = current_database() AND backend_xid IS NOT NULL"
)
ANNOUNCED = "SELECT maxIf(batch, NOT done) AS begun, if(begun > maxIf(batch, done), begun, 0) FROM sink_positions"


@pytest.fixture(params=["postgres", "clickhouse"])
def store(request: pytest.FixtureRequest, stack: Settings, tmp_path: Path) -> Iterator[Store]:
    create_topics(stack)
    with ExitStack() as opened:
        if request.param == "postgres":
            server: Any = opened.enter_context(own_postgres(stack))[0]
        else:
            server = opened.enter_context(own_clickhouse(stack))
        made = Store(request.param, stack, tmp_path, server)
        opened.callback(made.close)
        yield made


def until(
    condition: Callable[[], bool], what: str, process: subprocess.Popen[bytes], found: Callable[[], object] = str
) -> None:
    """Ask until it holds, as long as the process runs; ``found`` tells what was there instead."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}; {found()}"
        assert process.poll() is None, f"the process ended before: {what}; {found()}"
        time.sleep(0.01)


def until_stored(store: Store, ends: Positions, what: str, process: subprocess.Popen[bytes]) -> None:
    """Ask until the store stands at these ends, as long as the process runs."""
    until(
        lambda: not store.behind(ends), what, process, lambda: f"behind {store.behind(ends)} of {ends}: {store.said()}"
    )


def committed(settings: Settings, ends: Positions) -> list[tuple[str, int, int, Any]]:
    """What the topics hold for a reader of committed records: topic, partition, offset, message."""
    consumer = Consumer({**consumer_config(settings, "test", "test"), "enable.partition.eof": True})
    consumer.assign([TopicPartition(*key, 0) for key in ends])
    found, open_ = [], set(ends)
    while open_:
        for message in consumer.consume(1_000, 1.0):
            error = message.error()
            if error is not None:
                assert error.code() == KafkaError._PARTITION_EOF
                open_.discard((message.topic(), message.partition()))
            else:
                content = decode(message.value()).message
                found.append((message.topic(), message.partition(), message.offset(), content))
    consumer.close()
    return found


def test_killed_over_and_over_nothing_is_lost_or_repeated(store: Store) -> None:
    publisher = Publisher(store.settings)
    chance = random.Random(7)
    caught = 0
    with store.writing() as is_writing:
        for kill in range(KILLS):
            values = [value for number in range(kill * STORIES, (kill + 1) * STORIES) for value in story(number)]
            publisher.publish(values, key=f"key {kill}")
            publisher.publish(values[:50], commit=False, key=f"key {kill}")
            before = is_writing()
            process = store.start()
            until(lambda before=before: is_writing() not in (0, before), "the sink writes", process)  # type: ignore[misc]
            if kill % 2:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(chance.uniform(0, 0.1))
            process.kill()
            process.wait()
            caught += is_writing() > 0
    finish(store)
    if store.name == "clickhouse":
        assert caught, "no kill hit a batch that was being written"
    check = {"postgres": postgres_holds, "clickhouse": clickhouse_holds}[store.name]
    check(store, committed(store.settings, store.positions()))


@pytest.mark.parametrize("store", ["clickhouse"], indirect=True)
@pytest.mark.parametrize("broken", [(), ("--tokenless",)], ids=["as it is", "tokenless"])
def test_what_was_stored_and_not_acknowledged_is_repeated_only_without_tokens(
    store: Store, broken: tuple[str, ...]
) -> None:
    Publisher(store.settings).publish(story(1))
    ended = store.run("tests.support.broken_sink", "--end", *broken)
    assert ended.wait(60) == -signal.SIGKILL, store.said()
    again, ends = store.run("tests.support.broken_sink", *broken), store.ends()
    until(lambda: "reading" in store.said(), "it reads", again)
    until_stored(store, ends, "everything is stored", again)
    try:
        clickhouse_holds(store, committed(store.settings, store.positions()))
    except AssertionError:
        assert broken, "rows were lost or repeated"
    else:
        assert not broken, "nobody noticed that the tokens were dropped"


def finish(store: Store, *options: str) -> None:
    """Let a process store everything, and end it."""
    process, ends = store.start(*options), store.ends()
    until(lambda: "reading" in store.said(), "it reads", process)
    until_stored(store, ends, "everything is stored", process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0, store.said()


def clickhouse_holds(store: Store, records: list[tuple[str, int, int, Any]]) -> None:
    """Every table has one row for each record (or line), and the hourly figures agree."""
    client = Client(store.server)
    want: dict[str, Counter[tuple[int, int]]] = {table.holds: Counter() for table in TABLES.values()}
    for topic, partition, offset, message in records:
        rows = len(message.lines) if isinstance(message, CreditsPosted) else 1
        want[TABLES[topic].holds][partition, offset] += rows
    for name, rows in want.items():
        kept = client.rows(f"SELECT _partition, _offset, count() FROM {name} GROUP BY 1, 2")
        assert {(partition, offset): count for partition, offset, count in kept} == dict(rows), name
    facts = {TABLES[topic].name: 0 for topic in TABLES if TABLES[topic].topic.kind == "accepted"}
    for topic, *_ in records:
        if TABLES[topic].name in facts:
            facts[TABLES[topic].name] += 1
    hourly = dict(client.rows("SELECT topic, sum(events) FROM events_hourly GROUP BY topic"))
    assert hourly == {name: count for name, count in facts.items() if count}
    assert LINES in want
    client.close()


def postgres_holds(store: Store, records: list[tuple[str, int, int, Any]]) -> None:
    """Lines are complete and single, and the newest of each key is there."""
    lines, newest = Counter[str](), dict[tuple[str, str], int]()
    for topic, _, _, message in records:
        if isinstance(message, CreditsPosted):
            lines.update({line.line_id for line in message.lines})
        for name, key, version in (
            ("lead.profiles", "lead_id", "version"),
            ("lead.temperatures", "lead_id", "seq"),
            ("accepted.bookings", "booking_id", "revision"),
        ):
            if topic == name:
                at = (name, getattr(message, key))
                newest[at] = max(newest.get(at, 0), getattr(message, version))
    with store.server.connect() as connection:
        kept = connection.execute("SELECT line_id::text FROM ledger_lines").fetchall()
        assert Counter(line for (line,) in kept) == Counter(set(lines))
        for name, query in (
            ("lead.profiles", "SELECT lead_id::text, version FROM leads"),
            ("lead.temperatures", "SELECT lead_id::text, seq FROM temperatures"),
            ("accepted.bookings", "SELECT booking_id, revision FROM bookings"),
        ):
            rows = {(name, key): version for key, version in connection.execute(query.encode()).fetchall()}
            assert rows == {key: version for key, version in newest.items() if key[0] == name}


def test_a_second_process_takes_the_store_over_and_the_first_ends(store: Store) -> None:
    publisher = Publisher(store.settings)
    publisher.publish(story(1))
    first = store.start()
    until(lambda: "reading" in store.said(), "the first reads", first)
    ends = store.ends()
    until_stored(store, ends, "the first is done", first)
    second = store.start()
    until(lambda: "reading" in store.said(), "the second has taken over", second)
    publisher.publish(story(2))
    ends = store.ends()
    assert first.wait(30) == 2
    until_stored(store, ends, "the second goes on", second)
    second.send_signal(signal.SIGTERM)
    assert second.wait(30) == 0


def test_a_store_is_filled_anew_on_demand(store: Store) -> None:
    Publisher(store.settings).publish(story(1))
    finish(store)
    finish(store, "--rebuild")
    check = {"postgres": postgres_holds, "clickhouse": clickhouse_holds}[store.name]
    check(store, committed(store.settings, store.positions()))


def test_a_refused_record_is_kept_as_a_dead_letter(stack: Settings) -> None:
    create_topics(stack)
    refusals = Refusals("postgres", producer_config(stack, "test"))
    topic, value = story(12_345)[-5]
    before = {letter.event_id for letter in letters(stack)}
    bad = Record(topic, 3, 77, 1_000, value[:-1])
    refusals.of(Batch((Range(topic, 3, 77, 78),), (bad,)))(bad, "truncated", "ends early")
    (kept,) = [letter for letter in letters(stack) if letter.event_id not in before]
    assert (kept.stage, kept.reason, kept.topic, kept.partition, kept.offset, kept.original) == (
        "sink-postgres", "truncated", topic, 3, 77, value[:-1],
    )  # fmt: skip


def letters(settings: Settings) -> list[DeadLettered]:
    """All dead letters."""
    consumer = Consumer(consumer_config(settings, "test", "test"))
    end = consumer.get_watermark_offsets(TopicPartition("dead.letters", 0), timeout=15)[1]
    consumer.close()
    return [message for *_, message in committed(settings, {("dead.letters", 0): end})]


def test_positions_that_no_record_has_stop_the_source(stack: Settings) -> None:
    create_topics(stack)
    source = Source("postgres", client_config(stack, "test"), consumer_config(stack, "test", "test"))
    with pytest.raises(SinkError, match=r"lead\.scores:0 .* it ends at .*fineacers sink postgres --rebuild"):
        source.start({("lead.scores", 0): 10**12})
    source.close()


def test_a_missing_topic_names_the_command_that_makes_it(stack: Settings) -> None:
    source = Source("postgres", client_config(stack, "test"), consumer_config(stack, "test", "test"))
    with pytest.raises(SinkError, match="fineacers migrate"):
        source.describe(["no.such.topic"])
    assert source.describe(["lead.scores"]).partitions == {"lead.scores": TOPICS["lead.scores"].partitions}
