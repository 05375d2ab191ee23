"""What becomes of a booking: its revisions as times after the booking, so that they can follow any booking date."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from schemas.events.base import DAY, HOUR
from schemas.events.bookings import BookingStatus
from streams.sources.simulate.campaigns import Audience
from streams.sources.simulate.markets import FEE_PERCENT, Market, Property
from streams.sources.simulate.scenario import Weighted

STANDING: frozenset[str] = frozenset({"booked", "contracted", "completed"})
"""Statuses in which the whole amount counts; in any other only what is retained does."""


class Revision(NamedTuple):
    """The state of a booking from ``after`` microseconds after it was booked."""

    after: int
    status: BookingStatus
    amount_minor: int
    retained_minor: int

    @property
    def net_minor(self) -> int:
        """What the booking is worth in this state."""
        return self.amount_minor if self.status in STANDING else self.retained_minor


class BookingPlan(NamedTuple):
    """What will become of a booking, whenever it is made."""

    place: Property
    market_segment: str
    starts_after_days: int | None
    nights: int | None
    revisions: tuple[Revision, ...]

    def net_at(self, booked_at: int, at: int) -> int:
        """What the booking is worth at an instant, if it was made at ``booked_at``."""
        past = [each for each in self.revisions if booked_at + each.after <= at]
        return past[-1].net_minor if past else 0

    @property
    def final_minor(self) -> int:
        """What the booking is worth in the end."""
        return self.revisions[-1].net_minor


_STAY_SEGMENTS = Weighted((("leisure", 6.0), ("corporate", 2.0), ("groups", 1.0), ("long_stay", 0.5)))
_HOME_SEGMENTS = Weighted((("end_user", 5.0), ("investor", 3.0), ("second_home", 1.0)))
_STAY_ENDS = Weighted((("completed", 0.74), ("cancelled", 0.2), ("no_show", 0.04), ("refunded", 0.02)))
_HOME_ENDS = Weighted((("completed", 0.86), ("cancelled", 0.14)))


def stay_plan(chance: Random, market: Market) -> BookingPlan:
    """A hotel stay."""
    place = chance.choice(market.hotels)
    nights, ahead = chance.randint(1, 9), chance.randint(2, 45)
    amount = nights * int(place.price_minor * chance.uniform(0.85, 1.3))
    revisions = [Revision(0, "booked", amount, 0)]
    if chance.random() < 0.1:
        amount = int(amount * chance.uniform(0.7, 1.5))
        revisions.append(Revision(int(chance.uniform(0.05, 0.5) * ahead * DAY), "booked", amount, 0))
    ending = _STAY_ENDS.pick(chance)
    one_night = amount // nights
    if ending == "cancelled":
        at = chance.uniform(0.55, 0.95)
        kept = one_night if at > 0.8 else 0
        revisions.append(Revision(int(at * ahead * DAY), "cancelled", amount, kept))
    elif ending == "no_show":
        revisions.append(Revision(ahead * DAY + 20 * HOUR, "no_show", amount, one_night))
    else:
        revisions.append(Revision((ahead + nights) * DAY, "completed", amount, 0))
    if ending == "refunded":
        kept = amount * chance.randint(2, 8) // 10
        revisions.append(Revision((ahead + nights + chance.randint(1, 12)) * DAY, "refunded", amount, kept))
    return BookingPlan(place, _STAY_SEGMENTS.pick(chance), ahead, nights, tuple(revisions))


def home_plan(chance: Random, market: Market) -> BookingPlan:
    """A property contract: reserved, signed some weeks later, closed at handover. The amount is the agency's fee."""
    place = chance.choice(market.homes)
    amount = int(place.price_minor * chance.uniform(0.85, 1.2)) * FEE_PERCENT // 100
    revisions = [Revision(0, "booked", amount, 0)]
    signed = chance.randint(5, 21) * DAY
    if _HOME_ENDS.pick(chance) == "cancelled":
        revisions.append(Revision(signed, "cancelled", amount, amount // 10))
    else:
        if chance.random() < 0.2:
            amount = int(amount * chance.uniform(0.9, 1.05))
        revisions.append(Revision(signed, "contracted", amount, 0))
        revisions.append(Revision(signed + chance.randint(20, 60) * DAY, "completed", amount, 0))
    return BookingPlan(place, _HOME_SEGMENTS.pick(chance), None, None, tuple(revisions))


def booking_plan(chance: Random, market: Market, audience: Audience) -> BookingPlan:
    """What would become of a booking by a person who wants to stay or to buy."""
    return stay_plan(chance, market) if audience == "stay" else home_plan(chance, market)
