"""The smallest consumer of ``revenue.attribution``: what an optimizer must do with it, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from schemas.events.ledger import RevenueAttributed

Cell = tuple[object, ...]


class Held(NamedTuple):
    """A cell's newest number and its totals in minor units of both currencies."""

    seq: int
    total: int
    reporting: int


class Optimizer:
    """Totals by cell from changes that may be repeated or missing; starts anew from what it once held."""

    def __init__(self, held: Mapping[Cell, Held] | None = None) -> None:
        self.held = dict(held or {})

    def take(self, change: RevenueAttributed) -> None:
        """Skip what is known, add what comes next, and after a gap take the total as it is."""
        cell, held = cell_of(change), self.held.get(cell_of(change), Held(0, 0, 0))
        told = Held(change.cell_seq, change.total_minor, change.total_reporting_minor)
        if told.seq <= held.seq:
            return
        if told.seq == held.seq + 1:
            added = Held(told.seq, held.total + change.delta_minor, held.reporting + change.delta_reporting_minor)
            assert added == told, "a delta that does not lead to its total"
        self.held[cell] = told


def cell_of(change: RevenueAttributed) -> Cell:
    """The cell that a change is of."""
    return (
        change.workspace_id, change.campaign_id, change.channel, change.touch_day, change.conversion_day, change.model,
        change.basis, change.currency, change.reporting_currency,
    )  # fmt: skip
