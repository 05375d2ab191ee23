"""What a stage must know before it begins: the orders of operators, and whether it has ever run before."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from schemas.topics import QUARANTINE
from streams.engine.accounts import COUNTS_TOPIC
from streams.engine.retry import Patience
from streams.kafka import consumer_config
from streams.quarantine import Coordinates, ordered
from streams.settings import Settings

_FIRST_ACCOUNTS = 20_000
"""Every stage runs from the first hour on, and gives an account of each transaction."""


def quarantined(settings: Settings, patience: Patience) -> frozenset[Coordinates]:
    """The offsets that operators have ordered to be set aside, up to now; none where the topic is not there."""

    def read() -> frozenset[Coordinates]:
        return ordered([value for _, value in _records(settings, QUARANTINE.name, patience.seconds)])

    return patience.call("read the orders of quarantine", read)


def has_run(settings: Settings, stage: str, patience: Patience) -> bool:
    """Whether the first accounts that stages gave of themselves hold one of this stage."""

    def read() -> bool:
        first = islice(_records(settings, COUNTS_TOPIC, patience.seconds), _FIRST_ACCOUNTS)
        return any(key == stage.encode() for key, _ in first)

    return patience.call(f"read {COUNTS_TOPIC}", read)


def _records(settings: Settings, topic: str, seconds: float) -> Iterator[tuple[bytes, bytes]]:
    """Key and value of each record of a topic of one partition, to its end."""
    config = consumer_config(settings, "orders", "fineacers.orders")
    consumer = Consumer({**config, "enable.partition.eof": True})
    try:
        if not consumer.list_topics(topic, seconds).topics[topic].partitions:
            return
        consumer.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
        while True:
            record = consumer.poll(seconds)
            if record is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            error = record.error()
            if error is None:
                yield record.key() or b"", record.value() or b""
            elif error.code() == KafkaError._PARTITION_EOF:
                return
            else:
                raise KafkaException(error)
    finally:
        consumer.close()
