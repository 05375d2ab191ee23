"""Topic ``lead.profiles``: who a lead is, personal values included."""

from schemas.events.base import (
    Code,
    Currency,
    CustomerId,
    Email,
    Event,
    Id,
    Instant,
    Minor,
    PersonName,
    Phone,
    Revision,
    Uuid,
)
from schemas.events.identity import IdentifierHash
from schemas.events.leads import Financing, Interest


class LeadProfiled(Event):
    """The whole current profile of a lead; ``version`` grows by one with each."""

    lead_id: Uuid
    version: Revision
    identifiers: list[IdentifierHash]
    crm_id: CustomerId | None = None
    email: Email | None = None
    phone: Phone | None = None
    wa_id: Phone | None = None
    full_name: PersonName | None = None
    email_domain: Code | None = None
    country: Code | None = None
    language: Code | None = None
    time_zone: Code | None = None
    owner_id: Id | None = None
    property_id: Id | None = None
    channel: Code | None = None
    campaign_id: Id | None = None
    interest: Interest | None = None
    budget_minor: Minor | None = None
    currency: Currency | None = None
    timeframe_days: int | None = None
    financing: Financing | None = None
    first_captured_at: Instant | None = None
