"""How far each reader of the line is behind: records that are neither ticks nor marks of transactions."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from schemas.codec import CodecError, decode, entry_of
from schemas.events.operations import StageCounted, Tick
from streams.kafka import admin_client, assign, consumer_config, is_passing, known_offset
from streams.settings import Settings

Offsets = dict[tuple[str, int], int]
"""Offset by topic and partition: the first one not read, or not written, yet."""

CLEARLY_BEHIND = 200
"""A gap of more offsets than ticks and marks could leave; it need not be read to be known."""

_SECONDS = 15.0
_PATIENCE_SECONDS = 120.0
"""Longer than a transaction may last that lost its worker or broker: until it ends its group's offsets are not told."""
_PAUSE_SECONDS = 0.25
_END = OffsetSpec.latest()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Lag:
    """A reader's distance from the end: offsets read and offsets there are, and whether real records are unread."""

    read: int
    end: int
    behind: bool


class Backlog:
    """Looks at offsets and, near the end, at the unread records themselves. Use as a context manager."""

    def __init__(self, settings: Settings) -> None:
        self._admin: AdminClient = admin_client(settings, "report")
        self._settings = settings
        self._members: dict[str, Consumer] = {}  # they ask for a group's offsets and never join it
        config = consumer_config(settings, "report", "fineacers.report")
        self._consumer = Consumer({**config, "enable.partition.eof": True, "fetch.wait.max.ms": 10})

    def __enter__(self) -> Backlog:
        return self

    def __exit__(self, *_: object) -> None:
        for consumer in (self._consumer, *self._members.values()):
            consumer.close()

    def ends(self, topics: Collection[str]) -> Offsets:
        """The ends of topics."""

        def ask() -> Offsets:
            wanted = dict.fromkeys(self._partitions(topics), _END)
            answers = self._admin.list_offsets(wanted, request_timeout=_SECONDS)
            return {(one.topic, one.partition): known_offset(answer) for one, answer in answers.items()}

        return _answered(ask)

    def committed(self, group: str, topics: Collection[str]) -> Offsets:
        """What a consumer group has committed; 0 where it has not yet."""
        # The admin client's own call for this crashes librdkafka 2.16 while a coordinator is still loading.
        if group not in self._members:
            self._members[group] = Consumer(consumer_config(self._settings, "report", group))
        member = self._members[group]

        def ask() -> Offsets:
            wanted = self._partitions(topics)
            return {(one.topic, one.partition): max(0, one.offset) for one in member.committed(wanted, _SECONDS)}

        return _answered(ask)

    def lag(self, read: Offsets, ends: Offsets) -> Lag:
        """How far a reader at ``read`` is from ``ends``."""
        total, done = sum(ends.values()), sum(min(read.get(slot, 0), end) for slot, end in ends.items())
        gaps = {slot: read.get(slot, 0) for slot, end in ends.items() if read.get(slot, 0) < end}
        behind = any(ends[slot] - at > CLEARLY_BEHIND for slot, at in gaps.items()) or self._holds_records(gaps, ends)
        return Lag(done, total, behind)

    def records(self, starts: Offsets, ends: Offsets) -> Iterator[tuple[str, int, bytes]]:
        """Committed records between offsets, as (topic, microseconds when the broker wrote it, value)."""
        waiting = {slot for slot, end in ends.items() if starts.get(slot, 0) < end}
        if not waiting:
            return
        assign(self._consumer, [TopicPartition(*slot, starts.get(slot, 0)) for slot in waiting])
        while waiting:
            message = self._consumer.poll(_SECONDS)
            if message is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer while reading to the end of topics"))
            slot = (message.topic() or "", message.partition() or 0)
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            if error is not None or (message.offset() or 0) >= ends[slot]:
                waiting.discard(slot)
            elif slot in waiting:
                yield slot[0], message.timestamp()[1] * 1_000, message.value() or b""

    def _partitions(self, topics: Collection[str]) -> list[TopicPartition]:
        """All partitions of topics, as the brokers have them; from the answer the client learns who leads them, too."""
        there = self._admin.list_topics(next(iter(topics)) if len(topics) == 1 else None, timeout=_SECONDS).topics
        missing = [topic for topic in topics if topic not in there or not there[topic].partitions]
        if missing:
            what = f"no topic {', '.join(missing)}: run `fineacers migrate`"
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART, what))
        return [TopicPartition(topic, number) for topic in topics for number in there[topic].partitions]

    def _holds_records(self, starts: Offsets, ends: Offsets) -> bool:
        """Whether any partition holds a committed record that matters between an offset and the end."""
        unread = self.records(starts, {slot: ends[slot] for slot in starts})
        return any(not _is_idle(value) for _, _, value in unread)


def _answered(ask: Callable[[], Offsets]) -> Offsets:
    """What Kafka answers, asked again for a while when it only has to come round first."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return ask()
        except KafkaException as error:
            if not is_passing(error) or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_SECONDS)


def _is_idle(raw: bytes) -> bool:
    """Whether a record is only a sign of life: a tick, or the counts of a transaction in which nothing was counted."""
    try:
        if entry_of(raw).type == Tick.__name__:
            return True
        message = decode(raw).message
    except CodecError:
        return False
    return isinstance(message, StageCounted) and not message.counts
