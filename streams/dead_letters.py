"""Dead letters: a refused record with its reason, under the coordinates that it had where it came in."""

from __future__ import annotations

import re
from typing import get_args

from processors.base import DeadLetter
from schemas.codec import CodecError, decode
from schemas.events.base import Event, Region
from schemas.events.operations import DeadLettered
from schemas.events.routing import Prefix
from schemas.ids import derived_id
from streams.records import InRecord


def dead_letter(stage: str, letter: DeadLetter, origin: Prefix, event: Event | None, raw: bytes) -> DeadLettered:
    """The dead letter of a record that ``stage`` refused; ``event`` as far as it could be read."""
    workspace = event.workspace_id if event is not None else ""
    region = event.region if event is not None else ""
    return DeadLettered.build(
        event_id=derived_id("dead-letter", stage, origin.topic, origin.partition, origin.offset),
        workspace_id=workspace if re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,62}", workspace) else "unknown",
        region=region if region in get_args(Region) else None,
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
        fact_id=event.event_id if event is not None else None,
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
