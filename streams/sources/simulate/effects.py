"""The true effect of each campaign and channel: the drawn world against the same world without its lifts."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from math import exp
from typing import Any

from streams.sources.simulate.agency import Rates
from streams.sources.simulate.campaigns import CAMPAIGNS, CHANNELS
from streams.sources.simulate.journeys import Journey, Push
from streams.sources.simulate.population import Person


@dataclass
class Effect:
    """What a campaign or a channel brought about.

    ``bookings``, ``net_minor`` and ``net_reporting_minor`` are realised: the drawn world minus its counterfactual, as
    of the end. ``expected_bookings`` and ``expected_reporting_minor`` are the mean over all thresholds that could have
    been drawn, with what each booking is worth in the end.
    """

    bookings: int = 0
    net_minor: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    net_reporting_minor: int = 0
    expected_bookings: float = 0.0
    expected_reporting_minor: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Plain values, rounded where they are means."""
        return {
            "bookings": self.bookings,
            "net_minor": dict(sorted(self.net_minor.items())),
            "net_reporting_minor": self.net_reporting_minor,
            "expected_bookings": round(self.expected_bookings, 3),
            "expected_reporting_minor": round(self.expected_reporting_minor),
        }


class Effects:
    """Adds up effects over a population."""

    def __init__(self, rates: Rates, end: int) -> None:
        self.of_campaign = {each.name: Effect() for each in CAMPAIGNS}
        self.of_channel = {channel: Effect() for channel in CHANNELS}
        self._rates = rates
        self._end = end

    def add(self, person: Person) -> None:
        """Take in one person's journeys."""
        booked = {id(each.journey): each.booked_at for each in person.bookings}
        for journey in person.journeys:
            self._expect(journey, person.market.currency)
            if id(journey) in booked:
                self._realise(journey, person.market.currency, booked[id(journey)])

    def _expect(self, journey: Journey, currency: str) -> None:
        at = min(journey.horizon, self._end - journey.lag)
        if at <= journey.start:
            return
        by_campaign: dict[str, list[Push]] = defaultdict(list)
        by_channel: dict[str, list[Push]] = defaultdict(list)
        pushes = journey.pushes()
        for push in pushes:
            by_campaign[push.campaign.name].append(push)
            by_channel[push.campaign.channel].append(push)
        own = journey.hazard(at, ())
        undecided = exp(-journey.hazard(at, pushes))
        worth = self._rates.reporting(journey.plan.final_minor, currency, self._end)
        for pushed, effects in ((by_campaign, self.of_campaign), (by_channel, self.of_channel)):
            for name, some in pushed.items():
                likelier = undecided * (exp(journey.hazard(at, some) - own) - 1.0)
                effects[name].expected_bookings += likelier
                effects[name].expected_reporting_minor += likelier * worth

    def _realise(self, journey: Journey, currency: str, booked_at: int) -> None:
        decided_at = booked_at - journey.lag
        met = [push.campaign for push in journey.pushes() if push.since < decided_at]
        for name in dict.fromkeys(campaign.name for campaign in met):
            self._compare(self.of_campaign[name], journey, currency, booked_at, frozenset((name,)))
        for channel in dict.fromkeys(campaign.channel for campaign in met):
            self._compare(self.of_channel[channel], journey, currency, booked_at, _NAMES[channel])

    def _compare(
        self, effect: Effect, journey: Journey, currency: str, booked_at: int, without: frozenset[str]
    ) -> None:
        """What changes when the same person, in the same mind, is not moved by these campaigns."""
        instead = journey.booked_at(without)
        if instead == booked_at:
            return
        here = self._worth(journey, currency, booked_at)
        there = (0, 0) if instead is None else self._worth(journey, currency, instead)
        effect.bookings += instead is None or instead > self._end
        effect.net_minor[currency] += here[0] - there[0]
        effect.net_reporting_minor += here[1] - there[1]

    def _worth(self, journey: Journey, currency: str, booked_at: int) -> tuple[int, int]:
        """What a booking made at an instant is worth at the end, in its own and in the reporting currency."""
        net = journey.plan.net_at(booked_at, self._end)
        return net, self._rates.reporting(net, currency, booked_at)


_NAMES = {channel: frozenset(each.name for each in CAMPAIGNS if each.channel == channel) for channel in CHANNELS}
