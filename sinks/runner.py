"""The loop of a sink process: read, collect, store, for ever. What is read is stored by another thread."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sinks.base import Resume, Sink, Unavailable, Write
from sinks.delivery import Accumulator, Batch, advanced
from sinks.refusals import Refusals
from sinks.source import Source

_log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.1, 30.0

T = TypeVar("T")


def run(sink: Sink, source: Source, refusals: Refusals, stop: threading.Event) -> None:
    """Bring the store up to the log and keep it there, until ``stop`` is set (or it ends by itself, which sets it).

    What a killed process has left half done is finished first; nothing is lost and nothing is stored twice.

    Raises:
        SinkError: the sink must not go on; says why.
    """
    try:
        resume = _until_done(lambda: _opened(sink, source, refusals), stop)
        _until_done(lambda: source.start(resume.positions), stop)
        _log.info("%s: reading %d partitions", sink.store, len(resume.positions))
        collected = Accumulator(resume.positions)
        with _Writer(sink, refusals, stop) as writer:
            while not stop.is_set():
                _collect(source, collected)
                # behind a slow store a batch grows until it is full; then reading waits
                if writer.has_rested() or collected.is_full:
                    writer.store(collected.take())
            writer.store(collected.take())
    except _Stopped:
        _log.info("%s: stopped while waiting; what was not stored is read again next time", sink.store)
    finally:
        source.close()
        sink.close()


def _opened(sink: Sink, source: Source, refusals: Refusals) -> Resume:
    """Take the store over and finish what is pending in it."""
    resume = sink.open(source.describe(sink.topics))
    if not resume.pending:
        return resume
    batch = source.exactly(resume.pending)
    sink.prepare(batch, refusals.of(batch))()
    return Resume(advanced(resume.positions, resume.pending))


def _collect(source: Source, collected: Accumulator) -> None:
    records, reached = source.poll(0.05)
    collected.add(records)
    for topic, partition, offset in reached:
        collected.reach(topic, partition, offset)


class _Writer:
    """Stores batches one after the other in a thread of its own; each is prepared while the one before is stored."""

    def __init__(self, sink: Sink, refusals: Refusals, stop: threading.Event) -> None:
        self._sink, self._refusals, self._stop = sink, refusals, stop
        self._thread = ThreadPoolExecutor(1, f"{sink.store}-writer")
        self._writing = self._thread.submit(lambda: None)
        self._done_at = time.monotonic()

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            if error is None:
                self._writing.result()
        finally:
            self._stop.set()  # what waits for its store does not outlive the reading
            self._thread.shutdown()

    def has_rested(self) -> bool:
        """Whether the store has been left alone for long enough; raises what went wrong with the last batch."""
        if not self._writing.done():
            return False
        self._writing.result()
        return time.monotonic() - self._done_at >= self._sink.rest_seconds

    def store(self, batch: Batch | None) -> None:
        """Prepare a batch, if there is one, and store it as soon as the one before is stored."""
        if batch is None:
            return
        write = _until_done(lambda: self._sink.prepare(batch, self._refusals.of(batch)), self._stop)
        self._writing.result()
        self._writing = self._thread.submit(self._write, write)

    def _write(self, write: Write) -> None:
        _until_done(write, self._stop)
        self._done_at = time.monotonic()


class _Stopped(Exception):
    """The process was asked to end while it waited for a store or the broker."""


def _until_done(act: Callable[[], T], stop: threading.Event) -> T:
    """The same act again, with full jitter, as long as the store or the broker is unavailable."""
    longest = FIRST_WAIT
    while True:
        try:
            return act()
        except Unavailable as error:
            wait = random.uniform(0, longest)  # noqa: S311 no secret
            _log.warning("%s; trying again in %.1f s", error, wait)
            if stop.wait(wait):
                raise _Stopped from None
            longest = min(2 * longest, LONGEST_WAIT)
