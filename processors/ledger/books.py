"""What the ledger knows of one booking and what it has posted (ledger specification, sections 3, 4 and 7)."""

from __future__ import annotations

import msgspec

from models.attribution.path import Many, Touch
from models.conversion import Dropped, bounded, converted_at
from processors.ledger.accounts import Posted
from processors.ledger.journey import Journey
from schemas.events.governance import CancellationRisk
from schemas.events.paths import BookingRevision, PathBundle, PathChanged

MAX_RISKS = 16


class Revision(msgspec.Struct, frozen=True, array_like=True):
    """The whole state of a booking from ``occurred_at`` on; ``starts_on`` is the day of the stay or contract."""

    occurred_at: int
    booked_at: int | None
    status: str
    amount_minor: int
    retained_minor: int
    currency: str
    starts_on: int | None = None


class Risk(msgspec.Struct, frozen=True, array_like=True):
    """Probability of a cancellation, in parts per million, as known from ``occurred_at`` on."""

    occurred_at: int
    p_ppm: int


class Books(msgspec.Struct, frozen=True):
    """A booking's facts, its candidate touches under the newest (epoch, seq), and all that was posted and told.

    ``told`` is the model and basis that the optimizer hears of, ``figured`` those of the campaigns' revenue (none: the
    same, as an older program told them), ``journey`` what the workspace stage counts.
    ``changed_at`` is the tick at which the newest revision came (the first risk, where none has), ``closed`` all that
    is left of books that closed. Bounds: the 64 highest revisions and 16 highest risks, the candidates a lead may
    send, one balance per account.
    """

    lead_id: str = ""
    revisions: dict[int, Revision] = {}
    dropped: Dropped | None = None
    risks: dict[int, Risk] = {}
    dropped_risks: Dropped | None = None
    touches: list[Touch] = []
    epoch: int = -1
    path_seq: int = 0
    seq: int = 0
    posted: Posted = Posted()
    told: tuple[str, str] | None = None
    figured: tuple[str, str] | None = None
    journey: Journey | None = None
    changed_at: int | None = None
    closed: bool = False

    def converted_at(self) -> int:
        """When the booking converted, as far as its revisions tell."""
        return converted_at(self.revisions, self.dropped)


def merged(books: Books, message: PathChanged) -> Books:
    """The books with a message's facts, and with its touches if it is the newest word of the newest owner."""
    if message.facts:
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
            many=_many(one.bundle),
        )
        for one in message.touches
    ]
    return msgspec.structs.replace(
        books, lead_id=message.lead_id, touches=touches, epoch=message.epoch, path_seq=message.seq
    )


def with_risk(books: Books, fact: CancellationRisk) -> Books | None:
    """The books with a risk; none when its version is known with other content."""
    risk = Risk(fact.occurred_at, fact.p_ppm)
    if (held := books.risks.get(fact.version)) is not None:
        return books if held == risk else None
    risks, dropped = bounded({**books.risks, fact.version: risk}, books.dropped_risks, MAX_RISKS)
    return msgspec.structs.replace(books, risks=risks, dropped_risks=dropped)


def _many(bundle: PathBundle | None) -> Many | None:
    if bundle is None:
        return None
    return Many(bundle.count, bundle.mean_at, bundle.first_id, bundle.last_at, bundle.last_id)


def _revision(fact: BookingRevision) -> Revision:
    return Revision(
        fact.occurred_at,
        fact.booked_at,
        fact.status,
        fact.amount_minor,
        fact.retained_minor,
        fact.currency,
        fact.starts_on,
    )
