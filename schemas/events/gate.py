"""Topics ``contact.requests``, ``contact.decisions``, ``approval.requests``: may we write to this person, now, so?"""

from typing import ClassVar, Literal

from schemas.events.base import Code, Currency, Event, Id, Instant, Message, Minor, Revision, Token, Uuid
from schemas.events.contact import Channel, PersonalChannel

Category = Literal["marketing", "transactional"]
Verdict = Literal["pass", "hold", "deny"]
Tier = Literal["standard", "premium"]


class ContactProposed(Event):
    """The platform's own wish to contact a lead by the first of some channels that is allowed.

    The gate decides like for any other. ``step`` is the place in a sequence of messages that it is.
    """

    reaches_out: ClassVar[bool] = True

    lead_id: Uuid
    message_id: Uuid
    purpose: Code
    channels: list[PersonalChannel]
    not_after: Instant
    template_id: Id | None = None
    step: Code | None = None


class CheckMade(Message):
    """One check of a request for contact: what it found, why, and until when that holds."""

    check: Code
    outcome: Verdict
    reason: Code
    until: Instant | None = None


class ContactDecided(Event):
    """The receipt of a decision. Of one message there is one allow or deny, after any number of holds.

    An allow is for ``channel`` and ``contact_point`` (its identifier's hash) and ends at ``not_after``: whoever sends
    compares that with the clock and asks again when it is past. ``checks`` are all that were made, in their order; a
    deny or hold is that of the first that did not pass. ``used_before`` and ``used_after`` count messages within the
    cap's window, ``cap_span`` (microseconds), ``next_at`` is when the answer could be another one. ``propensity_ppm``
    is the probability with which the channel was chosen. ``unsubscribe`` is an allowed marketing e-mail's token for its
    ``List-Unsubscribe`` header.
    """

    lead_id: Uuid | None = None
    message_id: Id
    seq: Revision
    decision: Literal["allow", "hold", "deny"]
    reason: Code
    requested_at: Instant
    channel: Channel
    contact_point: Uuid | None = None
    account_id: Id | None = None
    purpose: Code
    category: Category
    template_id: Id | None = None
    campaign_id: Id | None = None
    step: Code | None = None
    checks: list[CheckMade]
    policy_version: int
    time_zones: list[Code]
    consent_id: Id | None = None
    zone_source: Code | None = None
    cap: int | None = None
    cap_span: int | None = None
    used_before: int = 0
    used_after: int = 0
    not_after: Instant | None = None
    next_at: Instant | None = None
    propensity_ppm: int = 1_000_000
    unsubscribe: Token | None = None


class ApprovalRequested(Event):
    """A lead of high value waits for a person's word before it is treated as premium; no word by then: as standard."""

    reaches_out: ClassVar[bool] = True

    approval_id: Uuid
    lead_id: Uuid
    temperature: Literal["cold", "warm", "hot"]
    score: int
    value_minor: Minor
    currency: Currency
    value_inr_minor: Minor
    property_id: Id | None = None
    owner_id: Id | None = None
    answer_by: Instant


class ApprovalConcluded(Event):
    """How a request for approval ended: a reviewer's word, or none in time. A later word changes nothing."""

    approval_id: Uuid
    lead_id: Uuid
    tier: Tier
    reason: Literal["approved", "rejected", "no_answer"]
    decided_by: Id | None = None
