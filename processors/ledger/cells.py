"""What the campaign stage hears: changes of the cells of the optimizer's model (ledger specification, section 10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec
from msgspec.structs import asdict

from models.policy import Policy
from processors.base import Context
from processors.ledger.accounts import NOBODY, NOTHING, REVENUE, Balance, Ledger, minus
from processors.ledger.lines import posting_id
from processors.ledger.target import Terms
from processors.ledger.value import AHEAD, State
from schemas.events.base import DAY, assemble
from schemas.events.ledger import CellChanged

PROVISIONAL_DAYS = 90
"""So long after a conversion day what is credited for it may well change."""

Told = tuple[str, str]
"""A model and the basis of it whose cells are told; the campaigns' figures hear of the model's ``count``, too."""

Hears = Literal["both", "optimizer", "figures"]


class Cell(msgspec.Struct, frozen=True, order=True, cache_hash=True):
    """A group of accounts; what no campaign brought about belongs to the campaign ``(none)``."""

    campaign_id: str
    channel: str
    touch_day: int
    day: int
    model: str
    basis: str
    currency: str
    reporting_currency: str


def told_under(policy: Policy) -> tuple[Told, Told]:
    """What the optimizer hears of under a policy, and what of revenue the campaigns' figures do."""
    model = policy.optimizer_model
    return (model, policy.optimizer_basis), (model, policy.figures_basis)


def cells_changed(
    should: tuple[Ledger, Told, Told],
    stands: tuple[Ledger, Told | None, Told | None],
    present: State,
    under: Terms,
    ctx: Context,
) -> list[CellChanged]:
    """What to tell of the cells that change, in their order; ``present`` is what holds of the booking now."""
    (ledger, told, figured), (posted, was_told, was_figured) = should, stands
    for_optimizer = _cells(minus(_told_of(ledger, told), _told_of(posted, was_told)))
    for_figures = _cells(minus(_told_of(ledger, figured, "count"), _told_of(posted, was_figured, "count")))
    if not for_figures and not for_optimizer:
        return []
    young = ctx.now < (under.day + PROVISIONAL_DAYS) * DAY
    shared = {
        "occurred_at": ctx.at,
        "posting_id": posting_id(ctx),
        "known_at": ctx.now,
        "policy_version": under.policy.version,
        "provisional": present.revision.status in AHEAD or young,
    }
    return [
        assemble(
            CellChanged,
            {
                **shared,
                **asdict(cell),
                "currency": cell.currency or None,
                "delta_minor": amount,
                "delta_reporting_minor": reporting,
                "weights_version": under.weights_version(cell.model),
                "hears": hears,
            },
        )
        for cell in sorted({*for_optimizer, *for_figures})
        for hears, (amount, reporting) in _heard(for_optimizer.get(cell, NOTHING), for_figures.get(cell, NOTHING))
    ]


def _heard(optimizer: Balance, figures: Balance) -> Iterator[tuple[Hears, Balance]]:
    """A cell's changes, and for whom they are."""
    if optimizer == figures:
        yield "both", figures
        return
    if optimizer != NOTHING:
        yield "optimizer", optimizer
    if figures != NOTHING:
        yield "figures", figures


def _told_of(ledger: Ledger, told: Told | None, *also: str) -> Ledger:
    """What of a ledger somebody hears of, of bases ``also`` as well."""
    if told is None:
        return Ledger()
    model, basis = told
    bases = {basis, *also}
    blocks = {block: number for block, number in ledger.blocks.items() if block.model == model and block.basis in bases}
    return Ledger(ledger.balances, blocks)


def _cells(ledger: Ledger) -> dict[Cell, Balance]:
    """Balances by cell, zeros left out."""
    cells: dict[Cell, Balance] = {}
    for block, number in ledger.blocks.items():
        for place, balance in ledger.balances[number].items():
            if place.account != REVENUE:
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
                cells[cell] = held[0] + balance[0], held[1] + balance[1]
    return {cell: balance for cell, balance in cells.items() if balance != NOTHING}
