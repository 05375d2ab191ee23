"""Journeys that came to nothing, from the set of all known facts: touch by touch, without any memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from schemas.events.base import Event
from schemas.events.bookings import BookingChanged
from schemas.events.touchpoints import TouchpointDeleted
from tests.property.oracles.clusters import resolved
from tests.property.oracles.ledger import Touch, _dims, _kind, _touch_id, local_day
from tests.property.oracles.rules import OWN_SENDS, VIEWS, rules_at

THURSDAY = 3


def nulls(key: bytes, facts: Iterable[Event], now: int) -> Counter[tuple[int, tuple[str, ...]]]:
    """How many journeys that had closed by an instant there were, by (Monday, channels), all leads together."""
    known = list(facts)
    who = resolved(key, known)
    found: Counter[tuple[int, tuple[str, ...]]] = Counter()
    for lead in {who.lead_of(fact) for fact in known if isinstance(fact, Touch)} - {None}:
        mine = [fact for fact in known if who.lead_of(fact) == lead]
        journey: list[Touch] = []
        for touch in [*_acts(mine), None]:
            if journey:
                last = journey[-1].occurred_at
                closes = last + rules_at(known, last)["click_look_back"]
                if touch is None or touch.occurred_at > closes:
                    if closes <= now and not _converted(mine, journey[0].occurred_at, closes):
                        day = local_day(closes, rules_at(known, closes)["time_zone"])
                        found[day - (day + THURSDAY) % 7, tuple(_dims(one)[1] for one in journey)] += 1
                    journey = []
            journey += [touch] if touch else []
    return found


def _acts(facts: list[Event]) -> list[Touch]:
    """The touches of a lead that are acts of the person, in order, as their newest revisions have them."""
    newest: dict[str, Touch] = {}
    for fact in facts:
        if isinstance(fact, Touch) and fact.revision >= getattr(newest.get(_touch_id(fact)), "revision", 0):
            newest[_touch_id(fact)] = fact
    acts = [one for one in newest.values() if _kind(one) not in (*OWN_SENDS, *VIEWS)]
    there = [one for one in acts if not isinstance(one, TouchpointDeleted)]
    return sorted(there, key=lambda one: (one.occurred_at, _touch_id(one)))


def _converted(facts: list[Event], start: int, end: int) -> bool:
    """Whether a booking of the lead converted between two instants."""
    bookings: dict[str, list[BookingChanged]] = {}
    for fact in facts:
        if isinstance(fact, BookingChanged):
            bookings.setdefault(fact.booking_id, []).append(fact)
    times = []
    for revisions in bookings.values():
        dated = [one for one in revisions if one.booked_at is not None]
        newest = max(dated, key=lambda one: one.revision).booked_at if dated else None
        times.append(newest if newest is not None else min(one.occurred_at for one in revisions))
    return any(start <= time <= end for time in times)
