"""Records that a store cannot take: kept as dead letters, and counted, lest a sink empties a topic into them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, Producer

from schemas.codec import CodecError, decode, encode
from schemas.events.base import Event
from schemas.events.operations import DeadLettered
from schemas.ids import derived_id
from schemas.refused import named
from schemas.topics import PLATFORM_TOPIC
from sinks.base import Refuse, SinkError, Unavailable
from sinks.delivery import Batch, Range, Record

MAX_SHARE = 0.01
MAX_A_MINUTE = 100
_TIMEOUT = 30.0


def why(record: Record, otherwise: str) -> tuple[str, str]:
    """Reason and detail of a record that a store refused: what the codec says of its bytes, or ``otherwise``."""
    try:
        decode(record.value)
    except CodecError as error:
        return error.reason, error.detail
    return "store_refused", otherwise


@dataclass
class _Counted:
    at: float
    seen: int
    refused: set[tuple[str, int, int]] = field(default_factory=set)


class Meter:
    """Seen and refused records of the batches that came, or lost a record, within the last 60 seconds.

    A batch counts as long as it is being stored, however long that takes, and once, however often it is tried.
    """

    def __init__(self) -> None:
        self._batches: dict[tuple[Range, ...], _Counted] = {}

    def count(self, now: float, batch: Batch, refused: Record | None = None) -> None:
        """Add a batch, or a refused record of it, to the counts; ``now`` in seconds of any steady clock."""
        counted = self._batches.pop(batch.ranges, None) or _Counted(now, len(batch.records))
        counted.at = now
        if refused is not None:
            counted.refused.add((refused.topic, refused.partition, refused.offset))
        self._batches[batch.ranges] = counted  # the last one is the newest
        while self._batches[oldest := next(iter(self._batches))].at < now - 60:
            del self._batches[oldest]

    def too_many(self) -> bool:
        """Whether more than 1 % and more than 100 records were refused within a minute."""
        seen = sum(counted.seen for counted in self._batches.values())
        refused = sum(len(counted.refused) for counted in self._batches.values())
        return refused > MAX_A_MINUTE and refused > MAX_SHARE * seen


class Refusals:
    """Publishes refused records to ``dead.letters`` and waits for the broker's answer to each; threads may share it."""

    def __init__(self, store: str, producer: Mapping[str, Any], clock: Callable[[], float] = time.monotonic) -> None:
        """Args: ``producer``: configuration of an idempotent producer, as confluent-kafka takes it."""
        self._config = {**producer, "enable.idempotence": True}
        self._stage = f"sink-{store}"
        self._clock = clock
        self._meter = Meter()
        self._producer: Producer | None = None
        self._one_at_a_time = threading.Lock()

    def of(self, batch: Batch) -> Refuse:
        """Count a batch that is about to be stored; call what is returned with each record of it that is refused.

        That keeps the record as a dead letter and returns once the broker has it.

        Raises:
            SinkError: too many were refused.
            Unavailable: the broker did not take it.
        """
        with self._one_at_a_time:
            self._meter.count(self._clock(), batch)

        def refuse(record: Record, reason: str, detail: str) -> None:
            with self._one_at_a_time:
                self._meter.count(self._clock(), batch, refused=record)
                self._keep(record, reason, detail)

        return refuse

    def _keep(self, record: Record, reason: str, detail: str) -> None:
        if self._meter.too_many():
            raise SinkError(
                f"more than {MAX_A_MINUTE} records and {MAX_SHARE:.0%} were refused within a minute, the last one "
                f"({reason}) at {record.topic}:{record.partition}:{record.offset}. The store or its tables do not fit "
                "the records: `fineacers migrate`, then start the sink again"
            )
        if self._producer is None:
            self._producer = Producer(self._config)
        letter = dead_letter(self._stage, record, reason, detail)
        topic = PLATFORM_TOPIC[DeadLettered]
        failed: list[KafkaError] = []
        self._producer.produce(
            topic.name,
            encode(letter),
            topic.key_of(letter),
            on_delivery=lambda error, _message: failed.append(error) if error is not None else None,
        )
        left = self._producer.flush(_TIMEOUT)
        if left or failed:
            raise Unavailable(f"{topic.name}: {failed[0].str() if failed else 'no answer in time'}")


def dead_letter(stage: str, record: Record, reason: str, detail: str) -> DeadLettered:
    """The dead letter of a record; its id follows from the record's coordinates, so that repeats are one."""
    try:
        message = decode(record.value).message
    except CodecError:
        message = None
    workspace_id, region, fact_id = named(message if isinstance(message, Event) else None)
    return DeadLettered.build(
        event_id=derived_id("dead-letter", stage, record.topic, record.partition, record.offset),
        workspace_id=workspace_id,
        region=region,
        occurred_at=record.timestamp,
        source=stage,
        stage=stage,
        reason=reason,
        detail=detail,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        arrived_at=record.timestamp,
        fact_type=type(message).__name__ if message is not None else None,
        fact_id=fact_id,
        original=record.value,
    )
