"""JSON lines that become facts of one topic, or dead letters with the number of their line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args

from schemas.codec import encode
from schemas.events.base import Event, Region
from schemas.topics import MAX_FACT_BYTES, Topic
from streams.sources.json_events import EventError, from_json
from streams.sources.refusals import Door, Publication, refused

Tell = Callable[[int, str, str], None]
"""Told the number, reason and detail of each refused line."""

_WORKSPACE = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def publications(topic: Topic, lines: Iterable[bytes], place: str, now: int, tell: Tell) -> Iterator[Publication]:
    """The fact of each line, validated, or its dead letter; empty lines are passed over.

    ``place`` and the line's number, from 1, are a dead letter's coordinates; ``now`` is in microseconds.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        value: Any = None
        try:
            value = _parsed(line)
            event = _fact(topic, value)
            record = _record(topic, event)
            if len(record.value) > MAX_FACT_BYTES:
                raise EventError("too_large", f"more than {MAX_FACT_BYTES:,} bytes: send large content by reference")
        except EventError as error:
            tell(number, error.reason, error.detail)
            yield refused(_door(place, value, now), number, (error.reason, error.detail), line)
        else:
            yield record


def _record(topic: Topic, event: Event) -> Publication:
    try:
        return Publication(topic.name, topic.key_of(event), encode(event))
    except OverflowError:
        raise EventError("invalid_field", "a number is too large for 64 bits") from None


def _parsed(line: bytes) -> Any:
    if len(line) > MAX_FACT_BYTES:
        raise EventError("too_large", f"longer than {MAX_FACT_BYTES:,} bytes; only the beginning is kept here")
    try:
        return json.loads(line)
    except UnicodeDecodeError:
        raise EventError("invalid_utf8", "the line is not UTF-8 text") from None
    except (ValueError, RecursionError):
        raise EventError("bad_json", "the line is not JSON") from None


def _fact(topic: Topic, value: Any) -> Event:
    event = from_json(value)
    if type(event) not in topic.types:
        wanted = ", ".join(type_.__name__ for type_ in topic.types)
        raise EventError("wrong_topic", f"type: {type(event).__name__} does not belong in {topic.name} ({wanted})")
    return event


def _door(place: str, value: Any, now: int) -> Door:
    """The door with workspace and region of the line, as far as it names known ones."""
    named = value if isinstance(value, dict) else {}
    workspace, region = named.get("workspace_id"), named.get("region")
    known = isinstance(workspace, str) and _WORKSPACE.fullmatch(workspace)
    return Door("publish", place, workspace if known else None, region if region in get_args(Region) else None, now)
