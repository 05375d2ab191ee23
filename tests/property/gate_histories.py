"""Histories of a few people whom several systems want to contact at once, and who object, link and split meanwhile.

Now and then somebody is named by the phone of another, of another home region even, so that conflicts
open, and people sort it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any
from uuid import UUID

from schemas.events.base import DAY, HOUR, SECOND, Event, instant
from schemas.events.contact import ConsentChanged, DeliveryReported, MessageReceived, OutreachRequested
from schemas.events.governance import ErasureRequested, IdentifierValue, IdentitiesLinked, IdentitiesSplit
from schemas.events.leads import LeadCaptured
from schemas.events.touchpoints import TouchpointRecorded

START = instant("2026-03-06T06:00:00Z")
WEEK = 7 * DAY

PEOPLE: tuple[dict[str, str], ...] = (
    {"email": "ann@example.com", "phone": "+971501234567"},
    {"email": "ben@example.com", "phone": "+971501234568"},
    {"email": "cy@example.com", "phone": "+971501234567"},
    {"email": "dee@example.com", "phone": "+18502341234", "region": "USA"},
)
"""Ann and Cy share a phone; Dee's area code spans two zones, and no one has said in which she lives."""

CHANNELS = {"email": "email", "whatsapp": "phone", "sms": "phone"}
GAPS = (0, 0, 0, 1, SECOND, HOUR, 5 * HOUR, DAY, WEEK - 1, WEEK)


def histories(random: Random, size: int) -> Iterator[tuple[int, Event]]:
    """So many events and the instants at which they arrive; of one person's facts some name one identifier only."""
    ids = iter(str(UUID(int=random.getrandbits(128), version=4)) for _ in range(10 * size))
    now, messages, mixed = START, 0, list[dict[str, str]]()
    yield from ((now, fact) for fact in _first_met(random, ids, now))
    for _ in range(size):
        now += random.choice(GAPS)
        at = now - random.choice((0, 0, 0, 1, HOUR))
        person = random.choice(PEOPLE)
        channel, kind = random.choice(list(CHANNELS.items()))
        who = {kind: person[kind]} if random.random() < 0.6 else person
        kind_of_event = random.choices(
            ("ask", "consent", "stop", "report", "warm", "link", "split", "mix", "sort", "erase"),
            (12, 3, 1, 3, 2, 2, 1, 1, 2, 1),
        )[0]
        match kind_of_event:
            case "ask":
                messages += 1
                wish = {"message_id": f"m{messages}", "purpose": "news", "template_id": "follow_up"}
                yield now, _fact(OutreachRequested, ids, {**person, **who}, at, channel=channel, **wish)
            case "consent":
                yield now, _consent(ids, who, person, at, channel, granted=random.random() < 0.7)
            case "stop":
                said = {"message_id": f"in{messages}-{now}", "channel": channel, "text": "STOP"}
                yield now, _fact(MessageReceived, ids, {**person, **who}, at, **said)
            case "warm":
                touch = {"touch_id": next(ids), "revision": 1, "kind": "inquiry", "channel": "phone"}
                yield now, _fact(TouchpointRecorded, ids, {**person, **who}, at, **touch)
            case "report" if messages:
                message = f"m{random.randint(1, messages)}"
                status = random.choice(("rejected", "rejected", "complained", "bounced", "delivered"))
                report = {"message_id": message, "channel": channel, "status": status, "permanent": True}
                yield now, _fact(DeliveryReported, ids, {**person, **who}, at, **report)
            case "mix" if now > START:  # later than anybody was seen first, or home regions would change
                mixed.append({"email": person["email"], "phone": random.choice(PEOPLE)["phone"]})
                yield now, _fact(LeadCaptured, ids, mixed[-1], now, channel="portal")
            case "sort" if mixed:
                yield now, _sorted_out(random.choice(mixed), ids, now)
            case "erase":
                yield now, _erasure(random, ids, person, at)
            case "link" | "split":
                yield from ((now, said) for said in _linked_or_split(random, ids, at, kind_of_event))


def _linked_or_split(random: Random, ids: Iterator[str], at: int, what: str) -> Iterator[Event]:
    """That one of two people's identifiers belong together, or do not; nothing where they are the same."""
    one, other = (
        [IdentifierValue(kind=kind, value=which[kind])]  # type: ignore[arg-type]
        for which, kind in zip(random.sample(PEOPLE[:3], 2), random.choices(("email", "phone"), k=2), strict=True)
    )
    common = _common(ids, {}, at)
    if one != other:
        yield (
            IdentitiesLinked(**common, identifiers=[*one, *other])
            if what == "link"
            else IdentitiesSplit(**common, take=one, keep=other)
        )


def _first_met(random: Random, ids: Iterator[str], now: int) -> Iterator[Event]:
    """Everybody, most of them with consent for most channels."""
    for person in PEOPLE:
        yield _fact(LeadCaptured, ids, person, now, channel="portal", time_zone=_zone(person))
        for channel, kind in CHANNELS.items():
            if random.random() < 0.9:
                yield _consent(ids, {kind: person[kind]}, person, now, channel, granted=True)


def _sorted_out(mixed: dict[str, str], ids: Iterator[str], now: int) -> IdentitiesSplit:
    """That identifiers which a fact has mixed up are two people's."""
    email, phone = (
        [IdentifierValue(kind=kind, value=value)]  # type: ignore[arg-type]
        for kind, value in mixed.items()
    )
    return IdentitiesSplit(**_common(ids, {}, now), take=phone, keep=email)


def _erasure(random: Random, ids: Iterator[str], person: dict[str, str], at: int) -> ErasureRequested:
    """That one of a person's addresses is to be forgotten, or both are."""
    kinds = random.choice((["email"], ["phone"], ["email", "phone"]))
    values = [IdentifierValue(kind=kind, value=person[kind]) for kind in kinds]  # type: ignore[arg-type]
    return ErasureRequested(**_common(ids, {}, at), identifiers=values, reason="asked")


def _zone(person: dict[str, str]) -> str | None:
    return "Asia/Dubai" if person.get("region") is None else None


def _consent(
    ids: Iterator[str], who: dict[str, str], person: dict[str, str], at: int, channel: str, *, granted: bool
) -> ConsentChanged:
    kind = CHANNELS[channel]
    named = {**who, kind: person[kind]} | ({"region": person["region"]} if "region" in person else {})
    said = {"purpose": "marketing", "granted": granted, "evidence": "form" if granted else None}
    return _fact(ConsentChanged, ids, named, at, channel=channel, consent_id=next(ids), **said)


def _fact(type_: Any, ids: Iterator[str], who: dict[str, str], at: int, **fields: Any) -> Any:
    return type_(**_common(ids, who, at), **fields)


def _common(ids: Iterator[str], who: dict[str, str], at: int) -> dict[str, Any]:
    fields = {"event_id": next(ids), "workspace_id": "acme", "region": "UAE", "source": "test", "occurred_at": at}
    return {**fields, **who}
