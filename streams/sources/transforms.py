"""The transforms that a mapping may name: pure functions from cells to the values that a contract wants.

A transform raises ``ValueError`` with words that do not repeat the cell, which may be personal. Only ``first`` is ever
handed a missing value: elsewhere, where a cell is empty, what is computed from it is missing too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from functools import lru_cache, partial
from math import prod
from typing import Any, Literal

from models.money import minor_digits
from schemas.events.base import CURRENCIES, DAY, SECOND, epoch_day

Kind = Literal["text", "integer", "boolean", "day", "instant"]
Value = str | int | bool
"""A text, integer or boolean; a day as days since 1970, an instant as microseconds since 1970 UTC."""

_remembered = lru_cache(maxsize=4096)
"""For transforms of columns with few different values."""

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")  # fmt: skip
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_AMOUNT = re.compile(r"([+-]?)(\d{1,15})(?:\.(\d*))?")


@dataclass(frozen=True)
class Transform:
    """A named function of a mapping. ``build`` takes the options and gives the function of the cells.

    ``takes``: the kinds of the arguments; with ``many`` any number of the first kind. ``gives`` none: what the
    options say (``lookup``). ``despite``: it wants to know of missing arguments, and may give nothing itself.
    """

    build: Callable[..., Callable[..., Value | None]]
    takes: tuple[Kind, ...]
    gives: Kind | None
    many: bool = False
    despite: bool = False


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError("not a whole number")
    return int(text)


def _amount(digits: int, text: str) -> int:
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise ValueError("not an amount: digits with a decimal point expected")
    sign, whole, fraction = found[1], found[2], (found[3] or "").rstrip("0")
    if len(fraction) > digits:
        raise ValueError(f"more than {digits} decimal places")
    minor = int(whole + fraction.ljust(digits, "0"))
    return -minor if sign == "-" else minor


def _minor(currency: str) -> Callable[[str], int]:
    if currency not in CURRENCIES:
        raise ValueError("currency is not an ISO 4217 code")
    return partial(_amount, minor_digits(currency))


@_remembered
def _day(text: str) -> int:
    try:
        return epoch_day(text)
    except ValueError:
        raise ValueError("not a day: YYYY-MM-DD expected") from None


@_remembered
def _month(text: str) -> int:
    """Number of a month given as number, English name or its first three letters."""
    if text.isdecimal() and 1 <= int(text) <= 12:
        return int(text)
    named = [number for number, name in enumerate(_MONTHS, 1) if text.lower() in (name, name[:3])]
    if not named:
        raise ValueError("not a month: 1 to 12 or an English name expected")
    return named[0]


@_remembered
def _day_of(year: str, month: str, day: str) -> int:
    try:
        return epoch_day(date(_integer(year), _month(month), _integer(day)))
    except (ValueError, OverflowError):
        raise ValueError("no such day: year, month (number or English name) and day of month expected") from None


def _at(at: str) -> Callable[[int], int]:
    clock = time.fromisoformat(at)
    if clock.tzinfo is not None:
        raise ValueError("time of day is UTC: HH:MM without a zone")
    micros = (clock.hour * 3600 + clock.minute * 60 + clock.second) * SECOND
    return lambda day: day * DAY + micros


def _lookup(table: Mapping[Any, Value], otherwise: Value | None = None) -> Callable[[str], Value]:
    known = {str(key): value for key, value in table.items()}

    def look(key: str) -> Value:
        found = known.get(key, otherwise)
        if found is None:
            raise ValueError(f"not one of {', '.join(known)}")
        return found

    return look


@_remembered
def _slug(text: str) -> str:
    slug = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    if not slug:
        raise ValueError("no letter or digit in it")
    return slug


def _first(*texts: str | None) -> str | None:
    return next((text for text in texts if text is not None), None)


def _always(function: Callable[..., Value | None]) -> Callable[[], Callable[..., Value | None]]:
    return lambda: function


TRANSFORMS: Mapping[str, Transform] = {
    "integer": Transform(_always(_integer), ("text",), "integer"),
    "minor": Transform(_minor, ("text",), "integer"),
    "slug": Transform(_always(_slug), ("text",), "text"),
    "join": Transform(lambda between: lambda *parts: between.join(parts), ("text",), "text", many=True),
    "first": Transform(_always(_first), ("text",), "text", many=True, despite=True),
    "lookup": Transform(_lookup, ("text",), None),
    "day": Transform(_always(_day), ("text",), "day"),
    "day_of": Transform(_always(_day_of), ("text", "text", "text"), "day"),
    "add_days": Transform(_always(lambda day, days: day + days), ("day", "integer"), "day"),
    "subtract_days": Transform(_always(lambda day, days: day - days), ("day", "integer"), "day"),
    "instant": Transform(_at, ("day",), "instant"),
    "sum": Transform(_always(lambda *numbers: sum(numbers)), ("integer",), "integer", many=True),
    "product": Transform(_always(lambda *numbers: prod(numbers)), ("integer",), "integer", many=True),
}
"""Every transform by name; ``schemas/mappings/README.md`` explains them with examples."""
