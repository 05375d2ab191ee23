"""What every sink promises, held against each of them: a new sink adds a subject below."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from schemas.codec import encode
from sinks import SINKS
from sinks.base import Fenced, Sink, SinkError, Unavailable
from sinks.clickhouse.client import Client
from sinks.clickhouse.client import Server as ClickHouse
from sinks.clickhouse.sink import ClickHouseSink
from sinks.clickhouse.tables import TABLES as CLICKHOUSE_TABLES
from sinks.delivery import Batch, Range, Record, advanced
from sinks.memory import Memory, MemorySink
from sinks.postgres.connection import Server as Postgres
from sinks.postgres.sink import PostgresSink
from sinks.postgres.tables import TABLES as POSTGRES_TABLES
from streams.settings import Settings
from tests.support.facts import at
from tests.support.sinks import batch, log, own_clickhouse, own_postgres
from tests.support.stored import lead_id, posting, story

Rows = Counter[tuple[Any, ...]]
DEAD_PORT = 1
NOON = at("3-2")


class Subject:
    """A store under test, empty; ``make`` gives another process's sink on it."""

    def __init__(
        self,
        make: Callable[[], Sink],
        unhealthy: Callable[[], Sink],
        empty: Callable[[], None],
        rebuild: Callable[[], None],
    ) -> None:
        self._make, self._unhealthy, self._empty, self.rebuild = make, unhealthy, empty, rebuild
        self._opened: list[Sink] = []
        empty()

    def sink(self) -> Sink:
        """Another process's sink on the same store."""
        self._opened.append(self._make())
        return self._opened[-1]

    def unhealthy(self) -> Sink:
        """A sink whose store does not answer."""
        self._opened.append(self._unhealthy())
        return self._opened[-1]

    def clean_rows(self, written: Batch) -> Rows:
        """What the store holds when a batch is written without trouble; what it holds now is deleted."""
        self._empty()
        sink = self.sink()
        sink.open(log())
        sink.prepare(written, no_refusal)()
        return self.rows()

    def close(self) -> None:
        """Close every sink."""
        for sink in self._opened:
            sink.close()

    def rows(self) -> Rows:
        """Everything stored, positions left out."""
        raise NotImplementedError


class InMemory(Subject):
    def __init__(self) -> None:
        self._memory = Memory()
        dead = Memory(healthy=False)
        super().__init__(
            lambda: MemorySink(self._memory), lambda: MemorySink(dead), self._memory.__init__, self._rebuild
        )

    def rows(self) -> Rows:
        return Counter(self._memory.rows)

    def _rebuild(self) -> None:
        self._memory.__init__(epoch=self._memory.epoch + 1)  # type: ignore[misc]


class InPostgres(Subject):
    def __init__(self, owner: Postgres, server: Postgres) -> None:
        self._owner = owner
        dead = replace(server, port=DEAD_PORT)
        rebuild = partial(SINKS["postgres"].rebuild, owner)
        super().__init__(lambda: PostgresSink(server), lambda: PostgresSink(dead), rebuild, rebuild)

    def rows(self) -> Rows:
        found: Rows = Counter()
        with self._owner.connect() as connection:
            for table in POSTGRES_TABLES:
                for row in connection.execute(f"SELECT * FROM {table.name}"):  # type: ignore[arg-type]
                    found[table.name, str(row)] += 1
        return found


class InClickHouse(Subject):
    def __init__(self, server: ClickHouse) -> None:
        self._server = server
        dead = replace(server, port=DEAD_PORT)
        rebuild = partial(SINKS["clickhouse"].rebuild, server)
        super().__init__(lambda: ClickHouseSink(server), lambda: ClickHouseSink(dead), self._truncate, rebuild)

    def rows(self) -> Rows:
        client = Client(self._server)
        found: Rows = Counter()
        for name in {table.holds for table in CLICKHOUSE_TABLES.values()}:
            for row in client.rows(f"SELECT * FROM {name}"):
                found[name, str(row)] += 1
        for topic, events in client.rows("SELECT topic, sum(events) FROM events_hourly GROUP BY topic"):
            found["events_hourly", topic] = events
        client.close()
        return found

    def _truncate(self) -> None:
        client = Client(self._server)
        for name in [*{table.holds for table in CLICKHOUSE_TABLES.values()}, "sink_positions", "events_hourly"]:
            client.command(f"TRUNCATE TABLE {name}")
        client.close()


