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
    """A booking of this lead: its ownership epoch, its revisions, and its conversion time as they say it.

    One that came from another lead (``epoch`` above 0) left revisions behind there, so here its conversion time is
    not known for certain: every touch may have led to it.
    """

    epoch: int
    revisions: dict[int, Revision]
    converted_at: int
    dropped: Dropped | None = None

    def reached_from(self, since: int, until: int) -> bool:
        """Whether touches between two instants, both included, may have led to the booking."""
        return self.epoch > 0 or (since <= self.converted_at and self.converted_at - REACH <= until)


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


def revised(held: Booking | None, number: int, revision: Revision, epoch: int) -> Booking:
    """The booking with one revision more."""
    before = ({}, None) if held is None else (held.revisions, held.dropped)
    revisions, dropped = bounded({**before[0], number: revision}, before[1])
    return Booking(epoch, revisions, converted_at(revisions, dropped), dropped)
