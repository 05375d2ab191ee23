"""Caps as reservations: what a contact point, or a lead, was sent, and whether one more fits.

Two messages are in one rolling window when less than its length lies between them, whichever came first: requests may
arrive out of order, and then no window of that length, wherever it begins, holds more than the cap.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from models.policy import MAX_CAP_WINDOW, Cap, Policy
from schemas.events.base import DAY, SECOND

WEEK = 7 * DAY
SENT_WITHIN = 300 * SECOND
"""Whoever is allowed to send does so within this long, or asks again."""
FORGOTTEN_AFTER = MAX_CAP_WINDOW + 2 * DAY
"""No cap looks further back, from any request that is not stale."""


class Slot(msgspec.Struct, frozen=True, array_like=True):
    """A marketing message that counts: over which channel, as of when (microseconds), in which local ISO week.

    ``ask`` is the number of the question that it was granted to.
    """

    message_id: str
    channel: str
    at: int
    week: str
    ask: int = 0


class Room(NamedTuple):
    """How much of a cap is used, over how long (microseconds), and when there is room again (none: there is now)."""

    used: int = 0
    most: int | None = None
    span: int | None = None
    free_at: int | None = None

    @property
    def is_free(self) -> bool:
        """Whether one more message fits."""
        return self.most is None or self.used < self.most


def caps_of(policy: Policy, region: str, channel: str) -> list[Cap]:
    """The caps on a channel in a home region."""
    return [cap for cap in policy.caps if cap.channel == channel and cap.region in ("*", region)]


def room(slots: Iterable[Slot], wanted: Slot, caps: Iterable[Cap], windows: str) -> Room:
    """The room that the fullest of some caps leaves for one more message; ``windows``: see ``Policy.cap_window``."""
    others = [one for one in slots if one.channel == wanted.channel and one.message_id != wanted.message_id]
    rooms = [found for cap in caps for found in _rooms(others, wanted, cap, windows)]
    return min(rooms, key=lambda found: ((found.most or 0) - found.used, -(found.free_at or 0)), default=Room())


def _rooms(others: list[Slot], wanted: Slot, cap: Cap, windows: str) -> list[Room]:
    is_weekly = cap.window == WEEK
    rooms: list[Room] = []
    if windows in ("rolling", "both") or not is_weekly:
        near = sorted(one.at for one in others if abs(one.at - wanted.at) < cap.window)
        free_at = near[len(near) - cap.most] + cap.window if 0 < cap.most <= len(near) else None
        rooms.append(Room(len(near), cap.most, cap.window, free_at))
    if windows in ("iso_week_local", "both") and is_weekly:
        rooms.append(Room(sum(one.week == wanted.week for one in others), cap.most, cap.window))
    return rooms