@pytest.fixture(scope="module")
def databases() -> Iterator[dict[str, Any]]:
    """Databases made so far, kept for all tests of this file."""
    with ExitStack() as opened:
        yield {"opened": opened}


@pytest.fixture(params=["memory", *SINKS])
def subject(request: pytest.FixtureRequest, databases: dict[str, Any]) -> Iterator[Subject]:
    """An empty store of each kind."""
    made = _made(request, databases)
    yield made
    made.close()


def _made(request: pytest.FixtureRequest, databases: dict[str, Any]) -> Subject:
    if request.param == "memory":
        return InMemory()
    settings: Settings = request.getfixturevalue("stack")
    if request.param not in databases:
        own: Any = {"postgres": own_postgres, "clickhouse": own_clickhouse}[request.param]
        databases[request.param] = databases["opened"].enter_context(own(settings))
    if request.param == "postgres":
        return InPostgres(*databases["postgres"])
    return InClickHouse(databases["clickhouse"])


class Refused(list[tuple[str, int, str]]):
    """Refused records: topic, offset, reason."""

    def __call__(self, record: Record, reason: str, _detail: str) -> None:
        self.append((record.topic, record.offset, reason))


class Crash(Exception):
    """Stands for the end of a process in the middle of a batch."""


def crash(record: Record, reason: str, detail: str) -> None:
    """Refuse by dying."""
    raise Crash


def no_refusal(record: Record, reason: str, detail: str) -> None:
    """Nothing may be refused."""
    raise AssertionError(f"refused {record.topic}:{record.offset}: {reason} {detail}")


def of_topics(sink: Sink, whole: Batch) -> Batch:
    """The part of a batch that a sink reads."""
    return Batch(
        tuple(r for r in whole.ranges if r.topic in sink.topics),
        tuple(r for r in whole.records if r.topic in sink.topics),
    )


def resume(sink: Sink, written: Batch, refuse: Any) -> None:
    """What the runner does at its start: write again what is pending, then what is missing.

    Read again, partitions come one after the other, and not as they came at first.
    """
    written = replace(written, records=tuple(sorted(written.records, key=lambda one: (one.partition, one.offset))))
    resumed = sink.open(log())
    positions = resumed.positions
    if resumed.pending:
        pending = set(resumed.pending)
        assert pending == set(written.ranges), "exactly the batch that was cut short"
        sink.prepare(written, refuse)()
        positions = advanced(positions, written.ranges)
    if any(positions[r.topic, r.partition] == r.first for r in written.ranges):
        sink.prepare(written, refuse)()


def stories(first: int = 0, count: int = 3, start: int = 0) -> Batch:
    """A batch of every kind of record."""
    return batch([value for number in range(first, first + count) for value in story(number)], start)


def test_every_record_is_stored_and_positions_follow(subject: Subject) -> None:
    sink = subject.sink()
    sink.open(log())
    written = of_topics(sink, stories())
    sink.prepare(written, no_refusal)()
    assert subject.rows()
    positions = subject.sink().open(log()).positions
    assert {(r.topic, r.partition): r.end for r in written.ranges}.items() <= positions.items()


def test_a_batch_written_twice_is_stored_once(subject: Subject) -> None:
    sink = subject.sink()
    sink.open(log())
    written = of_topics(sink, stories())
    sink.prepare(written, no_refusal)()
    once = subject.rows()
    sink.prepare(written, no_refusal)()
    assert subject.rows() == once
    other = subject.sink()
    other.open(log())
    other.prepare(written, no_refusal)()
    assert subject.rows() == once


