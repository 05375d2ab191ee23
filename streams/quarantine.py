"""Quarantine: an operator sets one fact aside on which a stage cannot go on.

An order names an offset of a stage's input and is a record of the topic ``quarantine``, which a stage reads whole
before it begins. An order counts while its offset is ahead of the stage; what was applied before stays as it is. So a
stage's input and the orders that it followed together decide its outputs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from processors.base import DeadLetter
from schemas.codec import CodecError, decode
from schemas.events.base import Event
from schemas.events.operations import QuarantineOrdered
from schemas.events.routing import Prefix
from schemas.topics import FACT_TOPIC
from streams.records import InRecord
from streams.stage import Stage

Coordinates = tuple[str, int, int]
"""Topic, partition and offset of a stage's input."""


class NotAFactError(ValueError):
    """A record that must not be set aside, because others wait for it; says what it is."""


class SetAside(NamedTuple):
    """A fact in quarantine: why, and the fact, its prefix and its own bytes, as far as the stage has read them."""

    letter: DeadLetter
    event: Event | None
    prefix: Prefix | None
    raw: bytes


def ordered(values: Iterable[bytes]) -> frozenset[Coordinates]:
    """The offsets that the records of the topic ``quarantine`` name."""
    orders = (decode(value).message for value in values)
    return frozenset((one.topic, one.partition, one.offset) for one in orders if isinstance(one, QuarantineOrdered))


def set_aside(stage: Stage, record: InRecord) -> SetAside:
    """The fact in a record of a stage's input, unprocessed. Raises ``NotAFactError``."""
    at = f"{record.topic}:{record.partition}:{record.offset}"
    letter = DeadLetter("quarantined", f"set aside at {at} by an operator, so that {stage.name} could go on")
    if not stage.stateful:
        return SetAside(letter, None, None, record.value)
    try:
        message, prefix, raw = decode(record.value)
    except CodecError as error:
        raise NotAFactError(f"{at} cannot be read ({error.reason}), so nobody knows who waits for it") from None
    if prefix is None or not isinstance(message, Event) or type(message) not in FACT_TOPIC:
        raise NotAFactError(
            f"{at} is a message between stages ({type(message).__name__}): without it other keys would wait for ever, "
            "or go by other rules than the rest"
        )
    return SetAside(letter, message, prefix, raw)
