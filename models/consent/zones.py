"""Which time zones a person may be in, and from what that is known.

The best that is known counts alone: the zone that the profile names, else the zones of the telephone number, else those
of the country. All that somebody may be in are kept, for a message must be allowed in each. Where nothing is known
there is no zone: neither the company's nor UTC takes its place. An address would come before the telephone number;
no contract has a field for one yet.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Literal, NamedTuple

from babel.core import get_global
from phonenumbers.tzdata import TIMEZONE_DATA

from models.consent.places import Number, country_code, number_of
from models.local_time import zone_names

Source = Literal["explicit", "phone", "country", "unknown"]

_OVERLAYS = {
    "236": "250",
    "257": "250",
    "672": "250",
    "778": "250",
    "364": "270",
    "367": "418",
    "581": "418",
    "448": "850",
    "458": "541",
    "729": "423",
    "930": "812",
}
"""Area code → an older one of the same area, which spans zones. libphonenumber knows one zone of the younger."""


class Zones(NamedTuple):
    """IANA zones, sorted, that somebody may be in, and what they are known from; none are known from nothing."""

    names: tuple[str, ...]
    source: Source


NOWHERE = Zones((), "unknown")


@lru_cache(65_536)
def zones_of(time_zone: str | None, country: str | None, phone: str | None, region: str) -> Zones:
    """The zones of somebody with this profile; ``region`` is the home region, as which national numbers are read."""
    if time_zone is not None and time_zone in zone_names():
        return _zones((time_zone,), "explicit")
    number = number_of(phone, region) if phone else None
    if number is not None and (found := _zones(_of_number(number), "phone")).names:
        return found
    code = country_code(country) if country else None
    return _zones(get_global("territory_zones").get(code, ()), "country") if code else NOWHERE


def _of_number(number: Number) -> Iterable[str]:
    """Where it may be: a North American one all over its area, for exchanges come new and numbers move along."""
    if number.area is None:
        return number.zones
    return number.zones | _zones_of_areas().get(_OVERLAYS.get(number.area, number.area), frozenset())


@cache
def _zones_of_areas() -> dict[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for prefix, zones in TIMEZONE_DATA.items():
        if prefix.startswith("1") and len(prefix) >= 4:
            found[prefix[1:4]] = found.get(prefix[1:4], frozenset()).union(zones)
    return found


def _zones(found: Iterable[str], source: Source) -> Zones:
    """Zones under the names they go by now, without ``Etc/Unknown`` and what else is none."""
    names = {get_global("zone_aliases").get(name, name) for name in found} & zone_names()
    return Zones(tuple(sorted(names)), source) if names else NOWHERE
