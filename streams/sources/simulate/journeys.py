"""Journeys: what a person meets, when they decide, and when they would have decided without a campaign.

A structural model with common random numbers. Each journey has a threshold, drawn once (exponential, mean 1). Its
cumulative hazard grows with the person's own intent and with every exposure; the person decides when it reaches the
threshold. What people meet does not depend on what they decide, so the counterfactual "without campaign c" is the same
journey with c's lifts set to zero, and the effect of c is an exact difference, not an estimate.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from math import exp
from random import Random
from typing import NamedTuple

from schemas.events.base import DAY, HOUR, SECOND
from streams.sources.simulate.bookings import BookingPlan, booking_plan
from streams.sources.simulate.campaigns import (
    DEPTH_FACTOR,
    HARVEST,
    REACH_KNOWN,
    REACH_UNKNOWN,
    Audience,
    Campaign,
    Depth,
    depth_of,
)
from streams.sources.simulate.markets import Market

MINUTE = 60 * SECOND


class Exposure(NamedTuple):
    """A person met a campaign."""

    at: int
    campaign: Campaign
    depth: Depth


class Milestone(NamedTuple):
    """A step towards a booking that is a sign of intent, not a cause of it. ``kind`` is a kind of touch."""

    at: int
    kind: str


class Harvest(NamedTuple):
    """A touch between decision and booking; ``before`` microseconds before the booking."""

    before: int
    campaign: Campaign


class Push(NamedTuple):
    """The lift of one exposure: ``size`` in all, coming about with mean ``delay`` microseconds after ``since``."""

    campaign: Campaign
    since: int
    size: float
    delay: float


@dataclass(frozen=True, slots=True)
class Journey:
    """One spell of interest of one person. ``lag`` is the time from decision to booking.

    ``closing`` are the milestones of those who decided: microseconds before the booking, and the kind of touch.
    """

    start: int
    spell: int
    pace: float
    response: float
    intent: float
    threshold: float
    lag: int
    exposures: tuple[Exposure, ...]
    harvest: tuple[Harvest, ...]
    asking: tuple[Milestone, ...]
    closing: tuple[tuple[int, str], ...]
    plan: BookingPlan

    @property
    def horizon(self) -> int:
        """After this nobody decides any more."""
        return self.start + 2 * self.spell

    def pushes(self) -> list[Push]:
        """What each exposure that moves the person adds to the cumulative hazard, and how fast."""
        pace = self.pace * DAY
        return [
            Push(campaign, at, self.response * campaign.lift * DEPTH_FACTOR[depth], campaign.delay_days * pace)
            for at, campaign, depth in self.exposures
            if depth and campaign.lift
        ]

    def hazard(self, at: int, pushes: Iterable[Push]) -> float:
        """The cumulative hazard at an instant, from the person's own intent and from these pushes."""
        total = self.intent * min(1.0, (at - self.start) / self.spell)
        for _, since, size, delay in pushes:
            if since < at:
                total += size * (1.0 - exp((since - at) / delay))
        return total

    def booked_at(self, without: Collection[str] = ()) -> int | None:
        """When the person books, to the minute, in a world without the lifts of some campaigns; none: never."""
        pushes = [push for push in self.pushes() if push.campaign.name not in without]
        low, high = self.start, self.horizon
        if self.hazard(high, pushes) < self.threshold:
            return None
        while high - low > MINUTE:
            middle = (low + high) // 2
            if self.hazard(middle, pushes) < self.threshold:
                low = middle
            else:
                high = middle
        return high + self.lag


_SPELL: dict[Audience, tuple[int, int]] = {"stay": (8, 26), "home": (35, 110)}
_INTENT: dict[Audience, float] = {"stay": 0.05, "home": 0.02}
_RESPONSE: dict[Audience, float] = {"stay": 1.0, "home": 0.3}
_PACE: dict[Audience, float] = {"stay": 1.0, "home": 2.5}
_MORE_EXPOSURES: dict[Audience, float] = {"stay": 5.0, "home": 9.0}
_LIVE_PACE = 0.01
_ASKING: tuple[tuple[str, float], ...] = (("inquiry", 1.0), ("meeting_requested", 0.4), ("site_visit", 0.6))
_CLOSING: tuple[tuple[str, float], ...] = (
    ("meeting_requested", 0.85),
    ("call", 0.6),
    ("site_visit", 0.45),
    ("meeting_held", 0.2),
)


def draw_journey(
    chance: Random, market: Market, audience: Audience, start: int, *, known_from: int | None, live: bool
) -> Journey:
    """A journey from ``start`` on.

    We know who it is from exposure ``known_from`` on; none: not before they ask or book. A ``live`` one
    happens within hours instead of weeks: somebody who wants it today.
    """
    spell = int(chance.uniform(0.5, 4) * HOUR) if live else int(chance.uniform(*_SPELL[audience]) * DAY)
    count = 2 + min(20, int(chance.expovariate(1 / _MORE_EXPOSURES[audience])))
    times = [start, *sorted(start + int(chance.random() * spell) for _ in range(count))]
    exposures = []
    for n, at in enumerate(times):
        reach = REACH_UNKNOWN if known_from is None or n < known_from else REACH_KNOWN
        campaign = reach[audience].pick(chance)
        depths = depth_of(campaign.channel)
        exposures.append(Exposure(at, campaign, depths.pick(chance) if depths else 2))
    if live:
        lag = int(chance.uniform(4, 50) * MINUTE)
    else:
        lag = int(chance.uniform(2, 40) * HOUR) if audience == "stay" else int(chance.uniform(3, 16) * DAY)
    return Journey(
        start=start,
        spell=spell,
        pace=_LIVE_PACE if live else _PACE[audience],
        response=_RESPONSE[audience] * chance.uniform(0.4, 1.6),
        intent=_INTENT[audience] * chance.uniform(0.2, 1.8),
        threshold=chance.expovariate(1.0),
        lag=lag,
        exposures=tuple(exposures),
        harvest=_harvest(chance, audience, min(lag, DAY)),
        asking=_asking(chance, audience, times, live),
        closing=tuple((int(lag * share), kind) for kind, share in _CLOSING) if audience == "home" else (),
        plan=booking_plan(chance, market, audience),
    )


def _harvest(chance: Random, audience: Audience, within: int) -> tuple[Harvest, ...]:
    """One to three touches on the way to the booking desk, earliest first."""
    count = min(3, 1 + int(chance.expovariate(1.2)))
    before = sorted((int(chance.uniform(0.02, 0.95) * within) for _ in range(count)), reverse=True)
    return tuple(Harvest(each, HARVEST[audience].pick(chance)) for each in before)


def _asking(chance: Random, audience: Audience, times: list[int], live: bool) -> tuple[Milestone, ...]:
    """A question, perhaps a wish to meet, perhaps a visit: people who only look around ask, too."""
    if chance.random() > (0.7 if live else 0.3 if audience == "home" else 0.08):
        return ()
    at, found = chance.choice(times), []
    for kind, likely in _ASKING:
        if chance.random() > likely or (kind == "site_visit" and live):
            break
        at += int(chance.uniform(3, 30) * MINUTE) if live else int(chance.uniform(0.2, 5) * DAY)
        found.append(Milestone(at, kind))
    return tuple(found)
