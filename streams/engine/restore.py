"""Bringing stores forward from the changelog, a slice at a time, while other partitions keep flowing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from streams.engine.changelog import bring_forward
from streams.engine.faults import EngineFault
from streams.engine.rocks import RocksStore
from streams.kafka import assign, consumer_config, is_passing, known_offset
from streams.settings import Settings

_RECORDS_AT_ONCE = 5_000


def log_ends(admin: AdminClient, topic: str, partitions: list[int]) -> Callable[[], dict[int, int] | None]:
    """Ask for the ends of partitions, records of open transactions included; the answer is called for later.

    A read_committed consumer would say the last *stable* offset, before which a zombie's records may still be decided.
    The answer is none while it is awaited, and raises what Kafka says when it is no.
    """
    asked = admin.list_offsets(
        {TopicPartition(topic, partition): OffsetSpec.latest() for partition in partitions},  # type: ignore[no-untyped-call]
        isolation_level=IsolationLevel.READ_UNCOMMITTED,
        request_timeout=5,
    )

    def answer() -> dict[int, int] | None:
        if not all(future.done() for future in asked.values()):
            return None
        try:
            return {place.partition: known_offset(future) for place, future in asked.items()}
        except KafkaException:
            # This client does not notice by itself that partitions have new leaders.
            admin.list_topics(topic, timeout=1.0)
            raise

    return answer


class Bookmarks:
    """Up to where everything in a changelog partition is in its store, so that the next restore need not read it again.

    Our own records' offsets are not known to us. What counts is an end of the partition that was read *before* a
    transaction of ours commits: the commit proves that nobody else has written to the partition up to then.
    """

    def __init__(self, admin: AdminClient, changelog: str) -> None:
        self._admin = admin
        self._changelog = changelog
        self._answer: Callable[[], dict[int, int] | None] | None = None
        self._ends: dict[int, int] = {}

    def ask(self, partitions: list[int]) -> None:
        """Ask for the ends of partitions unless an answer is awaited; does not wait."""
        if self._answer is None and partitions:
            self._answer = log_ends(self._admin, self._changelog, partitions)

    def listen(self) -> None:
        """Take note of an answer if there is one. Call it before the positions of a transaction are sent."""
        if self._answer is None:
            return
        try:
            ends = self._answer()
        except KafkaException:
            ends = {}
        if ends is not None:
            self._answer = None
            self._ends = ends

    def get(self, partition: int) -> int | None:
        """The bookmark that holds if the open transaction commits; none: the one before still does."""
        return self._ends.get(partition)

    def use(self) -> None:
        """The open transaction has committed, and with it the bookmarks."""
        self._ends = {}

    def leave(self) -> None:
        """The partitions are no longer ours: neither is an answer that is on its way."""
        self._answer = None
        self._ends = {}


@dataclass
class _Restoring:
    store: RocksStore
    next: int
    end: int
    left: int


class Restorer:
    """Reads one changelog topic for the partitions that need it; owns a consumer only while there are any."""

    def __init__(self, settings: Settings, changelog: str) -> None:
        self._settings = settings
        self._changelog = changelog
        self._consumer: Consumer | None = None
        self._running: dict[int, _Restoring] = {}

    def start(self, partition: int, store: RocksStore, end: int) -> bool:
        """Bring a store forward to ``end``; whether anything is left to do."""
        begin = store.position.changelog
        if begin > end:
            raise EngineFault(
                f"the store of {self._changelog}:{partition} is ahead of its changelog ({begin} > {end}): the topic "
                "was made anew or lost records; delete the store's folder and it is restored from what there is"
            )
        if begin == end:
            return False
        self._running[partition] = _Restoring(store, begin, end, end - begin)
        self._assign()
        return True

    def cancel(self) -> None:
        """Forget everything that is under way; what has been read stays in the stores."""
        self._running.clear()
        self._assign()

    def left(self) -> dict[int, int]:
        """How many changelog offsets each partition has before it."""
        return {partition: restoring.left for partition, restoring in self._running.items()}

    @property
    def busy(self) -> bool:
        """Whether anything is being restored."""
        return bool(self._running)

    def advance(self, wait: float) -> list[int]:
        """Read a slice and apply it; the partitions that are complete with it."""
        assert self._consumer is not None
        read: dict[int, list[tuple[bytes, bytes | None]]] = defaultdict(list)
        reached: dict[int, int] = {}
        messages: list[Any] = self._consumer.consume(_RECORDS_AT_ONCE, wait)
        for message in messages:
            partition, error = message.partition(), message.error()
            if partition not in self._running:
                continue
            if error is None:
                read[partition].append((message.key(), message.value()))
                reached[partition] = message.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                reached[partition] = message.offset()
            elif not is_passing(KafkaException(error)):
                raise EngineFault(f"cannot restore {self._changelog}:{partition}: {error.str()}")
        return [partition for partition, end in reached.items() if self._apply(partition, read[partition], end)]

    def _apply(self, partition: int, read: list[tuple[bytes, bytes | None]], end: int) -> bool:
        restoring = self._running[partition]
        bring_forward(restoring.store, read, end)
        restoring.next, restoring.left = end, max(0, restoring.end - end)
        if end < restoring.end:
            return False
        del self._running[partition]
        if not self._running:
            self._assign()
        return True

    def _assign(self) -> None:
        if not self._running:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None
            return
        if self._consumer is None:
            config = consumer_config(self._settings, f"{self._changelog}.restore", f"{self._changelog}.restore")
            self._consumer = Consumer({**config, "enable.partition.eof": True})
        # Compaction may have removed the very record at a store's position: reading starts at the next one left.
        places = [TopicPartition(self._changelog, partition, at.next) for partition, at in self._running.items()]
        assign(self._consumer, places)
