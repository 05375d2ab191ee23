"""What stands on which account, and the difference of two such states (ledger specification, sections 2 and 5)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

NOBODY = "(none)"
REVENUE = "(revenue)"


class Place(msgspec.Struct, frozen=True, order=True, array_like=True, cache_hash=True):
    """An account with all that tells it from others within its block; absent ids are empty text."""

    account: str
    channel: str
    campaign_id: str
    content_id: str
    variant_id: str
    touch_day: int


class Block(msgspec.Struct, frozen=True, order=True, array_like=True, cache_hash=True):
    """What the accounts of one model and basis share at one effective instant; no currency: a ``count``."""

    model: str
    basis: str
    effective_at: int
    conversion_day: int
    currency: str
    reporting_currency: str


Balance = tuple[int, int]
"""Minor units in the booking's currency (``count``: millionths of a conversion) and in the reporting currency."""

NOTHING: Balance = 0, 0

Balances = dict[Place, Balance]
"""Those that are not zero."""


class Ledger:
    """Balances by block. Blocks that have the same ones share them: ``blocks`` has their number in ``balances``.

    Number 0 is for no balances at all, those of every block that is not there.
    """

    def __init__(self, balances: Iterable[Balances] = ({},), blocks: Mapping[Block, int] | None = None) -> None:
        self.balances = list(balances)
        self.blocks = dict(blocks or {})

    def add(self, blocks: Iterable[Block], balances: Balances) -> None:
        """Let blocks that are not there yet have these balances."""
        if balances:
            for block in blocks:
                self.blocks[block] = len(self.balances)
            self.balances.append(balances)


def minus(should: Ledger, stands: Ledger) -> Ledger:
    """What must be added to ``stands`` to make it ``should``."""
    alike: dict[tuple[int, int], list[Block]] = defaultdict(list)
    for block in {**should.blocks, **stands.blocks}:
        alike[should.blocks.get(block, 0), stands.blocks.get(block, 0)].append(block)
    changed = Ledger()
    for (wanted, held), blocks in alike.items():
        changed.add(blocks, difference(should.balances[wanted], stands.balances[held]))
    return changed


def difference(wanted: Balances, held: Balances) -> Balances:
    """``wanted`` less ``held`` by place, zeros left out."""
    if not held:
        return wanted
    found = {}
    for place in {**wanted, **held}:
        to, of = wanted.get(place, NOTHING), held.get(place, NOTHING)
        if to != of:
            found[place] = to[0] - of[0], to[1] - of[1]
    return found


class Posted(msgspec.Struct, frozen=True, array_like=True):
    """A ledger as a key's state holds it: each place once, balances from number 1 on, as (place, amount, reporting)."""

    places: list[Place] = []
    balances: list[list[tuple[int, int, int]]] = []
    blocks: dict[Block, int] = {}


def packed(ledger: Ledger) -> Posted:
    """The form to store."""
    _, *every = ledger.balances
    number = {place: n for n, place in enumerate(sorted({place for balances in every for place in balances}))}
    rows = [
        [(number[place], amount, reporting) for place, (amount, reporting) in balances.items()] for balances in every
    ]
    return Posted([*number], rows, ledger.blocks)


def unpacked(posted: Posted) -> Ledger:
    """The ledger that was stored."""
    places = posted.places
    every = [{places[n]: (amount, reporting) for n, amount, reporting in rows} for rows in posted.balances]
    return Ledger([{}, *every], posted.blocks)
