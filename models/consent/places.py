"""What the words of a profile say of a place: countries as ISO 3166 codes, telephone numbers taken apart."""

from __future__ import annotations

import unicodedata
from functools import cache, lru_cache
from typing import NamedTuple

import phonenumbers
from babel import Locale
from babel.core import get_global
from phonenumbers.timezone import time_zones_for_number

from models.identity.hashing import normal_phone

_NO_COUNTRIES = frozenset(("EU", "EZ", "QO", "UN", "XA", "XB", "ZZ"))
_ALSO = {
    "UAE": "AE",
    "England": "GB",
    "Great Britain": "GB",
    "Scotland": "GB",
    "Wales": "GB",
    "Northern Ireland": "GB",
    "United States of America": "US",
    "U.S.": "US",
    "U.S.A.": "US",
    "Burma": "MM",
    "Czech Republic": "CZ",
    "Holland": "NL",
    "Hong Kong": "HK",
    "Ivory Coast": "CI",
    "Korea": "KR",
    "Korea, Republic of": "KR",
    "Republic of Korea": "KR",
    "Macau": "MO",
    "Macao": "MO",
    "Macedonia": "MK",
    "Myanmar": "MM",
    "Palestine": "PS",
    "Republic of Ireland": "IE",
    "Russian Federation": "RU",
    "Swaziland": "SZ",
    "The Bahamas": "BS",
    "The Netherlands": "NL",
    "Turkey": "TR",
    "Viet Nam": "VN",
}
"""What countries are also called, beside the names of Unicode's CLDR."""


class Number(NamedTuple):
    """A telephone number: ISO code of its country, area code where it is North American, and zones it may be in.

    Any of these may be unknown: none, or no zones.
    """

    country: str | None
    area: str | None
    zones: frozenset[str]


@lru_cache(65_536)
def number_of(phone: str, region: str) -> Number | None:
    """A telephone number as written in a home region, or none where it is no number.

    One that nobody can have been given has no zones, and the country that answers for its calling code.
    """
    text = normal_phone(phone, region)
    if text is None:
        return None
    number = phonenumbers.parse(text)
    country = phonenumbers.region_code_for_number(number)
    if country is None:
        country = phonenumbers.region_code_for_country_code(number.country_code or 0)
    area = text[2:5] if number.country_code == 1 else None
    zones = frozenset(time_zones_for_number(number))
    return Number(country if country.isalpha() and country != "ZZ" else None, area, zones)


@lru_cache(4_096)
def country_code(text: str) -> str | None:
    """ISO 3166 alpha-2 code of a country written as its code of two or three letters, or by its English name."""
    return _countries().get(_plain(text))


@cache
def _countries() -> dict[str, str]:
    names = {code: name for code, name in Locale("en").territories.items() if code.isalpha()}
    codes = names.keys() - _NO_COUNTRIES
    aliases = ((old, new[0]) for old, new in get_global("territory_aliases").items() if old.isalpha() and len(new) == 1)
    return {
        **{_plain(old): new for old, new in aliases if new in codes},
        **{_plain(names[code]): code for code in codes},
        **{_plain(code): code for code in codes},
        **{_plain(name): code for name, code in _ALSO.items()},
    }


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text.strip().casefold().replace("&", "and").replace("’", "'"))
    return "".join(one for one in letters if not unicodedata.combining(one))