def test_two_batches_make_what_one_makes(subject: Subject) -> None:
    values = [value for number in range(4) for value in story(number)]
    sink = subject.sink()
    whole = subject.clean_rows(of_topics(sink, batch(values)))
    subject.clean_rows(of_topics(sink, batch(values[: len(values) // 2])))
    after = subject.sink()
    ends = after.open(log()).positions
    rest = of_topics(after, batch(values))
    later = Batch(
        tuple(r._replace(first=ends[r.topic, 0]) for r in rest.ranges if r.end > ends[r.topic, 0]),
        tuple(r for r in rest.records if r.offset >= ends[r.topic, 0]),
    )
    after.prepare(later, no_refusal)()
    assert subject.rows() == whole


@pytest.mark.parametrize("topic", ["accepted.bookings", "lead.scores"])
def test_a_crash_in_the_middle_of_a_batch_loses_and_repeats_nothing(subject: Subject, topic: str) -> None:
    sink = subject.sink()
    sink.open(log())
    clean = of_topics(sink, stories())
    victim = max((r for r in clean.records if r.topic == topic), key=lambda r: r.offset)
    poisoned = Batch(
        tuple(r if r.topic != topic else r._replace(end=r.end + 1) for r in clean.ranges),
        (*clean.records, victim._replace(offset=victim.offset + 1, value=victim.value[:-2])),
    )
    with pytest.raises(Crash):
        sink.prepare(poisoned, crash)()
    refused = Refused()
    after = subject.sink()
    resume(after, poisoned, refused)
    assert refused == [(topic, victim.offset + 1, "truncated")]
    found = subject.rows()
    resume(subject.sink(), poisoned, no_refusal)
    assert subject.rows() == found
    assert found == subject.clean_rows(clean)


def test_a_crash_amid_bad_records_repeats_nothing_though_partitions_come_in_another_order(subject: Subject) -> None:
    topic, size = "accepted.bookings", 40  # every sink reads it
    values = [value for number in range(60) for value in story(number) if value[0] == topic][:size]
    records = [Record(topic, at % 2, at // 2, NOON, value) for at, (_, value) in enumerate(values)]
    assert len(records) == size
    victim = records[-3]._replace(value=records[-3].value[:-2])
    ranges = tuple(Range(topic, partition, 0, size // 2) for partition in (0, 1))
    poisoned = Batch(ranges, tuple(victim if one[:3] == victim[:3] else one for one in records))
    sink = subject.sink()
    sink.open(log())
    with pytest.raises(Crash):
        sink.prepare(poisoned, crash)()
    refused = Refused()
    resume(subject.sink(), poisoned, refused)
    assert refused == [(topic, victim.offset, "truncated")]
    found = subject.rows()
    assert found == subject.clean_rows(Batch(ranges, tuple(one for one in records if one[:3] != victim[:3])))


def test_who_slept_while_the_store_was_emptied_goes_on_nowhere(subject: Subject) -> None:
    sleeper = subject.sink()
    sleeper.open(log())
    sleeper.prepare(of_topics(sleeper, stories()), no_refusal)()
    subject.rebuild()
    assert not subject.rows()
    with pytest.raises(Fenced):
        sleeper.prepare(later(of_topics(sleeper, stories())), no_refusal)()
    filled = subject.sink()
    assert set(filled.open(log()).positions.values()) == {0}
    written = of_topics(filled, stories())
    filled.prepare(written, no_refusal)()
    once = subject.rows()
    with pytest.raises(Fenced):
        sleeper.prepare(later(of_topics(sleeper, stories())), no_refusal)()
    assert subject.rows() == once
    positions = subject.sink().open(log()).positions
    assert {(r.topic, r.partition): r.end for r in written.ranges}.items() <= positions.items()


def later(written: Batch) -> Batch:
    """What follows a batch: as many records again."""
    gone = {(r.topic, r.partition): r.end - r.first for r in written.ranges}
    return Batch(
        tuple(r._replace(first=r.end, end=r.end + gone[r.topic, r.partition]) for r in written.ranges),
        tuple(r._replace(offset=r.offset + gone[r.topic, r.partition]) for r in written.records),
    )


def test_a_second_process_fences_the_first_off(subject: Subject) -> None:
    first, second = subject.sink(), subject.sink()
    first.open(log())
    written = of_topics(first, stories())
    second.open(log())
    with pytest.raises(Fenced, match="Only one"):
        first.prepare(written, no_refusal)()
    assert not subject.rows()
    second.prepare(written, no_refusal)()
    once = subject.rows()
    with pytest.raises(Fenced):
        first.prepare(written, no_refusal)()
    assert subject.rows() == once


def test_a_store_that_does_not_answer_is_unavailable(subject: Subject) -> None:
    with pytest.raises(Unavailable):
        subject.unhealthy().open(log())


def test_another_log_stops_the_sink_and_names_the_command(subject: Subject) -> None:
    sink = subject.sink()
    sink.open(log())
    sink.prepare(of_topics(sink, stories()), no_refusal)()
    with pytest.raises(SinkError, match="--rebuild"):
        subject.sink().open(log("another cluster"))
    with pytest.raises(SinkError, match=r"topic accepted\.bookings .*--rebuild"):
        subject.sink().open(log(accepted_bookings="made anew"))
    subject.sink().open(log())


def test_a_gap_before_a_batch_is_not_written(subject: Subject) -> None:
    sink = subject.sink()
    sink.open(log())
    with pytest.raises(Fenced):
        sink.prepare(of_topics(sink, stories(start=5)), no_refusal)()
    assert not subject.rows()


def test_a_batch_of_which_one_part_is_stored_already_is_not_written(subject: Subject) -> None:
    sink = subject.sink()
    sink.open(log())
    written = of_topics(sink, stories())
    ahead = written.ranges[0]
    sink.prepare(Batch((ahead,), ()), no_refusal)()
    before = subject.rows()
    for _ in range(2):
        with pytest.raises(Fenced):
            sink.prepare(written, no_refusal)()
    assert subject.rows() == before
    positions = subject.sink().open(log()).positions
    assert {(r.topic, r.partition): positions[r.topic, r.partition] for r in written.ranges} == {
        (r.topic, r.partition): r.end if r == ahead else r.first for r in written.ranges
    }


def test_marks_alone_move_positions(subject: Subject) -> None:
    sink = subject.sink()
    sink.open(log())
    sink.prepare(Batch((Range("lead.scores", 1, 0, 7),), ()), no_refusal)()
    assert subject.sink().open(log()).positions["lead.scores", 1] == 7
    assert not subject.rows()


def test_what_is_no_message_is_refused_and_the_rest_stored(subject: Subject) -> None:
    sink = subject.sink()
    sink.open(log())
    good = of_topics(sink, stories())
    last = max(r.offset for r in good.records if r.topic == "lead.routes")
    bytes_ = next(r.value for r in good.records if r.topic == "lead.routes")
    bad = {last + 1: b"", last + 2: b"\1nonsense", last + 3: b"\0\0\0\xff\xffx", last + 4: bytes_ + b"!"}
    at = good.records[0].timestamp
    poisoned = Batch(
        tuple(r if r.topic != "lead.routes" else r._replace(end=r.end + 4) for r in good.ranges),
        (*good.records, *(Record("lead.routes", 0, offset, at, value) for offset, value in bad.items())),
    )
    refused = Refused()
    sink.prepare(poisoned, refused)()
    assert sorted(refused) == [
        ("lead.routes", last + 1, "truncated"),
        ("lead.routes", last + 2, "bad_magic"),
        ("lead.routes", last + 3, "unknown_schema"),
        ("lead.routes", last + 4, "trailing_bytes"),
    ]
    assert subject.rows() == subject.clean_rows(good)


def test_a_posting_without_lines_is_no_trouble(subject: Subject) -> None:
    sink = subject.sink()
    sink.open(log())
    empty = posting(1, lead_id(1), 1_000_000).model_copy(update={"lines": []})
    written = batch([("attribution.credits", encode(empty)), story(2)[-3]])
    sink.prepare(of_topics(sink, written), no_refusal)()
    assert subject.sink().open(log()).positions["attribution.credits", 0] == written.ranges[0].end
