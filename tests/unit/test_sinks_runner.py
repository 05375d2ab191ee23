"""The loop of a sink process: reading goes on while the store writes, within bounds, and an end is an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from schemas.codec import encode
from schemas.events.decisions import LeadRouted
from sinks.base import Log, Refuse, Resume, SinkError, Write
from sinks.delivery import Batch, Range, Record
from sinks.memory import Memory, MemorySink
from sinks.refusals import Refusals
from sinks.runner import run
from sinks.source import Reached
from tests.support.sinks import log
from tests.support.stored import own

TOPIC = "lead.routes"
VALUE = encode(own(LeadRouted, lead_id="lead", seq=1, temperature="warm", route="email", reason="warm"))
LONG = 10.0
"""Seconds after which something will never happen."""


class Listed:
    """So many records of one partition, a thousand at a time, and then nothing; without a broker."""

    def __init__(self, count: int, then: Callable[[], None] = lambda: None, bad_every: int | None = None) -> None:
        self._count, self._then, self._bad_every = count, then, bad_every
        self._read = 0
        self._moved = threading.Condition()
        self.closed = False

    def describe(self, topics: Any) -> Log:
        return log()

    def start(self, positions: Any) -> None:
        self._read = positions[TOPIC, 0]

    def poll(self, timeout: float) -> tuple[list[Record], list[Reached]]:
        first, end = self._read, min(self._count, self._read + 1_000)
        if first == end:
            self._then()
        with self._moved:
            self._read = end
            self._moved.notify_all()
        return self._records(first, end), []

    def exactly(self, ranges: tuple[Range, ...]) -> Batch:
        ((_, _, first, end),) = ranges
        return Batch(ranges, tuple(self._records(first, end)))

    def _records(self, first: int, end: int) -> list[Record]:
        bad = range(0, end, self._bad_every) if self._bad_every else ()
        return [Record(TOPIC, 0, n, 0, b"" if n in bad else VALUE) for n in range(first, end)]

    def has_read(self, count: int, within: float = LONG) -> bool:
        """Whether so many records are read in time."""
        with self._moved:
            return self._moved.wait_for(lambda: self._read >= count, within)

    def close(self) -> None:
        self.closed = True


class Watched(MemorySink):
    """A memory sink that does something before each write, and tells how large batches were."""

    def __init__(self, memory: Memory, before: Callable[[Batch], None]) -> None:
        super().__init__(memory)
        self.rest_seconds = 0.0
        self._before = before
        self._moved = threading.Condition()
        self.prepared: list[Batch] = []
        self.sizes: list[int] = []

    def prepare(self, batch: Batch, refuse: Refuse) -> Write:
        write = super().prepare(batch, refuse)
        with self._moved:
            self.prepared.append(batch)
            self._moved.notify_all()

        def watched() -> None:
            self._before(batch)
            write()
            self.sizes.append(len(batch.records))

        return watched

    def has_prepared(self, count: int) -> bool:
        """Whether so many batches are prepared in time."""
        with self._moved:
            return self._moved.wait_for(lambda: len(self.prepared) >= count, LONG)


def go(sink: Watched, source: Listed, stop: threading.Event) -> None:
    run(sink, source, Refusals("memory", {}), stop)  # type: ignore[arg-type]  # Listed is all that run asks of a source


def stored(memory: Memory) -> list[int]:
    return [offset for topic, _, offset, _ in memory.rows if topic == TOPIC]


def test_reading_goes_on_while_the_store_writes() -> None:
    memory, stop = Memory(), threading.Event()
    source = Listed(5_000, then=stop.set)

    def slow(batch: Batch) -> None:
        if batch.ranges[0].first == 0:
            assert source.has_read(5_000)

    sink = Watched(memory, slow)
    go(sink, source, stop)
    assert stored(memory) == list(range(5_000))
    assert len(sink.sizes) == 2, "what came meanwhile is one batch"
    assert source.closed


def test_records_gather_while_the_store_rests() -> None:
    memory, stop = Memory(), threading.Event()
    sink = Watched(memory, lambda batch: None)
    sink.rest_seconds = LONG
    go(sink, Listed(5_000, then=stop.set), stop)
    assert sink.sizes == [5_000]


def test_a_full_batch_does_not_wait_for_rest() -> None:
    memory, stop = Memory(), threading.Event()
    sink = Watched(memory, lambda batch: None)
    sink.rest_seconds = LONG
    go(sink, Listed(70_000, then=stop.set), stop)
    assert sink.sizes == [50_000, 20_000]


def test_no_more_is_read_than_one_batch_while_the_store_writes() -> None:
    memory, stop = Memory(), threading.Event()
    source = Listed(120_000, then=stop.set)

    def slow(batch: Batch) -> None:
        if batch.ranges[0].first == 0:
            full = batch.ranges[0].end + 50_000
            assert source.has_read(full)
            assert not source.has_read(full + 1_000, within=0.2)

    sink = Watched(memory, slow)
    go(sink, source, stop)
    assert stored(memory) == list(range(120_000))


def test_a_fault_of_the_store_ends_the_run_though_nothing_more_comes() -> None:
    memory, stop = Memory(), threading.Event()

    def broken(batch: Batch) -> None:
        raise SinkError("the table is gone")

    deadline = time.monotonic() + LONG
    source = Listed(1, then=lambda: stop.set() if time.monotonic() > deadline else None)
    with pytest.raises(SinkError, match="the table is gone"):
        go(Watched(memory, broken), source, stop)
    assert time.monotonic() < deadline, "it ended by itself"
    assert source.closed


def test_nothing_is_stored_after_a_batch_that_was_not() -> None:
    memory, stop = Memory(), threading.Event()

    def broken(batch: Batch) -> None:
        assert sink.has_prepared(2)
        raise SinkError("the disk is full")

    sink = Watched(memory, broken)
    with pytest.raises(SinkError, match="the disk is full"):
        go(sink, Listed(60_000, then=stop.set), stop)
    assert len(sink.prepared) == 2, "the next one was waiting"
    assert stored(memory) == []


def test_a_fault_of_the_log_ends_the_run_though_the_store_does_not_answer() -> None:
    memory, stop = Memory(), threading.Event()
    tried = threading.Event()

    def lost() -> None:
        if tried.is_set():
            raise SinkError("the topic is another one")

    def away(batch: Batch) -> None:
        memory.healthy = False
        tried.set()

    source = Listed(1, then=lost)
    with pytest.raises(SinkError, match="the topic is another one"):
        go(Watched(memory, away), source, stop)
    assert stored(memory) == []


def test_a_run_that_is_stopped_does_not_wait_for_its_store() -> None:
    memory, stop = Memory(), threading.Event()

    def away(batch: Batch) -> None:
        memory.healthy = False
        stop.set()

    go(Watched(memory, away), Listed(1), stop)
    assert stored(memory) == []
    assert memory.positions[TOPIC, 0] == 0


def test_a_store_that_comes_back_gets_what_it_missed() -> None:
    memory, stop = Memory(), threading.Event()
    attempts = []

    def away_twice(batch: Batch) -> None:
        attempts.append(batch)
        memory.healthy = len(attempts) > 2
        if memory.healthy:
            stop.set()

    go(Watched(memory, away_twice), Listed(1), stop)
    assert stored(memory) == [0]
    assert attempts[0] is attempts[1] is attempts[2]


class Broker:
    """A producer that keeps everything at once."""

    def __init__(self, config: Any) -> None:
        pass

    def produce(self, *args: Any, **options: Any) -> None:
        pass

    def flush(self, timeout: float) -> int:
        return 0


MANY, EVERY = 50_000, 400
"""125 bad records of 50,000: more than 100, and a quarter of a percent."""


def test_a_batch_that_a_killed_process_left_half_done_may_hold_as_many_bad_records_as_any(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class LeftHalfDone(Watched):
        def open(self, log: Log) -> Resume:
            return Resume(super().open(log).positions, (Range(TOPIC, 0, 0, MANY),))

    monkeypatch.setattr("sinks.refusals.Producer", Broker)
    memory, stop = Memory(), threading.Event()
    go(LeftHalfDone(memory, lambda batch: None), Listed(MANY, then=stop.set, bad_every=EVERY), stop)
    assert len(stored(memory)) == MANY - MANY // EVERY


def test_a_store_that_was_away_for_long_refuses_what_it_would_have_refused_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Late(MemorySink):
        """Comes back after five minutes and refuses then, four a second."""

        rest_seconds = LONG  # so that everything is one batch

        def prepare(self, batch: Batch, refuse: Refuse) -> Write:
            good = [record for record in batch.records if record.value]
            write = super().prepare(Batch(batch.ranges, tuple(good)), refuse)

            def late() -> None:
                clock[0] += 300
                for record in batch.records:
                    if not record.value:
                        clock[0] += 0.25
                        refuse(record, "store_refused", "")
                write()

            return late

    monkeypatch.setattr("sinks.refusals.Producer", Broker)
    clock, memory, stop = [0.0], Memory(), threading.Event()
    source = Listed(MANY, then=stop.set, bad_every=EVERY)
    refusals = Refusals("memory", {}, clock=lambda: clock[0])
    run(Late(memory), source, refusals, stop)  # type: ignore[arg-type]
    assert len(stored(memory)) == MANY - MANY // EVERY
