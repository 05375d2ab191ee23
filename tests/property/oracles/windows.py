"""Contact windows by definition: the wall clock of every zone is read minute by minute."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from models.policy import Hours

MINUTE = 60_000_000
DAYS = 8


def is_allowed(at: int, zones: Sequence[str], windows: Sequence[Hours]) -> bool:
    """Whether all clocks show a minute of all windows at an instant in microseconds."""
    return all(
        hours.opens <= minute < hours.closes
        for minute in (_shown(at // MINUTE, zone) for zone in zones)
        for hours in windows
    )


def changes_at(at: int, zones: Sequence[str], windows: Sequence[Hours]) -> int | None:
    """The first minute after an instant that is allowed if the instant is not, or the other way round."""
    now, first = is_allowed(at, zones, windows), at // MINUTE * MINUTE + MINUTE
    minutes = range(first, at + DAYS * 24 * 60 * MINUTE + 1, MINUTE)
    return next((minute for minute in minutes if is_allowed(minute, zones, windows) is not now), None)


@lru_cache(1_000_000)
def _shown(minute: int, zone: str) -> int:
    """The minute of the day that a clock shows in a minute counted from 1970, whose seconds are everywhere whole."""
    clock = datetime.fromtimestamp(minute * 60, ZoneInfo(zone))
    return clock.hour * 60 + clock.minute
