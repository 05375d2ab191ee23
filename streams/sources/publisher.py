"""To Kafka: every record acknowledged by all replicas, none twice, or an error that says what was not delivered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.kafka import admin_client, producer_config
from streams.settings import Settings
from streams.sources.refusals import Publication

_ANSWER_SECONDS = 10
_ROOM_SECONDS = 0.5
_FLUSH_SECONDS = 5
_POLL_EVERY = 1_000
_GATHER_MS = 25
"""Who publishes here has many records and waits for no single one; a request costs the broker 0.3 ms, full or not."""


class PublishError(Exception):
    """Records that Kafka did not take; says how many of which topic and why."""


class Publisher:
    """An idempotent producer. ``published`` counts the records handed over, by topic, all delivered after ``flush``."""

    def __init__(self, settings: Settings, name: str) -> None:
        """Connect; raises ``PublishError`` where Kafka does not answer. ``name``: the role, for the broker's logs."""
        self._bootstrap = settings.need("kafka_bootstrap")
        try:
            known = admin_client(settings, name).list_topics(timeout=_ANSWER_SECONDS)
        except KafkaException as error:
            raise PublishError(
                f"Kafka at {self._bootstrap} does not answer ({error.args[0].str()}): is it running? `fineacers up`"
            ) from None
        self._topics = frozenset(known.topics)
        self._producer = Producer({**producer_config(settings, name), "linger.ms": _GATHER_MS})
        self._failed: Counter[tuple[str, str]] = Counter()
        self.published: Counter[str] = Counter()

    def need(self, topics: Iterable[str]) -> None:
        """Raise ``PublishError`` where one of the topics is not there yet."""
        missing = sorted(set(topics) - self._topics)
        if missing:
            raise PublishError(f"no topic {', '.join(missing)} at {self._bootstrap}: run `fineacers migrate`")

    def publish(self, records: Iterable[Publication], progress: Callable[[int], None] = lambda count: None) -> None:
        """Hand records over in their order, waiting where Kafka is slower than we are; call ``flush`` at the end.

        ``progress`` is told the number of records now and then. Raises ``PublishError`` at the first failed delivery.
        """
        for count, (topic, key, value) in enumerate(records, 1):
            self._produce(topic, key, value)
            self.published[topic] += 1
            if count % _POLL_EVERY == 0:
                self._producer.poll(0)
                self._raise_failed()
                progress(count)

    def flush(self) -> None:
        """Wait until all records are delivered. Raises ``PublishError``."""
        while self._producer.flush(_FLUSH_SECONDS):
            self._raise_failed()
        self._raise_failed()

    def _produce(self, topic: str, key: str, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=self._delivered)
            except BufferError:
                self._producer.poll(_ROOM_SECONDS)  # the queue is full: wait for deliveries
                self._raise_failed()
            except KafkaException as error:
                self._failed[topic, error.args[0].str()] += 1
                self._raise_failed()
            else:
                return

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        """Only failures are reported (``delivery.report.only.error``)."""
        if error is not None:
            self._failed[message.topic() or "?", error.str()] += 1

    def _raise_failed(self) -> None:
        if self._failed:
            told = "; ".join(f"{topic}: {n:,} ({why})" for (topic, why), n in sorted(self._failed.items()))
            raise PublishError(
                f"Kafka at {self._bootstrap} did not take {self._failed.total():,} records: {told}. Publish the same "
                "again: what has arrived already is known by its event_id"
            )
