"""Dead letters of the doors: rows and lines that never became facts."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

from schemas.codec import encode
from schemas.events.base import Region
from schemas.events.operations import DeadLettered
from schemas.ids import derived_id
from schemas.topics import TOPICS

DEAD_LETTERS = TOPICS["dead.letters"]


class Publication(NamedTuple):
    """A record to publish."""

    topic: str
    key: str
    value: bytes


class Door(NamedTuple):
    """Where something came in: the door's name, its place for coordinates, the workspace and when it was opened."""

    stage: str
    place: str
    workspace: str | None
    region: Region | None
    opened_at: int


def refused(
    door: Door, number: int, why: tuple[str, str], original: bytes, fact_type: str | None = None
) -> Publication:
    """The dead letter of a row or line. Its id depends on place, number and content, so that a repeat is known."""
    content = hashlib.sha256(original).hexdigest()
    letter = DeadLettered.build(
        event_id=derived_id("dead-letter", door.stage, door.place, door.workspace, number, content),
        workspace_id=door.workspace or "unknown",
        region=door.region,
        occurred_at=door.opened_at,
        source=door.stage,
        stage=door.stage,
        reason=why[0],
        detail=why[1],
        topic=door.place,
        partition=0,
        offset=number,
        arrived_at=door.opened_at,
        fact_type=fact_type,
        original=original,
    )
    return Publication(DEAD_LETTERS.name, DEAD_LETTERS.key_of(letter), encode(letter))
