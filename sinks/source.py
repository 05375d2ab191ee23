"""The reading side: a plain consumer over all partitions of some topics, from positions that the store gives.

Kafka keeps no offsets for it, and no group decides what it reads. Back-pressure is librdkafka's bounded queue: while
reading waits for a slow store nobody polls, the queue fills up, and fetching pauses by itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from sinks.base import Log, SinkError, Unavailable
from sinks.delivery import Batch, Range, Record

_TIMEOUT = 15.0
_POLL = 1_000
_GONE = (
    KafkaError.OFFSET_OUT_OF_RANGE,
    KafkaError._AUTO_OFFSET_RESET,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
)

Reached = tuple[str, int, int]
"""Topic, partition, and the offset below which nothing more is visible."""


class Source:
    """Reads for one store."""

    def __init__(self, store: str, admin: Mapping[str, Any], consumer: Mapping[str, Any]) -> None:
        """Args: configuration of an admin client and of a consumer, as confluent-kafka takes it."""
        self._store, self._admin = store, dict(admin)
        # What exactness rests on is set here, whatever the caller says.
        self._config: dict[str, Any] = {
            **consumer,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "isolation.level": "read_committed",
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
        }
        self._consumer: Consumer | None = None

    def describe(self, topics: Iterable[str]) -> Log:
        """The log that holds these topics.

        Raises:
            SinkError: one of them does not exist.
            Unavailable: no broker answers.
        """
        names = list(topics)
        admin = AdminClient(self._admin)
        try:
            cluster = str(admin.list_topics(timeout=_TIMEOUT).cluster_id)
            futures = admin.describe_topics(TopicCollection(names), request_timeout=_TIMEOUT)
            described = {name: future.result() for name, future in futures.items()}
        except KafkaException as error:
            if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise SinkError("a topic is missing in Kafka: `fineacers migrate` makes the topics") from None
            raise Unavailable(f"Kafka: {error.args[0].str()}") from None
        return Log(
            cluster,
            {name: str(topic.topic_id) for name, topic in described.items()},
            {name: len(topic.partitions) for name, topic in described.items()},
        )

    def start(self, positions: Mapping[tuple[str, int], int]) -> None:
        """Read from these positions on.

        Raises:
            SinkError: a position lies beyond the end of its partition, or its records have been deleted unread.
            Unavailable: no broker answers.
        """
        self.close()
        consumer = Consumer(self._config)
        self._consumer = consumer
        assignment = []
        for (topic, partition), position in positions.items():
            try:
                low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=_TIMEOUT)
            except KafkaException as error:
                raise Unavailable(f"Kafka: {error.args[0].str()}") from None
            if position > high:
                raise self._lost(topic, partition, f"the store holds it up to {position}, but it ends at {high}")
            if 0 < position < low:
                raise self._lost(topic, partition, f"offsets {position} to {low} were deleted before they were read")
            assignment.append(TopicPartition(topic, partition, max(position, low)))
        consumer.assign(assignment)

    def poll(self, timeout: float) -> tuple[list[Record], list[Reached]]:
        """What has come, waiting at most so many seconds; a record without a value (a tombstone) only as reached.

        Raises:
            SinkError: the log is no longer the one that was started with.
        """
        assert self._consumer is not None, "started"
        records: list[Record] = []
        reached: list[Reached] = []
        for message in self._consumer.consume(_POLL, timeout):
            error = message.error()
            if error is not None:
                end = self._judge(message, error)
                if end is not None:
                    reached.append(end)
                continue
            record = _record(message)
            if record is None:
                topic, partition, offset = _coordinates(message)
                reached.append((topic, partition, offset + 1))
            else:
                records.append(record)
        return records, reached

    def exactly(self, ranges: tuple[Range, ...]) -> Batch:
        """The batch of exactly these ranges.

        Raises:
            SinkError: as ``start``.
            Unavailable: the records did not come in time.
        """
        self.start({(r.topic, r.partition): r.first for r in ranges})
        ends = {(r.topic, r.partition): r.end for r in ranges}
        missing, kept = set(ends), []
        deadline = time.monotonic() + 4 * _TIMEOUT
        while missing:
            if time.monotonic() > deadline:
                raise Unavailable(f"Kafka has not delivered all of {len(ranges)} ranges in time")
            records, reached = self.poll(0.2)
            for record in records:
                if record.offset < ends[record.topic, record.partition]:
                    kept.append(record)
                reached.append((record.topic, record.partition, record.offset + 1))
            missing -= {(t, p) for t, p, offset in reached if offset >= ends[t, p]}
        return Batch(ranges, tuple(kept))

    def close(self) -> None:
        """Leave the broker."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _judge(self, message: Message, error: KafkaError) -> Reached | None:
        if error.code() == KafkaError._PARTITION_EOF:
            return _coordinates(message)
        if error.code() in _GONE:
            raise self._lost(str(message.topic()), message.partition() or 0, error.str())
        if error.fatal():
            raise SinkError(f"Kafka: {error.str()}")
        return None  # librdkafka tries again by itself

    def _lost(self, topic: str, partition: int, why: str) -> SinkError:
        return SinkError(
            f"{topic}:{partition} is not the partition that {self._store} was filled from: {why}. Restore the topic, "
            f"or fill the store anew with `fineacers sink {self._store} --rebuild`"
        )


def _record(message: Any) -> Record | None:
    """The record, none if it has no value (a tombstone)."""
    value = message.value()
    if value is None:
        return None
    at = message.timestamp()[1] * 1_000
    return Record(message.topic(), message.partition(), message.offset(), at, value)


def _coordinates(message: Message) -> tuple[str, int, int]:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None and partition is not None and offset is not None, "consumed"
    return topic, partition, offset
