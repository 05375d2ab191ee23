"""A run of the whole topology in one process on a virtual clock, from a file of events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from schemas.codec import CodecError, decode, encode
from schemas.events.base import DAY, SECOND, Event, instant
from schemas.topics import FACT_TOPIC, TOPICS
from streams.driver import Driver
from streams.sources.json_events import EventError, from_json, to_json
from streams.stage import Stage

_BETWEEN_TICKS = 60 * SECOND
_FOLLOWED = 3_660 * DAY


class ReplayError(ValueError):
    """An input line that is no fact; the message says which line and what was wrong."""


def replay(stages: Iterable[Stage], lines: Iterable[str], until: int | None = None) -> Driver:
    """The driver after all lines.

    Each line is a fact in its JSON form, with an optional ``received_at`` (default: ``occurred_at``) that moves the
    clock: before a fact, a tick to every partition at the time it was received, and on the way there one whenever a
    timer is due. ``until`` (microseconds) is the last tick; default: the time of the last fact.
    """
    driver = Driver(tuple(stages))
    for number, line in enumerate(lines, start=1):
        if line.strip():
            fact, received_at = _read(number, line)
            if received_at > driver.now:
                _pass_time(driver, received_at)
            topic = FACT_TOPIC[type(fact)]
            driver.publish(topic.name, topic.key_of(fact), encode(fact), received_at)
    _pass_time(driver, max(driver.now, until or 0))
    return driver


def _pass_time(driver: Driver, until: int) -> None:
    """Let it be an instant, and before it every one at which a timer is due, no two within a minute.

    What is decided is of the last tick: after one leap over a month, all of it would come too late. Ten years on there
    is only routine left, which may be leapt over: a date that somebody wrote for "never" is no reason to wait.
    """
    end = min(until, driver.now + _FOLLOWED)
    while (due := driver.first_due()) is not None and (at := max(due, driver.now + _BETWEEN_TICKS)) < end:
        driver.tick(at)
    driver.tick(until)


def _read(number: int, line: str) -> tuple[Event, int]:
    try:
        value = json.loads(line)
        received = value.pop("received_at", None) if isinstance(value, dict) else None
        fact = from_json(value)
        received_at = fact.occurred_at if received is None else instant(received)
    except (EventError, ValueError, RecursionError) as error:
        raise ReplayError(f"line {number}: {error}") from None
    if type(fact) not in FACT_TOPIC:
        raise ReplayError(f"line {number}: {type(fact).__name__} is written by the platform, it is no fact")
    return fact, received_at


def published(driver: Driver) -> dict[str, list[dict[str, Any]]]:
    """What the run put into each topic but inboxes and fact topics, as JSON, in the order of the commits."""
    found: dict[str, list[dict[str, Any]]] = {}
    for record in driver.outputs:
        if TOPICS[record.topic].kind in ("accepted", "platform"):
            found.setdefault(record.topic, []).append(_shown(record.value))
    return found


def _shown(value: bytes) -> dict[str, Any]:
    try:
        decoded = decode(value)
    except CodecError as error:
        raise AssertionError(f"the platform wrote what it cannot read: {error}") from None
    prefix = to_json(decoded.prefix) if decoded.prefix is not None else {}
    prefix.pop("type", None)
    return {**to_json(decoded.message), **({"_prefix": prefix} if prefix else {})}


def write(found: dict[str, list[dict[str, Any]]], folder: Path) -> None:
    """One ``<topic>.jsonl`` per topic, readable by its owner alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for topic, values in sorted(found.items()):
        path = folder / f"{topic}.jsonl"
        path.touch(mode=0o600)
        path.write_text("".join(f"{line}\n" for line in _lines(values)))


def _lines(values: list[dict[str, Any]]) -> Iterator[str]:
    for value in values:
        yield json.dumps(value, ensure_ascii=False)
