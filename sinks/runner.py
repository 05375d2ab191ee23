"""The loop of a sink process: read, collect, store, for ever."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from sinks.base import Resume, Sink, Unavailable
from sinks.delivery import Accumulator, advanced
from sinks.refusals import Refusals
from sinks.source import Source

_log = logging.getLogger(__name__)

FIRST_WAIT, LONGEST_WAIT = 0.1, 30.0

T = TypeVar("T")


def run(sink: Sink, source: Source, refusals: Refusals, stop: threading.Event) -> None:
    """Bring the store up to the log and keep it there, until ``stop`` is set.

    What a killed process has left half done is finished first; nothing is lost and nothing is stored twice.

    Raises:
        SinkError: the sink must not go on; says why.
    """
    try:
        resume = _until_done(lambda: _opened(sink, source, refusals), stop)
        _until_done(lambda: source.start(resume.positions), stop)
        _log.info("%s: reading %d partitions", sink.store, len(resume.positions))
        collected = Accumulator(resume.positions, max_seconds=sink.gather_seconds)
        while not stop.is_set():
            _collect(source, collected, refusals)
            if collected.due(time.monotonic()):
                _store(sink, collected, refusals, stop)
        _store(sink, collected, refusals, stop)
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
    sink.write(source.exactly(resume.pending), refusals)
    return Resume(advanced(resume.positions, resume.pending))


def _collect(source: Source, collected: Accumulator, refusals: Refusals) -> None:
    records, reached = source.poll(0.05)
    now = time.monotonic()
    collected.add(records, now)
    for topic, partition, offset in reached:
        collected.reach(topic, partition, offset, now)
    refusals.seen(len(records))


def _store(sink: Sink, collected: Accumulator, refusals: Refusals, stop: threading.Event) -> None:
    batch = collected.take()
    if batch is not None:
        _until_done(lambda: sink.write(batch, refusals), stop)


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
