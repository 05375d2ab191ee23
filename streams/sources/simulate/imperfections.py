"""What goes wrong between a fact and its record: repeats, ids used twice, and bytes or values that must be refused."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from heapq import heappop, heappush
from random import Random

from schemas.codec import encode
from schemas.events.base import DAY, SECOND, Event, assemble
from schemas.events.bookings import BookingChanged
from schemas.events.campaigns import SpendReported
from schemas.events.contact import MessageReceived
from schemas.events.leads import LeadCaptured
from schemas.events.touchpoints import TouchpointRecorded
from schemas.topics import FACT_TOPIC, MAX_FACT_BYTES
from streams.sources.simulate.facts import Fact, drawn_id
from streams.sources.simulate.scenario import Published, Scenario
from streams.sources.simulate.truth import Tally

_HEADER = struct.Struct(">bI")
_NO_SCHEMA = 2_000_000_000
_REPEATED = 0.01

Break = Callable[[Event, Random, int], bytes]
"""The bytes of a broken record, from a sound event of its own, chance and the end of the scenario."""


def _with(event: Event, **changes: object) -> bytes:
    return encode(assemble(type(event), {**event.__dict__, **changes}))


def _truncated(event: Event, chance: Random, end: int) -> bytes:
    """Ends inside the event id, the first text of the body."""
    return encode(event)[: _HEADER.size + chance.randint(4, 30)]


def _bad_magic(event: Event, chance: Random, end: int) -> bytes:
    return bytes((chance.randint(1, 255),)) + encode(event)[1:]


def _unknown_schema(event: Event, chance: Random, end: int) -> bytes:
    return _HEADER.pack(0, _NO_SCHEMA + chance.randint(0, 99)) + encode(event)[_HEADER.size :]


def _trailing_bytes(event: Event, chance: Random, end: int) -> bytes:
    return encode(event) + chance.randbytes(chance.randint(1, 20))


def _invalid_utf8(event: Event, chance: Random, end: int) -> bytes:
    """The name of the source begins with a byte that begins nothing in UTF-8."""
    source = event.source.encode()
    return encode(event).replace(source, b"\xff" + source[1:], 1)


def _unknown_region(event: Event, chance: Random, end: int) -> bytes:
    return _with(event, region="ATL")


def _unknown_currency(event: Event, chance: Random, end: int) -> bytes:
    return _with(event, currency="ZZZ")


def _bad_amount(event: Event, chance: Random, end: int) -> bytes:
    return _with(event, amount_minor=-chance.randint(1, 90_000))


def _future(event: Event, chance: Random, end: int) -> bytes:
    return _with(event, occurred_at=end + int(chance.uniform(3, 400) * DAY))


def _too_large(event: Event, chance: Random, end: int) -> bytes:
    return _with(event, text="Hello? " * (MAX_FACT_BYTES // 7 + 100))


_PRICED = (BookingChanged, SpendReported)
_ANY = (TouchpointRecorded, LeadCaptured, BookingChanged)

BREAKS: dict[str, tuple[tuple[type[Event], ...], Break]] = {
    "truncated": (_ANY, _truncated),
    "bad_magic": (_ANY, _bad_magic),
    "unknown_schema": (_ANY, _unknown_schema),
    "trailing_bytes": (_ANY, _trailing_bytes),
    "invalid_utf8": (_ANY, _invalid_utf8),
    "unknown_region": (_ANY, _unknown_region),
    "unknown_currency": (_PRICED, _unknown_currency),
    "bad_amount": (_PRICED, _bad_amount),
    "future": (_ANY, _future),
    "too_large": ((MessageReceived,), _too_large),
}
"""By the reason for which it must be refused: the types it befalls, and how."""

CONFLICT = "event_id_conflict"


def publish(scenario: Scenario, facts: Iterable[Fact], tally: Tally) -> Iterator[Published]:
    """The records of facts in their order of publishing, with what goes wrong among them; the tally is told of all."""
    chance = scenario.chance("wire")
    ahead = _troubles(chance, scenario)
    due: list[str] = []
    repeats: list[tuple[int, int, Published]] = []
    for n, fact in enumerate(facts):
        while repeats and repeats[0][0] <= fact.published_at:
            yield _repeat(heappop(repeats), tally)
        event = fact.message(drawn_id(chance), scenario.workspace)
        topic = FACT_TOPIC[fact.type]
        record = Published(topic.name, topic.key_of(event), encode(event), fact.occurred_at, fact.published_at)
        tally.accepted(event, fact.published_at)
        yield record
        if chance.random() < _REPEATED:
            heappush(repeats, (fact.published_at + int(chance.expovariate(1 / 1800) * SECOND), n, record))
        while ahead and ahead[-1][0] <= fact.published_at:
            due.append(ahead.pop()[1])
        if due:
            for reason in [each for each in due if fact.type in _befalls(each)]:
                due.remove(reason)
                tally.refused(record.topic, reason)
                yield record._replace(value=_refused(scenario, chance, fact, event, reason))
    while repeats and repeats[0][0] <= scenario.end:
        yield _repeat(heappop(repeats), tally)


def _refused(scenario: Scenario, chance: Random, fact: Fact, event: Event, reason: str) -> bytes:
    """Bytes that must be refused: the event's id with other content, or an event of its own, broken."""
    if reason == CONFLICT:
        return _with(event, source=f"{event.source}-retry")
    return BREAKS[reason][1](fact.message(drawn_id(chance), scenario.workspace), chance, scenario.end)


def _befalls(reason: str) -> tuple[type[Event], ...]:
    return _ANY if reason == CONFLICT else BREAKS[reason][0]


def _troubles(chance: Random, scenario: Scenario) -> list[tuple[int, str]]:
    """When what goes wrong, last first: each kind more often in a larger scenario, all of it well before the end."""
    often = max(2, scenario.events // 10_000)
    reasons = [reason for reason in (*BREAKS, CONFLICT) for _ in range(2 if reason == "too_large" else often)]
    span = int(scenario.days * 0.9 * DAY)
    return sorted(((scenario.start + int(chance.random() * span), reason) for reason in reasons), reverse=True)


def _repeat(repeat: tuple[int, int, Published], tally: Tally) -> Published:
    at, _, record = repeat
    tally.duplicate(record.topic)
    return record._replace(published_at=at)
