"""What a proposed policy would have changed, in tables: contacts and why not, channels, revenue that they touched."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table

from streams.report.tables import exact_money, moved_money, table
from streams.what_if import BASIS, CAVEAT, MODEL, Row, WhatIf

_FIGURES = ("as recorded", "proposed policy", "difference")


def show_what_if(found: WhatIf, console: Console) -> None:
    """Print the figures of both runs side by side."""
    made = table("Contacts under the proposed policy", "decision", "because", *_FIGURES, text=2)
    for total in found.decisions:
        _add(made, (total.names[0], ""), total)
        for row in found.reasons:
            if row.names[0] == total.names[0]:
                _add(made, ("", row.names[1].replace("_", " ")), row)
    console.print(made, "")
    made = table("By channel", "channel", "decision", *_FIGURES, text=2)
    for row in found.channels:
        _add(made, row.names, row)
    console.print(made, "")
    _show_revenue(found, console)


def _show_revenue(found: WhatIf, console: Console) -> None:
    made = table(f"Revenue touched: {CAVEAT}", f"credited {BASIS}, {MODEL}", *_FIGURES)
    _add(made, ("leads with an allowed contact",), found.leads)
    _add(made, ("their bookings after the first",), found.bookings)
    for row in found.revenue:
        currency = row.names[0]
        _add(made, (f"credited, {currency}",), row, _money(exact_money, currency), _money(moved_money, currency))
    console.print(made)
    if found.unvalued.recorded or found.unvalued.proposed:
        console.print(
            f"Bookings left out of the revenue, as the policy in force has no {BASIS} {MODEL} credits: "
            f"{found.unvalued.recorded:,} as recorded, {found.unvalued.proposed:,} under the proposed policy",
            highlight=False,
        )


def _money(written: Callable[[int, str], str], currency: str) -> Callable[[int], str]:
    return lambda minor: written(minor, currency)


def _moved(count: int) -> str:
    """A difference with its sign, nothing where there is none."""
    return f"{count:+,}".replace("-", "−") if count else ""


def _add(
    made: Table,
    names: Sequence[str],
    row: Row,
    written: Callable[[int], str] = "{:,}".format,
    moved: Callable[[int], str] = _moved,
) -> None:
    made.add_row(*names, written(row.recorded), written(row.proposed), moved(row.difference))
