"""Instants on a wall clock somewhere."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas.events.base import SECOND

_EPOCH = date(1970, 1, 1).toordinal()


def local_hour(at: int, zone: str) -> tuple[int, int]:
    """Local day (days since 1970) and hour (0 to 23) of an instant (microseconds) in an IANA zone."""
    local = datetime.fromtimestamp(at // SECOND, _zone(zone))
    return local.toordinal() - _EPOCH, local.hour


@lru_cache(512)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
