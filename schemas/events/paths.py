"""Messages from the lead stage to the ledger (an inbox only)."""

from schemas.events.base import Code, Currency, Day, Event, Id, Instant, Message, Minor, Revision, Uuid
from schemas.events.bookings import BookingStatus
from schemas.events.touchpoints import TouchKind


class BookingRevision(Message):
    """One revision of a booking, as far as the ledger needs it."""

    revision: Revision
    occurred_at: Instant
    booked_at: Instant | None = None
    status: BookingStatus
    amount_minor: Minor
    retained_minor: Minor
    currency: Currency
    starts_on: Day | None = None


class PathBundle(Message):
    """Several touches as one: their number and mean time, ids of first and last, time of the last."""

    count: int
    mean_at: Instant
    first_id: Id
    last_at: Instant
    last_id: Id


class PathTouch(Message):
    """A touch that may have helped a booking, or a bundle of older ones.

    Of a bundle, ``touch_id`` is the account that its credit goes to, ``occurred_at`` is when its first touch was, and
    ``kind`` stands for all kinds of its class.
    """

    touch_id: Id
    revision: Revision
    occurred_at: Instant
    kind: TouchKind
    identifier: Uuid | None = None
    channel: Code
    campaign_id: Id | None = None
    content_id: Id | None = None
    variant_id: Id | None = None
    bundle: PathBundle | None = None


class PathChanged(Event):
    """To the ledger: new revisions of a booking, and all touches that may have led to it (null: as before).

    ``post`` takes the touches only when (epoch, seq) is greater than the pair it holds.
    """

    booking_id: Id
    lead_id: Uuid
    epoch: int
    seq: Revision
    facts: list[BookingRevision]
    touches: list[PathTouch] | None = None
