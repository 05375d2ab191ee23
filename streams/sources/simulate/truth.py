"""The truth of a scenario: what was published, what must become of it, and what each campaign really did."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from schemas.events.base import DAY, Event, instant_text
from schemas.events.bookings import BookingChanged
from schemas.events.campaigns import SpendReported
from schemas.events.clicks import ClickRecorded
from schemas.events.touchpoints import TouchpointDeleted, TouchpointRecorded
from schemas.topics import FACT_TOPIC
from streams.sources.simulate.agency import Rates
from streams.sources.simulate.bookings import STANDING
from streams.sources.simulate.campaigns import BY_THEMSELVES, CAMPAIGNS, PLANTED
from streams.sources.simulate.effects import Effects
from streams.sources.simulate.facts import LATE
from streams.sources.simulate.identities import Entangled
from streams.sources.simulate.scenario import Scenario


class Tally:
    """Counts what is published while it is published."""

    def __init__(self) -> None:
        self.accepted_types: Counter[str] = Counter()
        self.topics: dict[str, Counter[str]] = defaultdict(Counter)
        self.late = 0
        self.out_of_order = 0
        self.corrected = 0
        self.deleted = 0
        self.bookings: dict[str, BookingChanged] = {}
        self.spend: dict[tuple[str, int], SpendReported] = {}
        self.touches: Counter[tuple[str, str | None]] = Counter()

    def accepted(self, event: Event, published_at: int) -> None:
        """A sound fact, published for the first time."""
        self.accepted_types[type(event).__name__] += 1
        self.topics[FACT_TOPIC[type(event)].name]["accepted"] += 1
        self.late += published_at - event.occurred_at >= LATE
        match event:
            case TouchpointDeleted():
                self.deleted += 1
                self.touches[event.channel, event.campaign_id] -= 1
            case TouchpointRecorded(revision=1):
                self.touches[event.channel, event.campaign_id] += 1
            case TouchpointRecorded():
                self.corrected += 1
            case ClickRecorded():
                self.touches[_CHANNEL[event.utm_source or ""], event.utm_campaign] += 1
            case BookingChanged():
                self._booking(event)
            case SpendReported():
                held = self.spend.get((event.campaign_id, event.day))
                if held is None or event.revision > held.revision:
                    self.spend[event.campaign_id, event.day] = event
            case _:
                pass

    def _booking(self, event: BookingChanged) -> None:
        held = self.bookings.get(event.booking_id)
        if held is not None and held.revision > event.revision:
            self.out_of_order += 1
        else:
            self.bookings[event.booking_id] = event

    def duplicate(self, topic: str) -> None:
        """A record published once more, byte for byte."""
        self.topics[topic]["duplicates"] += 1

    def refused(self, topic: str, reason: str) -> None:
        """A record that must become a dead letter."""
        self.topics[topic][f"refused:{reason}"] += 1


_CHANNEL = {each.name: each.channel for each in (*CAMPAIGNS, *BY_THEMSELVES)}


@dataclass(frozen=True)
class Truth:
    """What a scenario drew. Money in minor units; the reporting currency is AED.

    ``topics`` reconciles: published = accepted + duplicates + dead letters. ``bookings`` counts by final status and
    ``net_minor`` sums what they are worth, both at the highest revision published. ``campaigns`` and ``channels`` hold
    touches (not deleted), spend and the true effect; ``planted`` says which campaigns last touch gets wrong, and why.
    ``identities`` counts what makes people hard to tell apart; who is who stands in a file of its own.
    """

    scenario: dict[str, Any]
    published: int
    topics: dict[str, dict[str, Any]]
    accepted: dict[str, int]
    duplicates: int
    dead_letters: dict[str, int]
    late: int
    out_of_order_bookings: int
    corrected_touches: int
    deleted_touches: int
    people: int
    known_people: int
    bookings: dict[str, int]
    net_minor: dict[str, int]
    net_reporting_minor: int
    campaigns: dict[str, dict[str, Any]]
    channels: dict[str, dict[str, Any]]
    planted: dict[str, str]
    identities: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for ``json.dumps``."""
        return asdict(self)


def truth_of(scenario: Scenario, tally: Tally, effects: Effects, rates: Rates, entangled: Entangled) -> Truth:
    """Everything counted, put together."""
    topics = {name: _topic(counts) for name, counts in sorted(tally.topics.items())}
    dead = sum((Counter(topic["dead_letters"]) for topic in topics.values()), Counter[str]())
    net: Counter[str] = Counter()
    reporting, people = 0, entangled.people
    for booking in tally.bookings.values():
        worth = booking.amount_minor if booking.status in STANDING else booking.retained_minor
        net[booking.currency] += worth
        reporting += rates.reporting(worth, booking.currency, booking.booked_at or booking.occurred_at)
    return Truth(
        scenario={**asdict(scenario), "end": instant_text(scenario.end), "start": instant_text(scenario.start)},
        published=sum(topic["published"] for topic in topics.values()),
        topics=topics,
        accepted=dict(sorted(tally.accepted_types.items())),
        duplicates=sum(topic["duplicates"] for topic in topics.values()),
        dead_letters=dict(sorted(dead.items())),
        late=tally.late,
        out_of_order_bookings=tally.out_of_order,
        corrected_touches=tally.corrected,
        deleted_touches=tally.deleted,
        people=len(people),
        known_people=sum(each.known_at is not None and each.known_at <= scenario.end for each in people),
        bookings=dict(sorted(Counter(each.status for each in tally.bookings.values()).items())),
        net_minor=dict(sorted(net.items())),
        net_reporting_minor=reporting,
        campaigns={each.name: _campaign(each.name, tally, effects, rates) for each in CAMPAIGNS},
        channels={name: _channel(name, tally, effects, rates) for name in effects.of_channel},
        planted=dict(PLANTED),
        identities=dict(sorted(entangled.happened.items())),
    )


def _topic(counts: Counter[str]) -> dict[str, Any]:
    dead = {name.removeprefix("refused:"): n for name, n in sorted(counts.items()) if name.startswith("refused:")}
    accepted, duplicates = counts["accepted"], counts["duplicates"]
    return {
        "published": accepted + duplicates + sum(dead.values()),
        "accepted": accepted,
        "duplicates": duplicates,
        "dead_letters": dead,
    }


def _spent(tally: Tally, rates: Rates, channel: str | None, campaign: str | None) -> int:
    """Spend in the reporting currency, each day at its own rate."""
    return sum(
        rates.reporting(each.amount_minor, each.currency, each.day * DAY)
        for each in tally.spend.values()
        if each.channel == channel or each.campaign_id == campaign
    )


def _campaign(name: str, tally: Tally, effects: Effects, rates: Rates) -> dict[str, Any]:
    channel = _CHANNEL[name]
    return {
        "channel": channel,
        "touches": tally.touches[channel, name],
        "spend_reporting_minor": _spent(tally, rates, None, name),
        "effect": effects.of_campaign[name].to_json(),
    }


def _channel(channel: str, tally: Tally, effects: Effects, rates: Rates) -> dict[str, Any]:
    return {
        "touches": sum(n for (name, _), n in tally.touches.items() if name == channel),
        "spend_reporting_minor": _spent(tally, rates, channel, None),
        "effect": effects.of_channel[channel].to_json(),
    }
