"""Topic ``attribution.credits``: postings of the attribution ledger, one record each with all its lines."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from schemas.events.base import (
    Avro,
    Code,
    Currency,
    Day,
    Event,
    Id,
    Instant,
    Message,
    NoNul,
    Revision,
    SignedMinor,
    Uuid,
)

Account = Annotated[str, StringConstraints(min_length=1, max_length=160), NoNul, Avro("string")]
Basis = Literal["net", "realised", "expected", "count"]


class Line(Message):
    """One signed difference of one account; the fields are those of the ledger specification, section 2."""

    line_id: Uuid
    model: Code
    basis: Basis
    effective_at: Instant
    account: Account
    channel: Code
    campaign_id: Id | None = None
    content_id: Id | None = None
    variant_id: Id | None = None
    touch_day: Day
    conversion_day: Day
    amount_minor: SignedMinor
    currency: Currency | None = None
    reporting_minor: SignedMinor
    reporting_currency: Currency
    rate_id: Code | None = None
    policy_version: int
    weights_version: int


class CreditsPosted(Event):
    """One change of one booking's books. Its lines sum to zero per model, basis, effective_at and currency."""

    posting_id: Uuid
    booking_id: Id
    lead_id: Uuid
    seq: Revision
    known_at: Instant
    reason: Literal["conversion", "revision", "path", "risk", "policy", "rate", "weights"]
    lines: list[Line]


class CellChanged(Event):
    """To the campaign stage: one posting's change of one cell of the policy's optimizer model, never zero.

    ``basis`` is the optimizer's, or ``count`` (then amounts are millionths of a conversion and there is no currency).
    ``day`` is the conversion day; ``provisional`` that the booking is open or its conversion younger than 90 days.
    ``hears`` says for whom the change is: the optimizer, the campaigns' figures or both (none: an older program's).
    """

    posting_id: Uuid
    campaign_id: Id
    channel: Code
    touch_day: Day
    day: Day
    model: Code
    basis: Basis
    currency: Currency | None = None
    reporting_currency: Currency
    delta_minor: SignedMinor
    delta_reporting_minor: SignedMinor
    known_at: Instant
    policy_version: int
    weights_version: int
    provisional: bool
    hears: Literal["both", "optimizer", "figures"] | None = None


class RevenueAttributed(Event):
    """To an optimizer: one posting's change of one cell, and the cell's total after it.

    A consumer holds ``cell_seq`` and total per cell: not greater than held: skip; one more: add the delta, which must
    give the total; greater still: take the total (ledger specification, section 10).
    """

    campaign_id: Id
    channel: Code
    touch_day: Day
    conversion_day: Day
    model: Code
    basis: Basis
    currency: Currency | None = None
    reporting_currency: Currency
    cell_seq: Revision
    delta_minor: SignedMinor
    total_minor: SignedMinor
    delta_reporting_minor: SignedMinor
    total_reporting_minor: SignedMinor
    known_at: Instant
    policy_version: int
    weights_version: int
    provisional: bool
