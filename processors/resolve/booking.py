"""A booking is a key of its own: it hangs on the best identifier of its highest revision and moves as a whole.

The version of its binding is the ownership epoch (ledger specification, section 1). Until the identifier that it hangs
on has said whose it is, the booking's facts go there and come back with the answer; so nothing has to be kept of them
here. A booking that names nobody is a lead of its own.

Three years after its newest revision came a booking is closed: whatever comes for it later is refused here, where it is
still a fact and all revisions pass, whoever owns them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from models.conversion import Dropped, bounded, converted_at
from models.identity import STRONG
from models.identity.erasure import NOBODY
from processors.base import Context, DeadLetter, Emit, Output
from processors.closing import DETAIL, LEDGER_CLOSED, REFUSED_AFTER
from processors.resolve.accept import accepted, passed_on
from processors.resolve.binding import Bound, Decision, change, rebound
from processors.resolve.keys import key_of, subject_of
from processors.resolve.usable import usable
from schemas.events.bookings import BookingChanged
from schemas.events.resolving import Attach, Owner
from schemas.events.routing import Answer
from schemas.ids import derived_id

_REVISED = "revised"


class Dates(msgspec.Struct, frozen=True, array_like=True):
    """What the conversion time needs of one revision."""

    occurred_at: int
    booked_at: int | None


class Booking(msgspec.Struct, frozen=True, array_like=True):
    """What a booking hangs on since which revision, and the lead that this said; both none where nobody is named.

    ``ver`` is the ownership epoch, ``seq`` counts the facts forwarded, ``asked_at`` is the conversion time that the
    answer was asked for, ``changed_at`` the tick at which the newest revision came. ``owner`` is the lead that the
    answer named: the booking's, unless it converted by ``erased_at``; then it names nobody any more.
    """

    revision: int = 0
    edge: str | None = None
    lead_id: str | None = None
    settled: bool = False
    ver: int = 0
    seq: int = 0
    revisions: dict[int, Dates] = {}
    dropped: Dropped | None = None
    asked_at: int = 0
    changed_at: int = 0
    owner: str | None = None
    erased_at: int | None = None


def own(held: Booking | None, event: BookingChanged | Owner, ctx: Context) -> tuple[Booking | None, Sequence[Output]]:
    """Forward a revision to the booking's owner, or to where it can be learned; follow the owner's moves."""
    key = key_of(ctx)
    if key.kind != "b":
        return held, ()
    booking = held or Booking()
    if isinstance(event, Owner):
        if event.strong != booking.edge:
            return booking, ()
        decision = Decision(event.why, event.identifiers, event.decision)
        return _owned(_answered(booking, event), decision, event, ctx)
    return _fact(booking, event, ctx)


def _fact(booking: Booking, fact: BookingChanged, ctx: Context) -> tuple[Booking, Sequence[Output]]:
    outputs: list[Output] = []
    if ctx.origin.answer is None:
        if booking.revision and ctx.now >= booking.changed_at + REFUSED_AFTER:
            return booking, [DeadLetter(LEDGER_CLOSED, DETAIL)]
        booking = _revised(booking, fact, ctx)
        if booking.settled:
            booking, outputs = _owned(booking, Decision(_REVISED, (), ""), fact, ctx)
    elif ctx.origin.answer.strong == booking.edge and not booking.settled:
        booking = _answered(booking, ctx.origin.answer)
        booking, outputs = _owned(booking, Decision(_REVISED, (), ""), fact, ctx)
    if booking.edge is not None and not booking.settled:
        return booking, [*outputs, passed_on(ctx.origin, booking.edge)]
    if booking.edge is None and not booking.settled:
        booking, outputs = _owned(booking, Decision(_REVISED, (), ""), fact, ctx)
    booking, asked = _asked_again(msgspec.structs.replace(booking, seq=booking.seq + 1), fact, ctx)
    onward = accepted(
        ctx.origin, lead_id=booking.lead_id, identifier=identifier_of(ctx), seq=booking.seq, ver=booking.ver
    )
    return booking, [*outputs, *asked, onward]


def _revised(booking: Booking, fact: BookingChanged, ctx: Context) -> Booking:
    """With one revision more; the highest one says what the booking hangs on.

    Of one revision what came first stays, as at the lead, which refuses it with other content.
    """
    dates = {**booking.revisions}
    dates.setdefault(fact.revision, Dates(fact.occurred_at, fact.booked_at))
    revisions, dropped = bounded(dates, booking.dropped)
    booking = msgspec.structs.replace(booking, revisions=revisions, dropped=dropped)
    if fact.revision <= booking.revision:
        return booking
    named = usable(ctx.origin.identifiers, fact, ctx.policy)
    edge = subject_of(named[0]) if named else None
    same = booking.revision > 0 and edge == booking.edge
    return msgspec.structs.replace(
        booking,
        revision=fact.revision,
        edge=edge,
        settled=booking.settled and same,
        owner=booking.owner if same else None,
        erased_at=booking.erased_at if same else None,
        asked_at=booking.asked_at * same,
        changed_at=ctx.now,
    )


def _answered(booking: Booking, answer: Answer | Owner) -> Booking:
    """With whose it is by the identifier that it hangs on."""
    return msgspec.structs.replace(booking, owner=answer.lead_id, erased_at=answer.erased_at)


def _owned(
    booking: Booking, decision: Decision, event: BookingChanged | Owner, ctx: Context
) -> tuple[Booking, list[Output]]:
    """The booking as its lead's, told to both where it was another's; what names nobody is a lead of its own."""
    before, lead_id = booking.lead_id, booking.owner
    is_erased = booking.erased_at is not None and converted_at(booking.revisions, booking.dropped) <= booking.erased_at
    if lead_id in (None, NOBODY) or is_erased:
        lead_id = derived_id("lead of booking", ctx.key)
    assert lead_id is not None
    booking = msgspec.structs.replace(booking, lead_id=lead_id, settled=True)
    if before is None or before == lead_id:
        return booking, []
    booking = msgspec.structs.replace(booking, ver=booking.ver + 1)
    me = identifier_of(ctx)
    if decision.why not in ("merged", "split"):
        decision = Decision(_REVISED, (me,), f"{me}:{booking.ver}")
    moved = change(((0, before),), ((0, lead_id),), brought=True)
    return booking, [*rebound(Bound(me, "booking", booking.ver), moved, decision, event.occurred_at)]


def _asked_again(booking: Booking, fact: BookingChanged, ctx: Context) -> tuple[Booking, list[Output]]:
    """A weak identifier answers as of the conversion, so it hears when that has moved."""
    edge = booking.edge
    if edge is None or edge.partition(":")[0] in STRONG:
        return booking, []
    converted = converted_at(booking.revisions, booking.dropped)
    if converted == booking.asked_at:
        return booking, []
    dependent = key_of(ctx).subject
    attach = Attach.build(occurred_at=fact.occurred_at, subject=edge, dependent=dependent, at=converted)
    return msgspec.structs.replace(booking, asked_at=converted), [Emit(attach)]


def identifier_of(ctx: Context) -> str:
    """The booking's own identifier: what its binding is about."""
    return derived_id("booking", ctx.key)
