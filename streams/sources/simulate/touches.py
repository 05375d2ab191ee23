"""Touches, clicks, messages and deliveries: what a person's meeting with a campaign leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from schemas.events.base import HOUR, SECOND
from schemas.events.clicks import ClickRecorded
from schemas.events.contact import DeliveryReported, MessageReceived
from schemas.events.touchpoints import TouchpointDeleted, TouchpointRecorded
from streams.sources.simulate.campaigns import Campaign, Depth
from streams.sources.simulate.facts import Fact, published_at
from streams.sources.simulate.journeys import Exposure
from streams.sources.simulate.population import Person

_KINDS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "search": (("click",), ("click",), ("click",)),
    "referral": (("click",), ("click",), ("click",)),
    "direct": (("content_engagement",), ("content_engagement",), ("content_engagement",)),
    "phone": (("call",), ("call",), ("call",)),
    "social": (("impression",), ("view",), ("view", "click")),
    "display": (("impression",), ("view",), ("impression", "click")),
    "portal": (("impression",), ("view",), ("content_engagement",)),
    "email": (("email_sent",), ("email_sent", "email_opened"), ("email_sent", "email_opened", "click")),
    "sms": (("sms_sent", "sms_delivered"), ("sms_sent", "sms_delivered"), ("sms_sent", "sms_delivered", "click")),
    "whatsapp": (
        ("whatsapp_sent", "whatsapp_delivered"),
        ("whatsapp_sent", "whatsapp_delivered", "whatsapp_read"),
        ("whatsapp_sent", "whatsapp_delivered", "whatsapp_read", "reply"),
    ),
}
"""Kinds of touches of an exposure by channel and depth, in the order in which they happen."""

_SOURCE = {
    "email": "mailer",
    "sms": "messenger",
    "whatsapp": "messenger",
    "phone": "telephony",
    "portal": "portal-feed",
    "social": "ad-hub",
    "display": "ad-hub",
}
_MEDIUM = {"search": "cpc", "social": "paid-social", "display": "banner"}
_ASKS = ("Is it still free?", "What does it cost per month?", "Could we see it this week?", "Is breakfast included?")
_CORRECTED = 0.006
_DELETED = 0.004
_REPORTED = 0.06
_PROXIED = 0.3
"""Share of e-mails whose recipient's mail program fetches every picture at once, read or not."""


def kinds_of(channel: str, depth: Depth) -> tuple[str, ...]:
    """Kinds of touches that an exposure leaves, the last one being how far it went."""
    return _KINDS[channel][depth]


def exposure_facts(chance: Random, person: Person, touch_id: str, exposure: Exposure) -> Iterator[Fact]:
    """The facts of one exposure: the last one at its instant, what led to it before."""
    at, campaign, depth = exposure
    kinds = kinds_of(campaign.channel, depth)
    for n, kind in enumerate(kinds):
        behind = len(kinds) - 1 - n
        when = at - sum(int(chance.uniform(1, 40) * SECOND) for _ in range(behind))
        name = f"{touch_id}-{n}" if n else touch_id
        if kind == "click":
            yield _click(chance, person, name, campaign, when)
        else:
            yield from touch_facts(chance, person, name, campaign, kind=kind, at=when)
        if kind == "reply":
            yield _reply(chance, person, name, when)
        if kind == "email_sent" and chance.random() < _PROXIED:
            opened = when + int(chance.uniform(1, 90) * SECOND)
            name = f"{touch_id}-proxy"
            yield from touch_facts(chance, person, name, campaign, kind="email_opened", at=opened, machine=True)


def touch_facts(
    chance: Random, person: Person, touch_id: str, campaign: Campaign, *, kind: str, at: int, machine: bool = False
) -> Iterator[Fact]:
    """One touch, by the person or a machine of theirs; now and then a correction of it, or word that it never was."""
    fields: dict[str, Any] = {"touch_id": touch_id, "kind": kind, "channel": campaign.channel}
    if machine:
        fields["machine"] = True
    if campaign.id:
        version = int(chance.random() * 6)
        fields["campaign_id"] = campaign.id
        fields["content_id"] = f"{campaign.id}-{version % 3 + 1}"
        fields["variant_id"] = "ab"[version // 3]
    identifiers = _identifiers(person, campaign.channel, at)
    source = _SOURCE.get(campaign.channel, "website")
    region, seen = person.market.region, published_at(chance, at)
    luck = chance.random()
    if luck < _CORRECTED and campaign.id:
        corrected = {**fields, "revision": 2, "variant_id": "c"}
        later = seen + int(chance.uniform(0.1, 30) * HOUR)
        yield Fact(later, at, TouchpointRecorded, region, source, identifiers, corrected)
    elif _CORRECTED <= luck < _CORRECTED + _DELETED:
        deleted = {**fields, "revision": 2}
        shift = chance.uniform(-4, 30) * HOUR
        gone = max(at + SECOND, seen + int(shift))
        yield Fact(gone, at, TouchpointDeleted, region, source, identifiers, deleted)
        if shift < 0:
            seen = gone + int(chance.uniform(1, 40) * SECOND)
    recorded = Fact(seen, at, TouchpointRecorded, region, source, identifiers, fields)
    yield recorded
    if kind in ("email_sent", "whatsapp_sent", "sms_sent") and chance.random() < _REPORTED:
        yield from _deliveries(chance, recorded)


def _identifiers(person: Person, channel: str, at: int) -> dict[str, str]:
    identifiers = person.identifiers(at)
    if channel == "whatsapp" and "phone" in identifiers:
        return {**identifiers, "wa_id": identifiers["phone"].lstrip("+")}
    return identifiers


def _click(chance: Random, person: Person, click_id: str, campaign: Campaign, at: int) -> Fact:
    channel = campaign.channel
    medium = _MEDIUM.get(channel, channel)
    fields: dict[str, Any] = {"click_id": click_id, "utm_source": campaign.name, "utm_medium": medium}
    fields["url"] = f"https://stay.example.com/{person.market.city.lower()}?utm_medium={medium}"
    if campaign.id:
        fields["utm_campaign"] = campaign.id
        fields["utm_content"] = f"{campaign.id}-{1 + int(chance.random() * 3)}"
    seen = published_at(chance, at)
    return Fact(seen, at, ClickRecorded, person.market.region, "website", person.identifiers(at), fields)


def _reply(chance: Random, person: Person, message_id: str, at: int) -> Fact:
    fields = {"message_id": f"{message_id}-in", "channel": "whatsapp", "text": chance.choice(_ASKS)}
    identifiers = _identifiers(person, "whatsapp", at)
    seen = published_at(chance, at)
    return Fact(seen, at, MessageReceived, person.market.region, "messenger", identifiers, fields)


def _deliveries(chance: Random, send: Fact) -> Iterator[Fact]:
    """What the provider says of a message that we sent."""
    last = "bounced" if chance.random() < 0.04 else "delivered"
    for n, status in enumerate(("accepted", "sent", last)):
        when = send.occurred_at + n * int(chance.uniform(0.2, 5) * SECOND)
        fields = {"message_id": send.fields["touch_id"], "channel": send.fields["channel"], "status": status}
        if status == "bounced":
            fields["permanent"] = chance.random() < 0.5
        seen = published_at(chance, when)
        yield Fact(seen, when, DeliveryReported, send.region, "messenger", send.identifiers, fields)
