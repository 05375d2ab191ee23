"""The path: a lead's touches and bookings; whenever a booking's candidates change, the ledger hears of it.

Nothing is posted here. A touch reaches every booking whose conversion it may have led to; the ledger decides.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from models.attribution.path import Touch
from models.conversion import Dropped, bounded, converted_at
from models.policy import MAX_LOOK_BACK
from models.touches import OWN_SENDS
from processors.base import Context, DeadLetter, Drop, Emit, Output
from processors.lead.touch import as_touch
from schemas.events.base import Identified
from schemas.events.bookings import BookingChanged
from schemas.events.paths import BookingRevision, PathChanged, PathTouch

REACH = MAX_LOOK_BACK
"""Candidates sent to the ledger cover the largest look-back allowed, so that a policy needs no lead."""

MAX_TOUCHES = 200
MAX_BOOKINGS = 1_000


class Revision(msgspec.Struct, frozen=True, array_like=True):
    """What the path needs of one revision of a booking; ``content`` tells two contents of one revision apart."""

    occurred_at: int
    booked_at: int | None
    content: tuple[str, int, int, str]


class Booking(msgspec.Struct, frozen=True, array_like=True):
    """A booking of this lead: its ownership epoch, its revisions, and its conversion time as they say it.

    One that came from another lead (``epoch`` above 0) left revisions behind there, so here its conversion time is
    not known for certain: every touch may have led to it.
    """

    epoch: int
    revisions: dict[int, Revision]
    converted_at: int
    dropped: Dropped | None = None

    def reached_from(self, at: int) -> bool:
        """Whether a touch at an instant may have led to the booking."""
        return self.epoch > 0 or self.converted_at - REACH <= at <= self.converted_at


class Path(msgspec.Struct, frozen=True):
    """The newest ``MAX_TOUCHES`` touches by id, up to ``MAX_BOOKINGS`` bookings, and how many messages were sent."""

    touches: dict[str, Touch] = {}
    bookings: dict[str, Booking] = {}
    seq: int = 0


def follow(held: Path | None, fact: Identified, ctx: Context) -> tuple[Path | None, Sequence[Output]]:
    """Take in a touch or a booking revision and tell the ledger of every booking whose path it changes."""
    path = held or Path()
    if isinstance(fact, BookingChanged):
        return _booking(path, fact, ctx)
    return _touch(path, as_touch(fact, ctx), fact, ctx)


# -- touches


def _touch(path: Path, touch: Touch, fact: Identified, ctx: Context) -> tuple[Path, Sequence[Output]]:
    held = path.touches.get(touch.id)
    if held is not None and held.revision >= touch.revision:
        if held.revision == touch.revision and held != touch:
            return path, [_conflict("touch")]
        return path, ()
    if touch.kind in OWN_SENDS and touch.revision == 1:
        return path, ()
    outputs: list[Output] = []
    touches = {**path.touches, touch.id: touch}
    if len(touches) > MAX_TOUCHES:
        oldest = min(touches.values(), key=lambda one: (one.at, one.id))
        del touches[oldest.id]
        outputs.append(Drop("path_full"))
        if oldest is touch:
            return path, outputs
    path = msgspec.structs.replace(path, touches=touches)
    times = {touch.at} if held is None else {touch.at, held.at}
    hit = sorted(
        booking_id for booking_id, booking in path.bookings.items() if any(booking.reached_from(at) for at in times)
    )
    for booking_id in hit:
        path, message = _told(path, booking_id, [], fact, ctx, with_touches=True)
        outputs.append(message)
    return path, outputs


# -- bookings


def _booking(path: Path, fact: BookingChanged, ctx: Context) -> tuple[Path, Sequence[Output]]:
    held = path.bookings.get(fact.booking_id)
    content = (fact.status, fact.amount_minor, fact.retained_minor, fact.currency)
    revision = Revision(fact.occurred_at, fact.booked_at, content)
    if held is None and len(path.bookings) >= MAX_BOOKINGS:
        return path, [DeadLetter("too_many_bookings", f"this lead has {MAX_BOOKINGS:,} bookings already")]
    revisions = held.revisions if held is not None else {}
    known = revisions.get(fact.revision)
    if known is not None:
        return path, () if known == revision else [_conflict("booking")]
    revisions, dropped = bounded({**revisions, fact.revision: revision}, held.dropped if held is not None else None)
    booking = Booking(ctx.origin.epoch, revisions, converted_at(revisions, dropped), dropped)
    moved = held is None or (booking.epoch, booking.converted_at) != (held.epoch, held.converted_at)
    path = msgspec.structs.replace(path, bookings={**path.bookings, fact.booking_id: booking})
    said = BookingRevision.build(
        revision=fact.revision,
        occurred_at=fact.occurred_at,
        booked_at=fact.booked_at,
        status=fact.status,
        amount_minor=fact.amount_minor,
        retained_minor=fact.retained_minor,
        currency=fact.currency,
        starts_on=fact.starts_on,
    )
    path, message = _told(path, fact.booking_id, [said], fact, ctx, with_touches=moved)
    return path, [message]


def _told(
    path: Path, booking_id: str, facts: list[BookingRevision], fact: Identified, ctx: Context, *, with_touches: bool
) -> tuple[Path, Output]:
    booking, seq = path.bookings[booking_id], path.seq + 1
    message = PathChanged.build(
        occurred_at=fact.occurred_at,
        booking_id=booking_id,
        lead_id=ctx.origin.lead_id,
        epoch=booking.epoch,
        seq=seq,
        facts=facts,
        touches=_candidates(path, booking) if with_touches else None,
    )
    return msgspec.structs.replace(path, seq=seq), Emit(message)


def _candidates(path: Path, booking: Booking) -> list[PathTouch]:
    reached = [
        touch
        for touch in path.touches.values()
        if booking.reached_from(touch.at) and touch.live and touch.kind not in OWN_SENDS
    ]
    return [
        PathTouch.build(
            touch_id=touch.id,
            revision=touch.revision,
            occurred_at=touch.at,
            kind=touch.kind,
            identifier=touch.identifier,
            channel=touch.channel,
            campaign_id=touch.campaign_id,
            content_id=touch.content_id,
            variant_id=touch.variant_id,
        )
        for touch in sorted(reached, key=lambda one: (one.at, one.id))
    ]


def _conflict(what: str) -> DeadLetter:
    return DeadLetter(
        "revision_conflict", f"this revision of the {what} is known with other content: publish a higher revision"
    )
