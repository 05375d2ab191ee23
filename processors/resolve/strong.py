"""A strong identifier: it forwards facts to its lead and tells the identifiers that a fact names together.

What it learns of itself and its neighbours goes to the root of its group (step ``root``), whose decisions come back as
``Assign``. Its binding is its own: nobody is asked when a fact passes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from processors.base import Context, Output
from processors.resolve.binding import Bound, first_bound
from processors.resolve.erased import erased, requested
from processors.resolve.keys import key_of
from processors.resolve.known import Strong
from processors.resolve.login import contested
from processors.resolve.told import apart, assigned, attached, linked, named
from processors.resolve.witness import booking, forwarded, linked_on_purpose, split, witness
from schemas.events.base import Event
from schemas.events.bookings import BookingChanged
from schemas.events.governance import ErasureRequested, IdentitiesLinked, IdentitiesSplit
from schemas.events.resolving import Apart, Assign, Attach, Contested, Erased, Link, Named

Answer = tuple[Strong, Sequence[Output]]

VERSION = 2


def upcast(version: int, data: bytes) -> bytes:
    """The slice as stored today; before, it ended ahead of the erasures before the newest, which are not known."""
    if version != 1:
        raise ValueError(f"slice strong is stored as version {version}, this program reads {VERSION}")
    return data


def _forgotten(strong: Strong, fact: ErasureRequested, ctx: Context) -> Answer:
    """An erasure is told of, and is a fact like others."""
    strong, told = requested(strong, fact, ctx)
    strong, onward = forwarded(strong, fact, ctx)
    return strong, [*told, *onward]


_TAKEN_BY: dict[type[Event], Callable[[Strong, Any, Context], Answer]] = {
    BookingChanged: booking,
    IdentitiesLinked: linked_on_purpose,
    IdentitiesSplit: split,
    ErasureRequested: _forgotten,
    Erased: erased,
    Link: linked,
    Assign: assigned,
    Named: named,
    Apart: apart,
    Attach: attached,
    Contested: contested,
}
"""Who takes what; any other event is a fact that names people."""


def resolve_strong(held: Strong | None, event: Event, ctx: Context) -> tuple[Strong | None, Sequence[Output]]:
    """Take in a fact or a message, where the key is a strong identifier."""
    key = key_of(ctx)
    if not key.is_strong:
        return held, ()
    take = _TAKEN_BY.get(type(event), witness)
    if held is not None:
        return take(held, event, ctx)
    strong, outputs = take(Strong(key.hash), event, ctx)
    announced = first_bound(Bound(key.hash, key.kind), ((0, key.hash),), "first", event.occurred_at)
    return strong, [*announced, *outputs]
