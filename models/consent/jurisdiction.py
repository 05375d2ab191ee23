"""Which laws may apply to a person: those of their telephone number's country and of the one that they name."""

from __future__ import annotations

from functools import lru_cache

from models.consent.places import country_code, number_of
from models.policy import Jurisdiction
from schemas.events.base import Region

_EU = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
_EU_OVERSEAS = "AX GF GP MF MQ RE YT"
_LIKE_EU = "IS LI NO SJ GB CH"
_US_TERRITORIES = "AS GU MP PR UM VI"

_LAW: dict[str, Jurisdiction] = {
    "AE": "UAE",
    "IN": "IND",
    "US": "USA",
    **dict.fromkeys(_US_TERRITORIES.split(), "USA"),
    **dict.fromkeys((_EU + " " + _EU_OVERSEAS + " " + _LIKE_EU).split(), "EUR"),
}
"""ISO 3166 code → whose rules hold there; elsewhere those of the home region do."""

AMERICAN: frozenset[Jurisdiction] = frozenset(("USA", "US-FL"))
"""Those of the United States; Florida's stands in the place of the federal one."""

_FLORIDA = "239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 904 941 954"
"""Area codes that libphonenumber's geocoder places in Florida (9.0.43, the North American plan's assignments)."""


@lru_cache(65_536)
def jurisdictions_of(country: str | None, phone: str | None, region: Region) -> tuple[Jurisdiction, ...]:
    """The jurisdictions whose rules somebody may be under, sorted; all of them must allow what is done.

    Who has a number of a Florida area code is presumed to live in Florida. Of whom no country is known is under the
    law of the home region.
    """
    number = number_of(phone, region) if phone else None
    of_number = number.country if number is not None else None
    named = country_code(country) if country else None
    laws: set[Jurisdiction] = {_LAW.get(code, region) for code in (of_number, named) if code is not None} or {region}
    if number is not None and of_number == "US" and number.area in _FLORIDA.split():
        laws = laws - {"USA"} | {"US-FL"}
    return tuple(sorted(laws))
