"""All committed records of topics, read as any consumer would."""

from __future__ import annotations

from collections.abc import Sequence

from confluent_kafka import Consumer, KafkaError, TopicPartition

from streams.driver import Slot
from streams.kafka import consumer_config
from streams.records import InRecord
from streams.settings import Settings


def read_all(settings: Settings, topics: Sequence[str]) -> dict[Slot, list[InRecord]]:
    """Every committed record of each partition, in order."""
    consumer = Consumer({**consumer_config(settings, "test", "fineacers.test"), "enable.partition.eof": True})
    try:
        known = consumer.list_topics(timeout=20).topics
        slots = [(topic, number) for topic in topics for number in known[topic].partitions]
        consumer.assign([TopicPartition(topic, number, 0) for topic, number in slots])
        found: dict[Slot, list[InRecord]] = {slot: [] for slot in slots}
        unfinished = set(slots)
        while unfinished:
            message = consumer.poll(20)
            assert message is not None, f"no end of {unfinished}"
            slot = (message.topic() or "", message.partition() or 0)
            if message.error() is not None:
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()  # type: ignore[union-attr]
                unfinished.discard(slot)
                continue
            key, value, at = message.key() or b"", message.value() or b"", message.timestamp()[1] * 1_000
            found[slot].append(InRecord(*slot, message.offset() or 0, at, bytes(key).decode(), bytes(value)))
        return {slot: records for slot, records in found.items() if records}
    finally:
        consumer.close()
