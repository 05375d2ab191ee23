"""The four home regions: money, clocks, telephone numbers, what a night and a home cost, what is on offer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from schemas.events.base import Region

_AREA_RANGES = ((201, 203), (205, 210), (212, 220), (223, 225), (227, 229), (301, 305), (307, 310), (312, 321),
                (323, 327), (329, 332), (350, 353), (404, 410), (412, 415))  # fmt: skip
_AREAS = tuple(area for first, last in _AREA_RANGES for area in range(first, last + 1))
"""Area codes of the USA; in each of them 555-0100 to 555-0199 are kept for fiction."""


class Property(NamedTuple):
    """Something to stay in or to buy. ``price_minor`` is a night's or the whole."""

    property_id: str
    kind: str
    bedrooms: int | None
    price_minor: int


@dataclass(frozen=True)
class Market:
    """One home region. Money in minor units of its currency."""

    region: Region
    currency: str
    share: float
    country: str
    city: str
    time_zone: str
    offset_hours: float
    language: str
    night_minor: int
    home_minor: int

    def phone(self, n: int) -> str | None:
        """The ``n``-th telephone number: dialable in form, from a range kept for fiction or visibly counted up.

        None once a region's range is used up: no two people share a number by accident. None is all zeros, which
        forms and policies take for no number.
        """
        match self.region:
            case "USA":
                return f"+1{_AREAS[n // 100]}55501{n % 100:02d}" if n < 100 * len(_AREAS) else None
            case "UAE":
                return f"+971500{n:06d}" if n < 1_000_000 else None
            case "IND":
                return f"+919000{n + 1:06d}" if n < 999_999 else None
            case "EUR":
                return f"+49151{n:08d}"

    @cached_property
    def hotels(self) -> tuple[Property, ...]:
        """Hotels of the region, dearer ones later."""
        code = self.region.lower()
        return tuple(
            Property(f"{code}-hotel-{n}", "hotel", None, self.night_minor * (70 + 20 * n) // 100) for n in range(1, 5)
        )

    @cached_property
    def homes(self) -> tuple[Property, ...]:
        """Flats and houses of the region, dearer ones later."""
        code, kinds = self.region.lower(), ("apartment", "apartment", "townhouse", "villa")
        return tuple(
            Property(f"{code}-{kind}-{n}", kind, n, self.home_minor * (50 + 25 * n) // 100)
            for n, kind in enumerate(kinds, 1)
        )


MARKETS: tuple[Market, ...] = (
    Market("UAE", "AED", 0.35, "AE", "Dubai", "Asia/Dubai", 4, "en", 85_000, 180_000_000),
    Market("IND", "INR", 0.25, "IN", "Bengaluru", "Asia/Kolkata", 5.5, "en", 1_100_000, 1_600_000_000),
    Market("USA", "USD", 0.2, "US", "Miami", "America/New_York", -5, "en", 26_000, 62_000_000),
    Market("EUR", "EUR", 0.2, "DE", "Berlin", "Europe/Berlin", 1, "de", 21_000, 48_000_000),
)

FEE_PERCENT = 2
"""A contract's amount is the agency's fee: this part of the price of the home."""
