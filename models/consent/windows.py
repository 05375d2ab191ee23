"""When people may be contacted by what their wall clocks show.

An instant is allowed when in every zone that the person may be in the minute of the local day lies in every window
that applies. So hours that a change of clocks skips are never allowed and hours that it repeats are allowed twice.
Instants and durations are in microseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from models.local_time import offset_at
from models.policy import Hours, Jurisdiction
from schemas.events.base import DAY, HOUR, SECOND
from schemas.events.contact import PersonalChannel

HORIZON = 8 * DAY
"""Whatever opens or closes does so within a week, or never; nobody looks further."""

_MINUTE = HOUR // 60
_PERIOD = 16 * DAY

Clock = tuple[tuple[int, int], ...]
"""(until, how far ahead of UTC) of a wall clock, over a period and the horizon after it, in order of time."""


class Opening(NamedTuple):
    """Whether contact is allowed at an instant, and the first instant at which that is otherwise.

    ``until`` is none when it stays as it is for as long as anyone looks.
    """

    is_open: bool
    until: int | None


def hours_for(
    windows: tuple[Hours, ...], jurisdictions: tuple[Jurisdiction, ...], channel: PersonalChannel
) -> tuple[Hours, ...]:
    """The windows that apply to a channel in any of the jurisdictions. What binds the USA binds Florida."""
    places = {*jurisdictions, "USA"} if "US-FL" in jurisdictions else set(jurisdictions)
    return tuple(hours for hours in windows if hours.channel == channel and hours.jurisdiction in places)


def opening(at: int, zones: tuple[str, ...], windows: Sequence[Hours]) -> Opening:
    """Whether all the windows are open in all the zones at an instant, and until when.

    Without windows it always is; where there are windows but no zone is known it never is.
    """
    if not windows:
        return Opening(True, None)
    if not zones:
        return Opening(False, None)
    opens = max(hours.opens for hours in windows) * _MINUTE
    closes = min(hours.closes for hours in windows) * _MINUTE
    if opens >= closes:
        return Opening(False, None)
    clocks = _clocks(zones, at // _PERIOD)
    is_open, until = _look(at, clocks, opens, closes)
    while until <= at + HORIZON:
        then_open, then_until = _look(until, clocks, opens, closes)
        if then_open is not is_open:
            return Opening(is_open, until)
        until = then_until
    return Opening(is_open, None)


def _look(at: int, clocks: tuple[Clock, ...], opens: int, closes: int) -> tuple[bool, int]:
    """Whether all clocks stand within a window, and an instant up to which that certainly stays."""
    open_until, shut_until = at + DAY, at
    for clock in clocks:
        changes, ahead = next(stretch for stretch in clock if at < stretch[0])
        local = (at + ahead) % DAY
        if opens <= local < closes:
            open_until = min(open_until, changes, at + closes - local)
        else:
            shut_until = max(shut_until, min(changes, at + (opens - local) % DAY))
    return (False, shut_until) if shut_until > at else (True, open_until)


@lru_cache(2_048)
def _clocks(zones: tuple[str, ...], period: int) -> tuple[Clock, ...]:
    """The clocks of the zones from the beginning of a period on; zones that show the same share one."""
    return tuple(sorted({_clock(zone, period) for zone in zones}))


@lru_cache(8_192)
def _clock(zone: str, period: int) -> Clock:
    first, last = period * _PERIOD, (period + 1) * _PERIOD + HORIZON + DAY
    stretches: list[tuple[int, int]] = []
    ahead = offset_at(first, zone)
    for day in range(first, last, DAY):
        for at, then in _changes(zone, day, ahead, day + DAY, offset_at(day + DAY, zone)):
            stretches.append((at, ahead))
            ahead = then
    return (*stretches, (last, ahead))


def _changes(zone: str, first: int, before: int, last: int, after: int) -> list[tuple[int, int]]:
    """(instant, how far ahead from then on) of the changes in a day. No zone changes its clock and back in one day."""
    if before == after:
        return []
    if last - first == SECOND:
        return [(last, after)]
    middle = (first + last) // (2 * SECOND) * SECOND
    between = offset_at(middle, zone)
    return _changes(zone, first, before, middle, between) + _changes(zone, middle, between, last, after)
