"""The orders of operators that a stage must know before it begins."""

from __future__ import annotations

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from schemas.topics import QUARANTINE
from streams.engine.retry import Patience
from streams.kafka import consumer_config
from streams.quarantine import Coordinates, ordered
from streams.settings import Settings


def quarantined(settings: Settings, patience: Patience) -> frozenset[Coordinates]:
    """The offsets that operators have ordered to be set aside, up to now; none where the topic is not there."""
    return patience.call("read the orders of quarantine", lambda: ordered(_values(settings, patience.seconds)))


def _values(settings: Settings, seconds: float) -> list[bytes]:
    config = consumer_config(settings, "orders", "fineacers.orders")
    consumer = Consumer({**config, "enable.partition.eof": True})
    values: list[bytes] = []
    try:
        if not consumer.list_topics(QUARANTINE.name, seconds).topics[QUARANTINE.name].partitions:
            return []
        consumer.assign([TopicPartition(QUARANTINE.name, 0, OFFSET_BEGINNING)])
        while True:
            record = consumer.poll(seconds)
            if record is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            error = record.error()
            if error is None:
                values.append(record.value() or b"")
            elif error.code() == KafkaError._PARTITION_EOF:
                return values
            else:
                raise KafkaException(error)
    finally:
        consumer.close()
