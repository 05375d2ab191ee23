"""How every process talks to Kafka: one place for client configuration and for telling passing trouble from faults."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.settings import Settings

log = logging.getLogger(__name__)

_DENIED = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError._SSL,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)

_ASK_SECONDS = 3.0

_PASSING = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._RESOLVE,
        KafkaError._WAIT_COORD,
        KafkaError._WAIT_CACHE,
        KafkaError._NOENT,  # "No leaders found", asked for the offsets of topics that were made a moment ago
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.NOT_ENOUGH_REPLICAS,
        KafkaError.UNSTABLE_OFFSET_COMMIT,
        KafkaError.CONCURRENT_TRANSACTIONS,
    }
)


def group_of(stage: str) -> str:
    """The consumer group of a stage."""
    return f"fineacers.{stage}"


def access_config(settings: Settings) -> dict[str, Any]:
    """Where Kafka is, and how to be let in. Raises ``SettingsError``."""
    config: dict[str, Any] = {"bootstrap.servers": settings.need("kafka_bootstrap")}
    if not settings.kafka_tls:
        return config
    config["security.protocol"] = "SSL"
    if settings.kafka_ca is not None:
        config["ssl.ca.location"] = str(settings.kafka_ca.expanduser())
    if settings.kafka_username is not None:
        config |= {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": settings.kafka_mechanism,
            "sasl.username": settings.kafka_username,
            "sasl.password": settings.need("kafka_password"),
        }
    return config


def client_config(settings: Settings, name: str) -> dict[str, Any]:
    """What every client has in common; ``name`` is its role, seen in the broker's logs and metrics."""
    return {
        **access_config(settings),
        "client.id": f"fineacers.{name}",
        "error_cb": report(name),
        "log_level": 2,  # what goes wrong comes by error_cb; the client's own lines would go past our log to stderr
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 2_000,
        "topic.metadata.refresh.interval.ms": 60_000,
    }


def consumer_config(settings: Settings, name: str, group: str) -> dict[str, Any]:
    """A consumer that sees committed records only and never moves its position by itself.

    Automatic commits pass over records of aborted transactions that the application has not been handed yet, so that
    closing loses records without a word: positions are committed explicitly or kept in a store.
    """
    return {
        **client_config(settings, name),
        "group.id": group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "fetch.queue.backoff.ms": 5,
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": 16_384,
    }


def assign(consumer: Consumer, places: Sequence[TopicPartition]) -> None:
    """Let a consumer read from offsets on, at once."""
    learn_leaders(consumer, {place.topic for place in places})
    consumer.assign(list(places))


def learn_leaders(client: Consumer | AdminClient, topics: Collection[str]) -> None:
    """Let a client know who leads these topics' partitions before it is to work with them.

    By itself librdkafka 2.16 looks for the leaders of topics that are new to a client only once a second, and for those
    whose offsets are asked for every third. Where no broker answers, the client learns them that way.
    """
    with suppress(KafkaException):
        client.list_topics(next(iter(topics)) if len(topics) == 1 else None, timeout=_ASK_SECONDS)


def producer_config(settings: Settings, name: str) -> dict[str, Any]:
    """A producer that neither loses nor doubles a record; keys go to partitions as Java clients send them."""
    return {
        **client_config(settings, name),
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "delivery.report.only.error": True,
        "linger.ms": 5,
        "message.max.bytes": 4_000_000,
        "queue.buffering.max.messages": 500_000,
        "queue.buffering.max.kbytes": 131_072,
    }


def admin_client(settings: Settings, name: str) -> AdminClient:
    """A client for topics, groups and offsets."""
    return AdminClient(client_config(settings, name))


def known_offset(answer: Any, seconds: float | None = None) -> int:
    """The offset in one answer of ``list_offsets``, waited for up to so many seconds. Raises ``KafkaException``.

    While brokers are away the client answers OFFSET_INVALID for their partitions, and no error; here it is one.
    """
    offset = int(answer.result(seconds).offset)
    if offset < 0:
        raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
    return offset


def report(name: str) -> Callable[[KafkaError], None]:
    """An error callback that writes down what calls themselves do not say: wrong passwords, certificates, rights."""

    def said(error: KafkaError) -> None:
        if error.code() in _DENIED:
            log.error("%s: Kafka refuses access: %s; check the user, its password and its rights", name, error.str())
        elif error.fatal():
            log.error("%s: Kafka client cannot go on: %s", name, error.str())
        else:
            log.warning("%s: %s", name, error.str())

    return said


def told(error: Exception) -> str:
    """What an error says to a person: of Kafka's the sentence, without its code and wrapping."""
    cause = error.args[0] if isinstance(error, KafkaException) and error.args else None
    return f"Kafka: {cause.str()}" if isinstance(cause, KafkaError) else str(error)


def is_denied(error: KafkaException) -> bool:
    """Whether the brokers do not let this client do it: waiting does not help, a person must."""
    cause = error.args[0]
    return isinstance(cause, KafkaError) and cause.code() in _DENIED


def is_passing(error: KafkaException) -> bool:
    """Whether waiting and asking again may help; not so once a transaction has failed, whatever it failed of."""
    cause = error.args[0]
    if not isinstance(cause, KafkaError) or cause.fatal() or cause.txn_requires_abort():
        return False
    return bool(cause.retriable() or cause.code() in _PASSING)
