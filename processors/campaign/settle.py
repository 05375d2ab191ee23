"""The optimizer's cells: each change of one is published with its number and the total after it.

(Ledger specification, section 10.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from models.policy import DEFAULT_POLICY
from processors.base import Context, Emit, Output
from schemas.events.base import DAY
from schemas.events.ledger import CellChanged, RevenueAttributed
from schemas.ids import derived_id

KEPT_DAYS = 1_100
"""Touch days that are older at the last tick are one: ``OLDER``."""

OLDER = 0
"""The day ``older``, 1970-01-01: the cell that changes of cells too old to keep are added to."""


class Cell(NamedTuple):
    """A cell within its key, which is campaign and conversion day. ``currency`` is empty where there is none."""

    channel: str
    touch_day: int
    model: str
    basis: str
    currency: str
    reporting_currency: str


class Balance(NamedTuple):
    """How often a cell has changed, and its totals in minor units of both currencies."""

    seq: int
    total: int
    reporting: int


class Cells(msgspec.Struct, frozen=True):
    """The balances of a conversion day.

    Bound: per channel and pair of currencies the touch days that a look-back reaches, and none older than
    ``KEPT_DAYS``: the consumer keeps their last totals, and what still comes for them goes to ``OLDER``.
    """

    held: dict[Cell, Balance] = {}


_NOTHING = Balance(0, 0, 0)


def settle(cells: Cells | None, change: CellChanged, ctx: Context) -> tuple[Cells | None, Sequence[Output]]:
    """Number a posting's change of a cell and add it up; what only ``measure`` is to hear passes by."""
    if not _is_for_optimizer(change, ctx):
        return cells, ()
    came_for = cell = Cell(
        change.channel,
        change.touch_day,
        change.model,
        change.basis,
        change.currency or "",
        change.reporting_currency,
    )
    held = cells.held if cells is not None else {}
    oldest = ctx.now // DAY - KEPT_DAYS
    if cell.touch_day < oldest:
        cell = cell._replace(touch_day=OLDER)
        held = {kept: balance for kept, balance in held.items() if not OLDER < kept.touch_day < oldest}
    seq, total, reporting = held.get(cell, _NOTHING)
    balance = Balance(seq + 1, total + change.delta_minor, reporting + change.delta_reporting_minor)
    said = RevenueAttributed.build(
        # two cells of one posting may both be too old and become one
        event_id=derived_id(change.posting_id, change.campaign_id, change.day, *came_for),
        occurred_at=change.occurred_at,
        campaign_id=change.campaign_id,
        channel=change.channel,
        touch_day=cell.touch_day,
        conversion_day=change.day,
        model=change.model,
        basis=change.basis,
        currency=change.currency,
        reporting_currency=change.reporting_currency,
        cell_seq=balance.seq,
        delta_minor=change.delta_minor,
        total_minor=balance.total,
        delta_reporting_minor=change.delta_reporting_minor,
        total_reporting_minor=balance.reporting,
        known_at=change.known_at,
        policy_version=change.policy_version,
        weights_version=change.weights_version,
        provisional=change.provisional,
    )
    return Cells({**held, cell: balance}), [Emit(said)]


def _is_for_optimizer(change: CellChanged, ctx: Context) -> bool:
    if change.hears is not None:
        return change.hears != "figures"
    basis = ctx.control.policies.get(change.policy_version, DEFAULT_POLICY).optimizer_basis
    return change.basis != "count" or basis == "count"
