"""What the platform says of its own running: ticks, counts, dead letters."""

from typing import Annotated

from schemas.events.base import Code, Event, FreeText, Instant, Message, Pii, Region, Uuid, WorkspaceId

Bytes = Annotated[bytes, Pii("free_text")]


class Tick(Message):
    """Time as data: appended to an inbox partition by its owner about every second; never goes back."""

    at: Instant


class Position(Message):
    """Offsets of one partition that a transaction covered, the end exclusive."""

    topic: Code
    partition: int
    first: int
    end: int


HIDDEN = "hidden"
"""What intake counts of a fact topic's offsets that hold nothing to read: marks of publishers' transactions, records of
those that were aborted, and what the broker deleted before it was read."""


class Count(Message):
    """How many records of a type of a fact topic had an outcome."""

    topic: Code
    type: Code
    outcome: Code
    count: int


class StageCounted(Message):
    """What one transaction of one stage did; sums over these are the platform's bookkeeping."""

    stage: Code
    at: Instant
    positions: list[Position]
    counts: list[Count]


class SweepFinished(Message):
    """All keys of a workspace in one partition of a stage have heard of a control record; ``keys`` is how many."""

    stage: Code
    partition: int
    workspace_id: WorkspaceId
    control_id: Code
    control_type: Code
    keys: int
    at: Instant


class QuarantineOrdered(Message):
    """An operator's order to set the fact at one offset of a stage's input aside as a dead letter."""

    topic: Code
    partition: int
    offset: int
    at: Instant


class DeadLettered(Event):
    """A rejected record with its reason, coordinates and original bytes.

    ``workspace_id`` is ``unknown`` and ``region`` null where the record could not be read that far. An import's row has
    the topic ``file:<name>``, partition 0 and its row number as offset.
    """

    workspace_id: WorkspaceId = "unknown"
    region: Region | None = None  # type: ignore[assignment]
    stage: Code
    reason: Code
    detail: FreeText
    topic: Code
    partition: int
    offset: int
    arrived_at: Instant
    fact_type: Code | None = None
    fact_id: Uuid | None = None
    original: Bytes
