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
    Revision,
    SignedMinor,
    Uuid,
)

Account = Annotated[str, StringConstraints(min_length=1, max_length=160), Avro("string")]
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
