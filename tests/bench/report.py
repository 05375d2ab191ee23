"""How a benchmark's figures are told: each beside a limit taken in the same run, as a ratio."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from typing import NamedTuple

from rich.table import Table

from streams.cli.printing import printer


class Row(NamedTuple):
    """One figure, its unit, and the limit it is held against (0: none)."""

    what: str
    figure: float
    unit: str
    against: str = ""
    limit: float = 0.0


def machine() -> str:
    """The machine in a line, as far as it matters for figures."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {platform.system()}"


def show(title: str, rows: Iterable[Row]) -> None:
    """Print rows as they come."""
    table = Table("figure", "value", "unit", "limit of the same run", "limit", "ratio", title=title, box=None)
    for column in (1, 4, 5):
        table.columns[column].justify = "right"
    for row in rows:
        ratio = f"{row.figure / row.limit:,.2f}" if row.limit else ""
        limit = f"{row.limit:,.1f}" if row.limit else ""
        table.add_row(row.what, f"{row.figure:,.1f}", row.unit, row.against, limit, ratio)
    printer().print(table)
