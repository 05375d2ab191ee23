"""What people are told of Kafka's errors."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

from streams.kafka import told


def test_of_kafkas_errors_the_sentence_is_told() -> None:
    assert told(KafkaException(KafkaError(KafkaError._TIMED_OUT, "no broker answers"))) == "Kafka: no broker answers"
    assert told(ValueError("as it is")) == told(KafkaException("as it is")) == "as it is"
