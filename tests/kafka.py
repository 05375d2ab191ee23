"""All committed records of topics, read as any consumer would."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.driver import Slot
from streams.kafka import assign, consumer_config, is_passing
from streams.records import InRecord
from streams.settings import Settings


def read_all(settings: Settings, topics: Sequence[str]) -> dict[Slot, list[InRecord]]:
    """Every committed record of each partition, in order."""
    config = consumer_config(settings, "test", "fineacers.test")
    # Up to the ends as they are with open transactions included: a dead worker's is aborted only after its time-out,
    # and a read_committed consumer's first end mark would hide what was committed behind it.
    ends = _ends({**config, "isolation.level": "read_uncommitted"}, topics)
    consumer = Consumer({**config, "enable.partition.eof": True})
    try:
        assign(consumer, [TopicPartition(topic, number, 0) for topic, number in ends])
        found: dict[Slot, list[InRecord]] = {slot: [] for slot in ends}
        unfinished = {slot for slot, end in ends.items() if end}
        while unfinished:
            message = consumer.poll(20)
            assert message is not None, f"no end of {unfinished}"
            slot = (message.topic() or "", message.partition() or 0)
            if message.error() is not None:
                assert message.error().code() == KafkaError._PARTITION_EOF, message.error()  # type: ignore[union-attr]
            else:
                key, value, at = message.key() or b"", message.value() or b"", message.timestamp()[1] * 1_000
                found[slot].append(InRecord(*slot, message.offset() or 0, at, bytes(key).decode(), bytes(value)))
            # an end mark comes at the last stable offset; only at the true end is it the end
            if (message.offset() or 0) + (message.error() is None) >= ends[slot]:
                unfinished.discard(slot)
        return {slot: records for slot, records in found.items() if records}
    finally:
        consumer.close()


def _ends(config: dict[str, Any], topics: Sequence[str]) -> dict[Slot, int]:
    consumer, until = Consumer(config), time.monotonic() + 20
    try:
        while True:
            known = consumer.list_topics(timeout=20).topics
            slots = [(topic, number) for topic in topics for number in known[topic].partitions]
            try:
                return {slot: consumer.get_watermark_offsets(TopicPartition(*slot), 20)[1] for slot in slots}
            except KafkaException as error:
                led_by_nobody = error.args[0].code() == KafkaError._UNKNOWN_PARTITION  # its broker was away until now
                if not (led_by_nobody or is_passing(error)) or time.monotonic() > until:
                    raise
                consumer.poll(0.1)
    finally:
        consumer.close()
