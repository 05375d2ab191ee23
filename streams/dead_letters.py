"""Dead letters: a refused record with its reason, under the coordinates that it had where it came in."""

from __future__ import annotations

from processors.base import DeadLetter
from schemas.codec import CodecError, decode
from schemas.events.base import Event
from schemas.events.operations import DeadLettered
from schemas.events.routing import Prefix
from schemas.ids import derived_id
from schemas.refused import named
from streams.records import InRecord


def dead_letter(stage: str, letter: DeadLetter, origin: Prefix, event: Event | None, raw: bytes) -> DeadLettered:
    """The dead letter of a record that ``stage`` refused; ``event`` as far as it could be read."""
    workspace_id, region, fact_id = named(event)
    return DeadLettered.build(
        event_id=derived_id("dead-letter", stage, origin.topic, origin.partition, origin.offset),
        workspace_id=workspace_id,
        region=region,
        occurred_at=origin.arrived_at,
        source=stage,
        stage=stage,
        reason=letter.reason,
        detail=letter.detail,
        topic=origin.topic,
        partition=origin.partition,
        offset=origin.offset,
        arrived_at=origin.arrived_at,
        fact_type=type(event).__name__ if event is not None else None,
        fact_id=fact_id,
        original=raw,
    )


def coordinates(record: InRecord) -> Prefix:
    """Where a record stands and when it arrived there."""
    return Prefix.build(
        arrived_at=record.timestamp, topic=record.topic, partition=record.partition, offset=record.offset
    )


def readable(raw: bytes) -> Event | None:
    """The event in some bytes, valid or not, or none where they hold no event."""
    try:
        message = decode(raw).message
    except CodecError:
        return None
    return message if isinstance(message, Event) else None
