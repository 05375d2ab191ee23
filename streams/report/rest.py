"""Waiting until the line has come to rest: every stage, then both stores, then a last look after another tick.

A tick fires timers, and what they bring (a campaign's figures) is as much part of the line as any fact's outcome.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from streams.kafka import group_of
from streams.report.backlog import Backlog, Lag, Offsets
from streams.stage import Stage

PATIENCE = 120.0
"""Seconds without any progress of a reader until it is called stuck."""

_PAUSE = 0.25


class NotAtRest(Exception):
    """A reader makes no progress; the message names it."""


@dataclass(frozen=True)
class Reader:
    """Something that reads topics: a stage or a sink; ``ticks`` says that its topics are appended ticks."""

    name: str
    topics: Sequence[str]
    read: Callable[[], Offsets]
    ticks: bool = False


@dataclass(frozen=True)
class Progress:
    """How far the reader that everybody waits for is."""

    reader: str
    read: int
    end: int


def stage_readers(stages: Sequence[Stage], backlog: Backlog) -> list[Reader]:
    """The stages as readers of their inputs, in the order of the line."""

    def reader(stage: Stage) -> Reader:
        read = partial(backlog.committed, group_of(stage.name), stage.inputs)
        return Reader(stage.name, stage.inputs, read, stage.stateful)

    return [reader(stage) for stage in stages]


def wait(line: Sequence[Reader], backlog: Backlog) -> Iterator[Progress]:
    """Yield progress until a tick has passed everywhere that brought nothing. ``NotAtRest`` if a reader is stuck."""
    while True:
        for reader in line:
            yield from _catch_up(reader, backlog)
        ends = {reader.name: backlog.ends(reader.topics) for reader in line}
        for reader in line:
            if reader.ticks:
                _pass_a_tick(reader, ends[reader.name])
        if not any(backlog.lag(ends[reader.name], backlog.ends(reader.topics)).behind for reader in line):
            return


def _catch_up(reader: Reader, backlog: Backlog) -> Iterator[Progress]:
    best, since = -1, time.monotonic()
    while True:
        lag = _lag(reader, backlog)
        yield Progress(reader.name, lag.read if lag.behind else lag.end, lag.end)
        if not lag.behind:
            return
        if lag.read > best:
            best, since = lag.read, time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            raise NotAtRest(
                f"{reader.name} has stood at {lag.read:,} of {lag.end:,} offsets for {PATIENCE:.0f} s: does its "
                "process run? `fineacers doctor`, and its log in the state folder"
            )
        time.sleep(_PAUSE)


def _pass_a_tick(reader: Reader, ends: Offsets) -> None:
    """Wait until every partition of a reader has read something later than its end was: a tick at least."""
    since = time.monotonic()
    while any(at <= ends[slot] for slot, at in reader.read().items()):
        if time.monotonic() - since > PATIENCE:
            raise NotAtRest(
                f"{reader.name} has read no tick for {PATIENCE:.0f} s: does its process run? `fineacers doctor`, and "
                "its log in the state folder"
            )
        time.sleep(_PAUSE)


def _lag(reader: Reader, backlog: Backlog) -> Lag:
    read = reader.read()
    return backlog.lag(read, backlog.ends(reader.topics))
