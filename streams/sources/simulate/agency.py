"""Facts that name no person: what is on offer, content, exchange rates, what campaigns cost."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from random import Random
from typing import Any

from schemas.events.base import DAY, HOUR, SECOND, Event, Region
from schemas.events.campaigns import ContentProposed, PropertyListed, SpendReported
from schemas.events.governance import ExchangeRateSet
from streams.sources.simulate.campaigns import CAMPAIGNS, Campaign
from streams.sources.simulate.facts import Fact
from streams.sources.simulate.markets import MARKETS
from streams.sources.simulate.scenario import Scenario

HOME: Region = "UAE"
REPORTING = "AED"

_FIRST_RATE = {"USD": 3.6725, "EUR": 4.01, "INR": 0.0432}
_DAILY_SWING = {"USD": 0.0, "EUR": 0.004, "INR": 0.002}
_DELAY = 3 * SECOND
_LEAD_DAYS = 7
"""Rates are known this long before the first day, so that no weekend at the start is without one."""


class Rates:
    """Exchange rates to the reporting currency: working days only, other days take the last one before."""

    def __init__(self, scenario: Scenario) -> None:
        chance = scenario.chance("rates")
        first, last = scenario.start // DAY - _LEAD_DAYS, (scenario.end - 8 * HOUR) // DAY
        self.days = [day for day in range(first, last + 1) if _is_working_day(day)]
        self.of: dict[str, list[str]] = {}
        for currency, rate in _FIRST_RATE.items():
            walk, level = [], rate
            for _ in self.days:
                walk.append(f"{level:.6f}")
                level *= 1 + chance.uniform(-1, 1) * _DAILY_SWING[currency]
            self.of[currency] = walk

    def reporting(self, minor: int, currency: str, at: int) -> int:
        """An amount in minor units of the reporting currency, at the rate of an instant's day, half to even."""
        if currency == REPORTING:
            return minor
        place = max(0, bisect_right(self.days, at // DAY) - 1)
        return int((minor * Decimal(self.of[currency][place])).quantize(Decimal(1), ROUND_HALF_EVEN))


def _is_working_day(day: int) -> bool:
    return (day + 3) % 7 < 5  # day 0 was a Thursday


def agency_facts(scenario: Scenario, rates: Rates) -> list[Fact]:
    """All facts about the agency itself, published by the end of the scenario."""
    chance = scenario.chance("agency")
    facts = [*_offers(chance, scenario), *_content(chance, scenario), *_rates(chance, rates)]
    for campaign in CAMPAIGNS:
        facts.extend(_spend(chance, scenario, campaign))
    return [fact for fact in facts if fact.published_at <= scenario.end]


def _fact(type_: type[Event], at: int, source: str, fields: dict[str, Any], region: Region = HOME) -> Fact:
    return Fact(at + _DELAY, at, type_, region, source, {}, fields)


def _offers(chance: Random, scenario: Scenario) -> Iterator[Fact]:
    for market in MARKETS:
        for place in (*market.hotels, *market.homes):
            at, price = scenario.start + int(chance.random() * HOUR), place.price_minor
            for revision in range(1, 2 + (chance.random() < 0.3)):
                fields = {
                    "property_id": place.property_id,
                    "revision": revision,
                    "kind": place.kind,
                    "city": market.city,
                    "country": market.country,
                    "bedrooms": place.bedrooms,
                    "price_minor": price,
                    "currency": market.currency,
                }
                yield _fact(PropertyListed, at, "listings", fields, market.region)
                at += int(chance.uniform(0.2, 0.9) * scenario.days * DAY)
                price = int(price * chance.uniform(0.93, 1.08))


def _content(chance: Random, scenario: Scenario) -> Iterator[Fact]:
    for campaign in CAMPAIGNS:
        for n in range(1, 4):
            for variant in "ab":
                fields = {
                    "content_id": f"{campaign.id}-{n}",
                    "revision": 1,
                    "variant_id": variant,
                    "campaign_id": campaign.id,
                    "channel": campaign.channel,
                    "title": f"{campaign.name.replace('-', ' ').capitalize()}, idea {n}",
                    "body": "A view of the water, a key in your hand." if variant == "a" else "Come home early.",
                }
                at = scenario.start + int(chance.random() ** 3 * scenario.days * DAY)
                yield _fact(ContentProposed, at, "studio", fields)


def _rates(chance: Random, rates: Rates) -> Iterator[Fact]:
    for currency, walk in rates.of.items():
        for day, rate in zip(rates.days, walk, strict=True):
            fields = {"base": currency, "quote": REPORTING, "day": day, "revision": 1, "rate": rate}
            fact = _fact(ExchangeRateSet, day * DAY + 6 * HOUR, "treasury", fields)
            late = chance.random() < 0.02
            yield fact._replace(published_at=fact.published_at + 30 * HOUR) if late else fact


def _spend(chance: Random, scenario: Scenario, campaign: Campaign) -> Iterator[Fact]:
    """Each day's cost, reported the next morning; now and then restated the day after."""
    for day in range(scenario.start // DAY, scenario.end // DAY + 1):
        amount = int(campaign.daily_minor * chance.uniform(0.75, 1.25))
        for revision in range(1, 2 + (chance.random() < 0.04)):
            fields = {
                "campaign_id": campaign.id,
                "channel": campaign.channel,
                "day": day,
                "revision": revision,
                "amount_minor": amount,
                "currency": campaign.currency,
            }
            at = (day + revision) * DAY + 5 * HOUR + int(chance.random() * HOUR)
            yield _fact(SpendReported, at, "ad-hub", fields)
            amount = int(amount * chance.uniform(0.9, 1.05))
