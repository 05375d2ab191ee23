"""What stands on which account, and the difference of two such states (ledger specification, sections 2 and 5)."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

NOBODY = "(none)"
REVENUE = "(revenue)"


class Place(NamedTuple):
    """An account with all that tells it from others within its block; absent ids are empty text."""

    account: str
    channel: str
    campaign_id: str
    content_id: str
    variant_id: str
    touch_day: int


class Block(NamedTuple):
    """What the accounts of one model and basis share at one effective instant; no currency: a ``count``."""

    model: str
    basis: str
    effective_at: int
    conversion_day: int
    currency: str
    reporting_currency: str


class Balance(NamedTuple):
    """Minor units in the booking's currency (``count``: millionths of a conversion) and in the reporting currency."""

    amount: int
    reporting: int


NOTHING = Balance(0, 0)

Balances = dict[Place, Balance]
Ledger = dict[Block, Balances]
"""All balances that are not zero."""


def minus(should: Ledger, stands: Ledger) -> Ledger:
    """What must be added to ``stands`` to make it ``should``."""
    changed: Ledger = {}
    for block in {**should, **stands}:
        wanted, held = should.get(block), stands.get(block)
        if wanted != held:
            changed[block] = difference(wanted or {}, held) if held else should[block]
    return changed


def difference(wanted: Balances, held: Balances) -> Balances:
    """``wanted`` less ``held`` by place, zeros left out."""
    found = {}
    for place in {**wanted, **held}:
        to, of = wanted.get(place, NOTHING), held.get(place, NOTHING)
        if to != of:
            found[place] = Balance(to[0] - of[0], to[1] - of[1])
    return found


class Posted(msgspec.Struct, frozen=True, array_like=True):
    """A ledger as a key's state holds it: each place once, then per block (place, amount, reporting)."""

    places: list[Place] = []
    blocks: list[tuple[Block, list[tuple[int, int, int]]]] = []


def packed(ledger: Ledger) -> Posted:
    """The form to store; equal ledgers give equal bytes."""
    places = sorted({place for balances in ledger.values() for place in balances})
    number = {place: n for n, place in enumerate(places)}
    blocks = [
        (block, sorted([(number[place], *balance) for place, balance in ledger[block].items()]))
        for block in sorted(ledger)
    ]
    return Posted(places, blocks)


def unpacked(posted: Posted) -> Ledger:
    """The ledger that was stored."""
    places = posted.places
    return {
        block: {places[n]: Balance(amount, reporting) for n, amount, reporting in balances}
        for block, balances in posted.blocks
    }
