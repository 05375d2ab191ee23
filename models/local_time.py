"""Hours, days and weeks as the wall clock of a zone shows them. Zones are IANA names, instants microseconds."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from schemas.events.base import SECOND, as_date, instant

_EPOCH = date(1970, 1, 1).toordinal()
_THURSDAY = 3
"""What day of a week, counted from Monday, the first of 1970 was."""

WEEK = 7
"""Days."""


def local_hour(at: int, zone: str) -> tuple[int, int]:
    """Local day (days since 1970) and hour (0 to 23) of an instant."""
    local = datetime.fromtimestamp(at // SECOND, _zone(zone))
    return local.toordinal() - _EPOCH, local.hour


def local_day(at: int, zone: str) -> int:
    """Days since 1970 of the local date of an instant."""
    return datetime.fromtimestamp(at // SECOND, _zone(zone)).toordinal() - _EPOCH


def monday(day: int) -> int:
    """The Monday of a day's week, both in days since 1970."""
    return day - (day + _THURSDAY) % WEEK


def monday_of(at: int, zone: str) -> int:
    """The Monday, in days since 1970, of the local week of an instant."""
    return monday(local_day(at, zone))


def iso_week(at: int, zone: str) -> str:
    """The local ISO 8601 week of an instant, as ``2026-W09``."""
    year, week, _ = datetime.fromtimestamp(at // SECOND, _zone(zone)).isocalendar()
    return f"{year}-W{week:02}"


def start_of(day: int, zone: str) -> int:
    """The instant at which a local date begins."""
    return instant(datetime.combine(as_date(day), time(), _zone(zone)).astimezone(UTC))


def offset_at(at: int, zone: str) -> int:
    """How far the wall clock is ahead of UTC at an instant, in microseconds."""
    ahead = datetime.fromtimestamp(at // SECOND, _zone(zone)).utcoffset()
    assert ahead is not None
    return (ahead.days * 86_400 + ahead.seconds) * SECOND


@cache
def zone_names() -> frozenset[str]:
    """All IANA zones; not the names by which a system means its own clock, or none."""
    return frozenset(available_timezones() - {"Factory", "localtime", "posixrules"})


@lru_cache(512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
