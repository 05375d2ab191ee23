"""The way of a single fact to Kafka, and the news that it has arrived there."""

from __future__ import annotations

import asyncio
import threading

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.kafka import producer_config
from streams.settings import Settings
from streams.sources.refusals import Publication

_ACKNOWLEDGED_MS = 5_000
_READY_SECONDS = 2.0
_POLL_SECONDS = 0.1
_MAX_WAITING = 10_000


class NotTakenError(Exception):
    """Kafka has not acknowledged a record in time; it may arrive all the same."""


class Outbox:
    """Publishes records one by one, each acknowledged by all replicas or not at all; ``close`` it in the end.

    It is no idempotent producer: that one gives up for good after some errors, and here a record that comes twice is
    known by its event_id.
    """

    def __init__(self, settings: Settings) -> None:
        """Connect in the background. Raises ``SettingsError`` where no broker is named."""
        self._producer = Producer(
            {
                **producer_config(settings, "gateway"),
                "enable.idempotence": False,
                "acks": "all",
                "delivery.report.only.error": False,
                "message.timeout.ms": _ACKNOWLEDGED_MS,
                "queue.buffering.max.messages": _MAX_WAITING,
            }
        )
        self._closed = threading.Event()
        self._one_at_a_time = asyncio.Lock()
        self._listener = threading.Thread(target=self._listen, name="outbox", daemon=True)
        self._listener.start()

    async def put(self, record: Publication) -> None:
        """Publish a record and wait until it is acknowledged. Raises ``NotTakenError`` after some seconds."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[KafkaError | None] = loop.create_future()

        def delivered(error: KafkaError | None, _message: Message) -> None:
            loop.call_soon_threadsafe(tell, error)

        def tell(error: KafkaError | None) -> None:
            if not told.done():
                told.set_result(error)

        try:
            self._producer.produce(record.topic, record.value, record.key, on_delivery=delivered)
        except (BufferError, KafkaException) as error:
            raise NotTakenError(str(error)) from None
        refusal = await told
        if refusal is not None:
            raise NotTakenError(refusal.str())

    async def reaches(self, topic: str) -> bool:
        """Whether Kafka answers and has the topic."""
        async with self._one_at_a_time:
            try:
                known = await asyncio.to_thread(self._producer.list_topics, topic, _READY_SECONDS)
            except KafkaException:
                return False
        return known.topics[topic].error is None

    def close(self) -> None:
        """Wait for what is under way, then end."""
        self._producer.flush(_ACKNOWLEDGED_MS / 1_000)
        self._closed.set()
        self._listener.join()

    def _listen(self) -> None:
        while not self._closed.is_set():
            self._producer.poll(_POLL_SECONDS)
