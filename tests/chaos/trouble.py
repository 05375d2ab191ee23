"""What a worker process does to itself when a schedule tells it to; the engine knows nothing of it.

A schedule hands over a ``Trouble`` in the environment; ``install`` wraps the engine's methods before a life begins.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec

from streams.engine import engine, restore, watchdog
from streams.engine.rocks import RocksStore
from streams.engine.transaction import Transactions
from streams.store import Changes

ENVIRONMENT = "CHAOS_TROUBLE"
STRUCK = "struck:"
POINTS = (
    "before positions",
    "before commit",
    "while committing",
    "after commit",
    "store written",
    "while restoring",
)
"""Where a life may end: positions not sent, sent, the commit under way, committed but no store written, one store
written of several, a restore half done."""
_SLICE = 50
_WATCHDOG_SECONDS = 12  # more than twice as long as any call may take, and less to wait for
HOUR = 3_600


class Trouble(msgspec.Struct, frozen=True):
    """What befalls one life of a worker.

    ``point``: at its ``count``-th passage the process gets ``signal``; ``flush`` brings the store to disk before, so
    that the next life finds what was written and not only what was flushed by chance. ``delay`` is how many seconds
    into a commit "while committing" strikes. ``clock``: hours that the wall clock is off, each held for a second, the
    last for good. ``room``: no file may grow beyond so many bytes. ``broken`` names a planted breakage.
    """

    point: str = ""
    count: int = 1
    signal: int = signal.SIGKILL
    flush: bool = False
    delay: float = 0.0
    clock: tuple[float, ...] = ()
    room: int = 0
    flush_seconds: float = 0.0
    broken: str = ""


def environment(trouble: Trouble) -> dict[str, str]:
    """The trouble as a child process is told of it."""
    return {ENVIRONMENT: msgspec.json.encode(trouble).decode()}


def install() -> Trouble:
    """Take over what the environment says; call it before an engine is made."""
    trouble = msgspec.json.decode(os.environ.get(ENVIRONMENT, "{}"), type=Trouble)
    watchdog._LIMIT_SECONDS = _WATCHDOG_SECONDS
    restore._RECORDS_AT_ONCE = _SLICE  # so that even a short restore has a middle
    if trouble.broken:
        from tests.chaos.broken import BROKEN

        BROKEN[trouble.broken].plant()
    if trouble.point:
        _watch(trouble)
    if trouble.clock:
        _shift(trouble.clock)
    if trouble.flush_seconds:
        engine._FLUSH_SECONDS = trouble.flush_seconds
    if trouble.room:
        resource.setrlimit(resource.RLIMIT_FSIZE, (trouble.room, resource.RLIM_INFINITY))
    return trouble


class _Strike:
    """Counts passages of a point and strikes at the right one."""

    def __init__(self, trouble: Trouble) -> None:
        self._trouble = trouble
        self._passed = 0

    def passed(self, point: str, store: RocksStore | None = None) -> bool:
        """Note a passage; strikes if it is the one. Whether it was, for a signal that lets the process go on."""
        if point != self._trouble.point:
            return False
        self._passed += 1
        if self._passed != self._trouble.count:
            return False
        if store is not None and self._trouble.flush:
            store._db.flush(True)
        if point == "while committing":
            threading.Timer(self._trouble.delay, self.now).start()
        else:
            self.now()
        return True

    def now(self) -> None:
        """Strike."""
        logging.warning("%s %s %s", STRUCK, self._trouble.point, self._passed)
        os.kill(os.getpid(), self._trouble.signal)


def _watch(trouble: Trouble) -> None:
    """Wrap what the points lie between."""
    strike, restoring = _Strike(trouble), threading.Event()
    guard, write, apply = Transactions._guard, RocksStore.write, restore.Restorer._apply

    def guarded(self: Transactions, what: str, call: Callable[[], Any]) -> None:
        if what == "send positions":
            strike.passed("before positions")
        if what == "commit":
            strike.passed("before commit")
            strike.passed("while committing")
        guard(self, what, call)
        if what == "commit":
            strike.passed("after commit")

    def written(self: RocksStore, changes: Changes) -> None:
        write(self, changes)
        strike.passed("while restoring" if restoring.is_set() else "store written", self)

    def applied(self: restore.Restorer, *arguments: Any) -> bool:
        restoring.set()
        try:
            return apply(self, *arguments)
        finally:
            restoring.clear()

    Transactions._guard = guarded  # type: ignore[method-assign]
    RocksStore.write = written  # type: ignore[method-assign]
    restore.Restorer._apply = applied  # type: ignore[method-assign, assignment]


def _shift(hours: tuple[float, ...]) -> None:
    """Put the wall clock of this process off; the monotonic clock goes on as ever."""
    began, true_time, true_time_ns = time.monotonic(), time.time, time.time_ns

    def seconds() -> float:
        return hours[min(int(time.monotonic() - began), len(hours) - 1)] * HOUR

    time.time = lambda: true_time() + seconds()
    time.time_ns = lambda: true_time_ns() + int(seconds() * 1_000_000_000)
