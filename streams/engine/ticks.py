"""Ticks: time as data, appended to an inbox by whoever owns it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator

from schemas.codec import encode
from schemas.events.operations import Tick
from streams.engine.owned import Owned


class Ticker:
    """Says when a partition gets a tick: about every ``seconds``, and never while one lies in it unread.

    ``next`` is when it says so again (monotonic seconds); with infinite ``seconds`` never.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.next = 0.0 if seconds < math.inf else math.inf

    def due(self, partitions: Iterable[Owned], now: float) -> Iterator[tuple[str, int, bytes]]:
        """Topic, partition and bytes of the ticks to append now (monotonic seconds)."""
        if now < self.next:
            return
        self.next = now + self._seconds
        wall = time.time_ns() // 1_000
        for owned in partitions:
            if owned.flows and owned.tick_unread is False:
                owned.tick_unread = True
                yield *owned.place, encode(Tick.build(at=max(owned.partition.now, wall)))
