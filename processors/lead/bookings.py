"""A lead's bookings, as far as the path needs them: when each converted, and which touches may have led to it."""

from __future__ import annotations

import msgspec

from models.conversion import Dropped, bounded, converted_at
from models.policy import MAX_LOOK_BACK
from schemas.events.bookings import BookingChanged
from schemas.events.paths import BookingRevision

REACH = MAX_LOOK_BACK
"""Candidates sent to the ledger cover the largest look-back allowed, so that a policy needs no lead."""


class Revision(msgspec.Struct, frozen=True, array_like=True):
    """What the path needs of one revision of a booking; ``content`` tells two contents of one revision apart."""

    occurred_at: int
    booked_at: int | None
    content: tuple[str, int, int, str, int | None]


class Booking(msgspec.Struct, frozen=True, array_like=True):
    """A booking of this lead: its own identifier and ownership epoch, its revisions, and when they say it converted."""

    identifier: str
    epoch: int
    revisions: dict[int, Revision]
    converted_at: int
    dropped: Dropped | None = None

    def reached_from(self, since: int, until: int) -> bool:
        """Whether touches between two instants, both included, may have led to the booking."""
        return since <= self.converted_at and self.converted_at - REACH <= until


def revision_of(fact: BookingChanged) -> Revision:
    """The revision that a fact tells."""
    content = (fact.status, fact.amount_minor, fact.retained_minor, fact.currency, fact.starts_on)
    return Revision(fact.occurred_at, fact.booked_at, content)


def told_of(fact: BookingChanged) -> BookingRevision:
    """The revision as the ledger is told of it."""
    return BookingRevision.build(
        revision=fact.revision,
        occurred_at=fact.occurred_at,
        booked_at=fact.booked_at,
        status=fact.status,
        amount_minor=fact.amount_minor,
        retained_minor=fact.retained_minor,
        currency=fact.currency,
        starts_on=fact.starts_on,
    )


def revised(held: Booking | None, number: int, revision: Revision, identifier: str, epoch: int) -> Booking:
    """The booking with one revision more."""
    return joined(held, Booking(identifier, epoch, {number: revision}, 0))


def joined(held: Booking | None, more: Booking) -> Booking:
    """The booking with revisions that another lead held; of two contents of one revision the one held stays."""
    if held is None:
        held = Booking(more.identifier, more.epoch, {}, 0)
    dropped = _together(held.dropped, more.dropped)
    revisions, dropped = bounded({**more.revisions, **held.revisions}, dropped)
    epoch = max(held.epoch, more.epoch)
    return Booking(more.identifier, epoch, revisions, converted_at(revisions, dropped), dropped)


def _together(one: Dropped | None, other: Dropped | None) -> Dropped | None:
    if one is None or other is None:
        return one or other
    return Dropped(min(one.earliest, other.earliest), *max(one[1:], other[1:], key=lambda newest: newest[0]))
