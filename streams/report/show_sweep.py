"""What a sweep would change, in words and a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from rich.console import Console

from streams.report.sweep import Regrouping
from streams.report.tables import exact_money, table

_MOST = 50
"""Rows that a person reads; all of them are in the JSON."""


def show_sweep(found: Sequence[Regrouping], version: int, console: Console) -> None:
    """Print which leads would merge or split under a policy's version, those with most bookings first."""
    if not found:
        console.print(f"By policy version {version} nobody moves: every lead is as it would be decided now.")
        return
    made = table(
        "What would change", "what", "leads of today", "leads to be", "identifiers", "bookings", "net worth", text=3
    )
    for one in found[:_MOST]:
        made.add_row(
            one.what, _leads(one.before), _leads(one.after), str(sum(one.after.values())), str(one.bookings),
            _money(one.worth),
        )  # fmt: skip
    console.print(made)
    if len(found) > _MOST:
        console.print(f"And {len(found) - _MOST} more: see --json.")
    worth = Counter[str]()
    for one in found:
        worth.update(one.worth)
    of_today, to_be = (sum(len(getattr(one, side)) for one in found) for side in ("before", "after"))
    told = (
        f"By policy version {version} {of_today} leads become {to_be}; they hold "
        f"{sum(one.bookings for one in found)} bookings{', net ' + _money(worth) if worth else ''}."
    )
    console.print(told, highlight=False, soft_wrap=True)


def _leads(counts: Mapping[str, int]) -> str:
    return "\n".join(f"{lead} ({count})" for lead, count in sorted(counts.items()))


def _money(worth: Mapping[str, int]) -> str:
    return ", ".join(f"{exact_money(minor, currency)} {currency}" for currency, minor in sorted(worth.items()))
