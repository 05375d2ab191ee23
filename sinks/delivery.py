"""Which records make a batch, and where a batch stands in a store: offsets only, no clock, no I/O.

The positions of a store say, for each partition, the first offset that it does not hold yet. A batch is a list of
ranges that begin exactly there. So a batch is either new or already stored, as a whole; anything else means that
somebody else writes to the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

Positions = dict[tuple[str, int], int]
"""Next offset to read, by topic and partition."""


class Record(NamedTuple):
    """A record as the broker gave it; ``timestamp`` in microseconds since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    value: bytes


class Range(NamedTuple):
    """Offsets of one partition, ``end`` exclusive. Not every offset in it needs to hold a record."""

    topic: str
    partition: int
    first: int
    end: int


@dataclass(frozen=True)
class Batch:
    """What is stored in one piece: ranges in order, and all their records, in order within a partition."""

    ranges: tuple[Range, ...]
    records: tuple[Record, ...]


class Misplaced(Exception):
    """A batch that neither begins at the store's positions nor is stored already."""


def standing(ranges: Iterable[Range], positions: Mapping[tuple[str, int], int]) -> Literal["new", "stored"]:
    """Whether a batch is still to be stored, or is stored as a whole.

    Raises:
        Misplaced: neither; the positions were moved by somebody else.
    """
    seen = set()
    for topic, partition, first, end in ranges:
        at = positions.get((topic, partition), 0)
        if at not in (first, end):
            raise Misplaced(f"{topic}:{partition} stands at {at} in the store, the batch covers {first} to {end}")
        seen.add(at == end)
    if len(seen) > 1:
        raise Misplaced("one part of the batch is stored and another is not")
    return "stored" if seen == {True} else "new"


def advanced(positions: Mapping[tuple[str, int], int], ranges: Iterable[Range]) -> Positions:
    """The positions after some ranges are stored."""
    return {**positions, **{(r.topic, r.partition): r.end for r in ranges}}


def token(name: str, ranges: Iterable[Range]) -> str:
    """Name of a block of these ranges, the same each time it is sent: ``name:partition:first-last,…``."""
    return f"{name}:" + ",".join(f"{r.partition}:{r.first}-{r.end - 1}" for r in ranges)


class Accumulator:
    """Collects what the broker delivers into batches; one is full at ``max_rows`` records or ``max_bytes``.

    Transactional topics hold offsets without a visible record (commit marks, aborted records). ``reach`` says that
    nothing more is visible below an offset, so that positions come to stand at the very end of such a topic.
    """

    def __init__(
        self, positions: Mapping[tuple[str, int], int], max_rows: int = 50_000, max_bytes: int = 16_000_000
    ) -> None:
        self._taken = dict(positions)
        self._reached: Positions = {}
        self._records: list[Record] = []
        self._bytes = 0
        self._max_rows, self._max_bytes = max_rows, max_bytes

    def add(self, records: Sequence[Record]) -> None:
        """Take records in, those of a partition in order."""
        self._records += records
        self._bytes += sum([len(record.value) for record in records])
        last = {(topic, partition): offset for topic, partition, offset, _, _ in records}
        for (topic, partition), offset in last.items():
            self.reach(topic, partition, offset + 1)

    def reach(self, topic: str, partition: int, offset: int) -> None:
        """Everything below this offset has been delivered."""
        if offset > self._reached.get((topic, partition), self._taken.get((topic, partition), 0)):
            self._reached[topic, partition] = offset

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be collected before the batch is taken."""
        return len(self._records) >= self._max_rows or self._bytes >= self._max_bytes

    def take(self) -> Batch | None:
        """Everything collected as a batch, none if there is nothing; collecting starts anew."""
        if not self._reached:
            return None
        ranges = tuple(
            Range(topic, partition, self._taken.get((topic, partition), 0), end)
            for (topic, partition), end in sorted(self._reached.items())
        )
        batch = Batch(ranges, tuple(self._records))
        self._taken = advanced(self._taken, ranges)
        self._reached, self._records, self._bytes = {}, [], 0
        return batch
