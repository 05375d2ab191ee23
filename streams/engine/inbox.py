"""Reading a stage's inbox as a member of the stage's consumer group."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from streams.engine.faults import EngineFault, Fenced
from streams.engine.retry import Patience
from streams.kafka import consumer_config, is_passing
from streams.records import InRecord
from streams.settings import Settings

Place = tuple[str, int]
"""A topic and a partition."""
_GATHER_SECONDS = 0.005
_FEW = 100


@dataclass(slots=True)
class Fetched:
    """What one fetch brought: records by partition, in order, and the partitions whose end was reached."""

    records: dict[Place, list[InRecord]] = field(default_factory=dict)
    ended: list[Place] = field(default_factory=list)


class Inbox:
    """The group's consumer. Partitions come paused at an assignment and flow from ``resume`` on.

    ``on_assigned`` and ``on_revoked`` are called from within ``fetch`` (and ``close``), never at another time; ``lost``
    says that the partitions already belong to somebody else.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        group: str,
        member: str,
        session_ms: int,
        patience: Patience,
        on_assigned: Callable[[list[Place]], None],
        on_revoked: Callable[[bool], None],
    ) -> None:
        self._patience = patience
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._consumer = Consumer(
            {
                **consumer_config(settings, f"{group}.inbox", group),
                "group.instance.id": member,
                "partition.assignment.strategy": "range",
                "session.timeout.ms": session_ms,
                "heartbeat.interval.ms": session_ms // 4,
                "enable.partition.eof": True,
            }
        )

    def subscribe(self, topics: Sequence[str]) -> None:
        """Join the group."""
        self._consumer.subscribe(list(topics), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._lost)

    def cluster(self) -> str:
        """The id of the Kafka cluster."""

        def ask() -> str:
            found = self._consumer.cluster_id(self._patience.seconds)
            if found is None:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            return str(found)

        return self._patience.call("reach Kafka", ask)

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; 0 when there is no such topic."""
        listed = self._patience.call("list topics", lambda: self._consumer.list_topics(topic, self._patience.seconds))
        return len(listed.topics[topic].partitions)

    def fetch(self, limit: int, wait: float) -> Fetched:
        """Up to ``limit`` records and end marks; waits up to ``wait`` seconds for the first."""
        first = self._consumer.poll(wait)
        if first is None:
            return Fetched()
        rest = self._consumer.consume(limit - 1, 0) if limit > 1 else []
        if 0 < len(rest) < _FEW:
            # At low rates a short pause gathers what is on its way: half the work for a few milliseconds.
            time.sleep(_GATHER_SECONDS)
            rest += self._consumer.consume(limit - 1 - len(rest), 0)
        return self._sorted([first, *rest])

    def committed(self, place: Place) -> int | None:
        """The group's committed position, pending ones of others waited for; none when there is none.

        Raises KafkaException with a passing error while it cannot be told yet.
        """
        (found,) = self._consumer.committed([TopicPartition(*place)], timeout=1.0)
        if found.error is not None:
            raise KafkaException(found.error)
        return found.offset if found.offset >= 0 else None

    def was_read(self, topics: Sequence[str]) -> bool:
        """Whether the group has a position in any partition of some topics."""
        places = [TopicPartition(topic, number) for topic in topics for number in range(self.partitions(topic))]

        def ask() -> bool:
            return any(found.offset >= 0 for found in self._consumer.committed(places, timeout=self._patience.seconds))

        return self._patience.call("learn what was read", ask)

    def were_written(self, topics: Sequence[str]) -> bool:
        """Whether anything was ever written to some topics."""

        def ask() -> bool:
            there = self._consumer.list_topics(timeout=self._patience.seconds).topics
            places = [TopicPartition(topic, n) for topic in topics if topic in there for n in there[topic].partitions]
            return any(self._consumer.get_watermark_offsets(place, self._patience.seconds)[1] > 0 for place in places)

        return self._patience.call("learn what was written", ask)

    def resume(self, place: Place, position: int | None) -> None:
        """Let records flow from a position on; none: from the oldest there is."""
        self.rewind(place, position)
        self._consumer.resume([TopicPartition(*place)])

    def rewind(self, place: Place, position: int | None) -> None:
        """Read again from a position on."""
        target = TopicPartition(*place, OFFSET_BEGINNING if position is None else position)
        self._consumer.seek(target)

    def membership(self) -> Any:
        """What proves to the broker that this member may commit positions."""
        return self._consumer.consumer_group_metadata()

    def end(self, place: Place) -> int | None:
        """The end of a partition as last heard, without asking the broker."""
        _, high = self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)
        return high if high >= 0 else None

    def close(self) -> None:
        """Give the partitions back; a static member keeps its place in the group for a session's length."""
        self._patience.call("leave the group", self._consumer.close)

    def _sorted(self, messages: list[Any]) -> Fetched:
        fetched = Fetched()
        records = fetched.records
        for message in messages:
            topic, partition, error = message.topic(), message.partition(), message.error()
            if error is not None:
                self._heed(message, error, fetched)
                continue
            # Keys of fact topics are anything and mean nothing; those of inboxes are text that the platform wrote.
            key = (message.key() or b"").decode(errors="replace")
            arrived = message.timestamp()[1] * 1_000
            record = InRecord(topic, partition, message.offset(), arrived, key, message.value() or b"")
            records.setdefault((topic, partition), []).append(record)
        return fetched

    def _heed(self, message: Any, error: KafkaError, fetched: Fetched) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            fetched.ended.append((message.topic(), message.partition()))
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise EngineFault(
                f"{message.topic()}:{message.partition()}: the records at the committed position are no longer there "
                f"({error.str()}): they were deleted before they were read; restore the topic or start a new generation"
            )
        elif error.code() == KafkaError._FATAL:
            raise Fenced(f"cannot read the inbox: {error.str()}")
        elif not is_passing(KafkaException(error)) and error.code() != KafkaError._MAX_POLL_EXCEEDED:
            raise EngineFault(f"cannot read the inbox: {error.str()}")

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        # The offsets do not matter: nothing flows before it was restored, and then from the position that holds.
        consumer.assign([TopicPartition(p.topic, p.partition, 0) for p in partitions])
        if partitions:
            consumer.pause(partitions)
        self._on_assigned([(p.topic, p.partition) for p in partitions])

    def _revoked(self, consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._on_revoked(False)
        consumer.unassign()

    def _lost(self, consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._on_revoked(True)
        consumer.unassign()
