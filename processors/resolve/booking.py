"""A booking is a key of its own: it hangs on the best identifier of its highest revision and moves as a whole.

Each change of its owner adds one to the ownership epoch (ledger specification, section 1). A booking that names nobody
is a lead of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from processors.base import Context, Forward, Output
from processors.resolve.accept import accepted
from schemas.events.bookings import BookingChanged
from schemas.ids import derived_id


class Booking(msgspec.Struct, frozen=True, array_like=True):
    """Whose a booking is, since which revision and epoch, and how many of its facts have passed."""

    lead_id: str
    identifier: str | None
    revision: int
    epoch: int = 0
    seq: int = 0


def own(held: Booking | None, fact: BookingChanged, ctx: Context) -> tuple[Booking, Sequence[Output]]:
    """Forward the revision to the booking's owner."""
    identifiers = ctx.origin.identifiers
    identifier = identifiers[0].hash if identifiers else None
    if held is None:
        held = Booking(_lead(identifier, ctx), identifier, fact.revision)
    elif fact.revision > held.revision:
        epoch = held.epoch + (identifier != held.identifier)
        held = Booking(_lead(identifier, ctx), identifier, fact.revision, epoch, held.seq)
    held = msgspec.structs.replace(held, seq=held.seq + 1)
    prefix = accepted(
        ctx.origin,
        lead_id=held.lead_id,
        identifier=held.identifier,
        seq=held.seq,
        ver=held.epoch,
        epoch=held.epoch,
    )
    return held, [Forward(prefix)]


def _lead(identifier: str | None, ctx: Context) -> str:
    return identifier or derived_id("lead of booking", ctx.key)
