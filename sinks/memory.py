"""A sink that keeps everything in a dictionary: what the other sinks promise, without a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from schemas.codec import CodecError, decode
from schemas.topics import ACCEPTED, PLATFORM
from sinks.base import Fenced, Log, Refuse, Resume, Unavailable, Write, require_same_log
from sinks.delivery import Batch, Misplaced, Positions, Range, advanced, standing

StoredRow = tuple[str, int, int, str]
"""Topic, partition, offset and event type."""


@dataclass
class Memory:
    """What several memory sinks write to, as several processes to one server."""

    positions: Positions = field(default_factory=dict)
    owners: dict[tuple[str, int], tuple[str, str]] = field(default_factory=dict)
    rows: list[StoredRow] = field(default_factory=list)
    epoch: int = 0
    healthy: bool = True


class MemorySink:
    """Writes to a ``Memory``; several may be opened, the last one owns it."""

    store = "memory"
    rest_seconds = 0.5

    def __init__(self, memory: Memory) -> None:
        self.topics: tuple[str, ...] = tuple(topic.name for topic in (*ACCEPTED, *PLATFORM))
        self._memory = memory
        self._epoch = 0

    def open(self, log: Log) -> Resume:
        self._require_health()
        require_same_log(self.store, self._memory.owners, log)
        self._memory.epoch += 1
        self._epoch = self._memory.epoch
        self._memory.owners |= log.owners()
        self._memory.positions = dict.fromkeys(log.owners(), 0) | self._memory.positions
        return Resume(dict(self._memory.positions))

    def prepare(self, batch: Batch, refuse: Refuse) -> Write:
        rows = []
        for record in batch.records:
            try:
                message = decode(record.value).message
            except CodecError as error:
                refuse(record, error.reason, error.detail)
            else:
                rows.append((record.topic, record.partition, record.offset, type(message).__name__))
        return partial(self._write, batch.ranges, rows)

    def close(self) -> None:
        pass

    def _write(self, ranges: Sequence[Range], rows: Sequence[StoredRow]) -> None:
        self._require_health()
        if self._epoch != self._memory.epoch:
            raise Fenced(self.store)
        try:
            if standing(ranges, self._memory.positions) == "stored":
                return
        except Misplaced as misplaced:
            raise Fenced(self.store, str(misplaced)) from None
        self._memory.rows += rows
        self._memory.positions = advanced(self._memory.positions, ranges)

    def _require_health(self) -> None:
        if not self._memory.healthy:
            raise Unavailable("memory: switched off")
