"""What the campaign stage hears: changes of the cells of the optimizer's model (ledger specification, section 10)."""

from __future__ import annotations

from typing import NamedTuple

from processors.base import Context
from processors.ledger.accounts import NOBODY, NOTHING, REVENUE, Balance, Ledger
from processors.ledger.lines import posting_id
from processors.ledger.target import Terms
from processors.ledger.value import AHEAD, State
from schemas.events.base import DAY
from schemas.events.ledger import CellChanged

PROVISIONAL_DAYS = 90
"""So long after a conversion day what is credited for it may well change."""

Told = tuple[str, str]
"""The model and the basis whose cells are told; those of the model's ``count`` are, too."""


class Cell(NamedTuple):
    """A group of accounts; what no campaign brought about belongs to the campaign ``(none)``."""

    campaign_id: str
    channel: str
    touch_day: int
    day: int
    model: str
    basis: str
    currency: str
    reporting_currency: str


def cells_changed(
    should: tuple[Ledger, Told],
    stands: tuple[Ledger, Told | None],
    present: State,
    under: Terms,
    ctx: Context,
) -> list[CellChanged]:
    """What to tell of the cells that change, in their order; ``present`` is what holds of the booking now."""
    wanted, held = _cells(*should), _cells(*stands)
    young = ctx.now < (under.day + PROVISIONAL_DAYS) * DAY
    said = []
    for cell in sorted({**wanted, **held}):
        to, of = wanted.get(cell, NOTHING), held.get(cell, NOTHING)
        if to != of:
            said.append(
                CellChanged.build(
                    occurred_at=ctx.at,
                    posting_id=posting_id(ctx),
                    **{**cell._asdict(), "currency": cell.currency or None},
                    delta_minor=to.amount - of.amount,
                    delta_reporting_minor=to.reporting - of.reporting,
                    known_at=ctx.now,
                    policy_version=under.policy.version,
                    weights_version=under.weights_version(cell.model),
                    provisional=present.revision.status in AHEAD or young,
                )
            )
    return said


def _cells(ledger: Ledger, told: Told | None) -> dict[Cell, Balance]:
    cells: dict[Cell, Balance] = {}
    for block, balances in ledger.items():
        if told is None or block.model != told[0] or block.basis not in (told[1], "count"):
            continue
        for place, balance in balances.items():
            if place.account == REVENUE:
                continue
            cell = Cell(
                place.campaign_id or NOBODY,
                place.channel,
                place.touch_day,
                block.conversion_day,
                block.model,
                block.basis,
                block.currency,
                block.reporting_currency,
            )
            held = cells.get(cell, NOTHING)
            cells[cell] = Balance(held.amount + balance.amount, held.reporting + balance.reporting)
    return cells
