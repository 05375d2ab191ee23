"""What the ledger knows of one booking and what it has posted (ledger specification, sections 3, 4 and 7)."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from models.attribution.path import Touch
from models.conversion import Dropped, bounded, converted_at
from schemas.events.paths import BookingRevision, PathChanged

RETAINING = frozenset({"cancelled", "no_show", "refunded"})
AHEAD = frozenset({"booked", "contracted"})
"""Stays and contracts that have not taken place yet."""


class Revision(msgspec.Struct, frozen=True, array_like=True):
    """The whole state of a booking from ``occurred_at`` on."""

    occurred_at: int
    booked_at: int | None
    status: str
    amount_minor: int
    retained_minor: int
    currency: str

    @property
    def net(self) -> int:
        """What the booking is worth: the amount, or what is kept once it fell through."""
        return self.retained_minor if self.status in RETAINING else self.amount_minor

    @property
    def realised(self) -> int:
        """What the booking has brought in: nothing as long as it lies ahead."""
        return 0 if self.status in AHEAD else self.net


class Account(NamedTuple):
    """One account of one model and basis at one effective instant; any change of a part makes it another."""

    model: str
    basis: str
    effective_at: int
    account: str
    channel: str
    campaign_id: str
    content_id: str
    variant_id: str
    touch_day: int
    conversion_day: int
    currency: str
    reporting_currency: str


class Balance(NamedTuple):
    """Minor units on an account, in the booking's and in the reporting currency."""

    amount: int
    reporting: int


class Books(msgspec.Struct, frozen=True):
    """A booking's facts, its candidate touches under the newest (epoch, seq), and all that was posted.

    Bounds: the 64 highest revisions, the candidates a lead may send, one balance per account ever touched.
    """

    lead_id: str = ""
    revisions: dict[int, Revision] = {}
    touches: list[Touch] = []
    epoch: int = -1
    path_seq: int = 0
    seq: int = 0
    posted: list[tuple[Account, Balance]] = []
    dropped: Dropped | None = None

    def converted_at(self) -> int:
        """When the booking converted, as far as its revisions tell."""
        return converted_at(self.revisions, self.dropped)


def merged(books: Books, message: PathChanged) -> Books:
    """The books with a message's facts, and with its touches if it is the newest word of the newest owner."""
    revisions = {**{fact.revision: _revision(fact) for fact in message.facts}, **books.revisions}
    revisions, dropped = bounded(revisions, books.dropped)
    books = msgspec.structs.replace(books, revisions=revisions, dropped=dropped)
    if (message.epoch, message.seq) <= (books.epoch, books.path_seq) or message.touches is None:
        return books
    touches = [
        Touch(
            one.touch_id,
            one.revision,
            one.occurred_at,
            one.kind,
            one.channel,
            one.campaign_id,
            one.content_id,
            one.variant_id,
            one.identifier,
        )
        for one in message.touches
    ]
    return msgspec.structs.replace(
        books, lead_id=message.lead_id, touches=touches, epoch=message.epoch, path_seq=message.seq
    )


def _revision(fact: BookingRevision) -> Revision:
    return Revision(
        fact.occurred_at, fact.booked_at, fact.status, fact.amount_minor, fact.retained_minor, fact.currency
    )
