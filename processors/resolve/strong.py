"""A strong identifier: it forwards facts to its lead and tells the identifiers that a fact names together.

What it learns of itself and its neighbours goes to the root of its group (step ``root``), whose decisions come back as
``Assign``. Its binding is its own: nobody is asked when a fact passes.
"""

from __future__ import annotations

from collections.abc import Sequence

from processors.base import Context, Output
from processors.resolve.binding import Bound, first_bound
from processors.resolve.erased import erased, requested
from processors.resolve.keys import key_of
from processors.resolve.known import Strong
from processors.resolve.told import apart, assigned, attached, linked, named
from processors.resolve.witness import booking, forwarded, linked_on_purpose, split, witness
from schemas.events.base import Event, Identified
from schemas.events.bookings import BookingChanged
from schemas.events.governance import ErasureRequested, IdentitiesLinked, IdentitiesSplit
from schemas.events.resolving import Apart, Assign, Attach, Erased, Link, Named

Answer = tuple[Strong, Sequence[Output]]


def resolve_strong(held: Strong | None, event: Event, ctx: Context) -> tuple[Strong | None, Sequence[Output]]:
    """Take in a fact or a message, where the key is a strong identifier."""
    key = key_of(ctx)
    if not key.is_strong:
        return held, ()
    if held is not None:
        return _fact(held, event, ctx) if isinstance(event, Identified) else _message(held, event, ctx)
    new = Strong(key.hash)
    strong, outputs = _fact(new, event, ctx) if isinstance(event, Identified) else _message(new, event, ctx)
    announced = first_bound(Bound(key.hash, key.kind), ((0, key.hash),), "first", event.occurred_at)
    return strong, [*announced, *outputs]


def _fact(strong: Strong, fact: Identified, ctx: Context) -> Answer:
    return booking(strong, fact, ctx) if isinstance(fact, BookingChanged) else witness(strong, fact, ctx)


def _message(strong: Strong, event: Event, ctx: Context) -> Answer:
    match event:
        case IdentitiesLinked():
            answer = linked_on_purpose(strong, event, ctx)
        case IdentitiesSplit():
            answer = split(strong, event, ctx)
        case ErasureRequested():
            strong, told = requested(strong, event, ctx)
            strong, onward = forwarded(strong, event, ctx)
            answer = strong, [*told, *onward]
        case Erased():
            answer = erased(strong, event, ctx)
        case Link():
            answer = linked(strong, event, ctx)
        case Assign():
            answer = assigned(strong, event, ctx)
        case Named():
            answer = named(strong, event, ctx)
        case Apart():
            answer = apart(strong, event, ctx)
        case Attach():
            answer = attached(strong, event, ctx)
        case _:
            raise TypeError(type(event).__name__)
    return answer
