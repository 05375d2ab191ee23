"""What every report's tables have in common: how they look, and how money and figures are written."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from babel.numbers import format_decimal
from rich.table import Table

from models.money import minor_digits

T = TypeVar("T", bound=Hashable)

_IN_MONEY = ("net", "realised", "expected")


def table(title: str, *columns: str, text: int = 1) -> Table:
    """A borderless table whose first ``text`` columns are text and whose others are figures."""
    made = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        made.add_column(column, justify="left" if number < text else "right", no_wrap=number == 0)
    return made


def money(minor: int, currency: str) -> str:
    """An amount in whole units of its currency."""
    return _written(minor, currency, "#,##0")


def exact_money(minor: int, currency: str) -> str:
    """An amount to the minor unit."""
    number = _exact(currency)
    return _written(minor, currency, f"{number};−{number}")


def moved_money(minor: int, currency: str) -> str:
    """A difference to the minor unit, with its sign."""
    number = _exact(currency)
    return _written(minor, currency, f"+{number};−{number}") if minor else ""


def _exact(currency: str) -> str:
    digits = minor_digits(currency)
    return "#,##0" + ("." + "0" * digits if digits else "")


def _written(minor: int, currency: str, pattern: str) -> str:
    return str(format_decimal(Decimal(minor).scaleb(-minor_digits(currency)), pattern, locale="en"))


def money_basis(bases: Collection[str]) -> str | None:
    """The one of some bases that revenue is told in: net before others; none where none of them is money."""
    return next((basis for basis in _IN_MONEY if basis in bases), None)


def alike(by_model: Mapping[str, T]) -> list[tuple[str, T]]:
    """Models that say the same, together: their names, and what they say."""
    names: dict[T, list[str]] = {}
    for model, said in by_model.items():
        names.setdefault(said, []).append(model)
    several = len(by_model) > 1 and len(names) == 1
    return [("all models" if several else ", ".join(models), said) for said, models in names.items()]


def moment(at: datetime) -> str:
    """An instant for people: to the second, in UTC."""
    return f"{at.astimezone(UTC):%d %b %Y %H:%M:%S}"


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON takes it: instants as ISO 8601."""
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in row.items()}
