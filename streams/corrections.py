"""A refused fact once more: read from its dead letter, corrected, and judged as intake will judge it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from processors.base import Context, DeadLetter, Received
from processors.control import EMPTY
from processors.intake.admit import admit
from schemas.codec import CodecError, decode, encode
from schemas.events.base import Event
from schemas.ids import derived_id
from schemas.topics import FACT_TOPIC, TOPICS
from streams.sources.fixes import NEW, Fixes
from streams.sources.json_events import EventError, from_json, to_json
from streams.sources.refusals import Publication

_ADMITTING = frozenset({"publish", "intake", "resolve"})
"""What refuses a fact before its event_id is remembered: corrected, it may keep it."""
_ANY_KEY = bytes(32)  # whether identifiers can be hashed does not depend on the key


class Letter(NamedTuple):
    """What a correction needs of a dead letter; ``topic``, ``partition`` and ``offset`` say where the fact stood."""

    event_id: str
    stage: str
    reason: str
    topic: str
    partition: int
    offset: int
    original: bytes


class Corrected(NamedTuple):
    """A fact that intake would take now, and the record that brings it there."""

    event: Event
    record: Publication


def corrected(letter: Letter, fixes: Fixes, now: int) -> Corrected:
    """The fact of a dead letter after its type's fix, if there is one; ``now`` in microseconds.

    The same letter and fix always give the same bytes, so that publishing them again makes a duplicate.

    Raises:
        EventError: it cannot be published, with the reason code of what is still wrong; never repeats values.
    """
    form = _form(letter)
    name = form.get("type")
    fix = fixes.get(name) if isinstance(name, str) else None
    if not (fix is not None and fix.renews):
        _check_keeps_id(letter)
    event = from_json(form if fix is None else fix.applied(form, _new_id(letter)))
    topic = FACT_TOPIC.get(type(event))
    if topic is None:
        raise EventError("wrong_topic", f"type: {type(event).__name__} is none that may come from outside")
    try:
        record = Publication(topic.name, topic.key_of(event), encode(event))
    except OverflowError:
        raise EventError("invalid_field", "a number is too large for 64 bits") from None
    received = Received(record.value, topic.name, 0, 0, now)
    _, answers = admit(_ANY_KEY, None, received, Context("", now, now, "", EMPTY))
    for answer in answers:
        if isinstance(answer, DeadLetter):
            raise EventError(answer.reason, answer.detail)
    return Corrected(event, record)


def _form(letter: Letter) -> dict[str, Any]:
    """The JSON form of the fact, valid or not."""
    if letter.topic.startswith("file:"):
        raise EventError(letter.reason, "a row of a file: mend the file, or the mapping, and import the file again")
    if letter.topic == "stdin":
        return _line(letter.original)
    topic = TOPICS.get(letter.topic)
    if topic is None or topic.kind != "fact":
        raise EventError(letter.reason, f"a record of {letter.topic}, which the platform writes itself, not a fact")
    try:
        return to_json(decode(letter.original).message)
    except CodecError as error:
        detail = f"{error.detail}. No fix can read these bytes: the publisher must send the fact again"
        raise EventError(error.reason, detail) from None


def _line(line: bytes) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise EventError("bad_json", "the line is no JSON object: correct it and publish it again")
    return value


def _check_keeps_id(letter: Letter) -> None:
    advice = f"set `event_id: {NEW}` in the fix, and a higher `revision` where the type has one"
    if letter.reason == "event_id_conflict":
        raise EventError(letter.reason, f"another fact was accepted under this event_id: {advice}")
    if letter.stage not in _ADMITTING:
        detail = f"the fact was accepted before {letter.stage} refused it, so its event_id is taken: {advice}"
        raise EventError(letter.reason, detail)


def _new_id(letter: Letter) -> str:
    """One id for one record, however many stages refused it and however often it is replayed."""
    place = (letter.event_id,) if letter.topic == "stdin" else (letter.topic, letter.partition, letter.offset)
    return derived_id("dead-letter-replay", *place)
