"""Records on their way in and out of a stage."""

from typing import NamedTuple


class InRecord(NamedTuple):
    """A record as read from Kafka. ``timestamp``: microseconds, the broker's append time."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: str
    value: bytes


class OutRecord(NamedTuple):
    """A record to produce. ``partition`` none: by the key."""

    topic: str
    key: str
    value: bytes
    partition: int | None = None
