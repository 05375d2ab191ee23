"""What stores are filled with: records of every topic that a sink reads, as the platform publishes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from schemas.codec import encode, forward
from schemas.events.base import DAY, HOUR, Event, Message
from schemas.events.bookings import BookingChanged
from schemas.events.campaigns import CampaignMeasured, HourMeasured
from schemas.events.clicks import ClickRecorded
from schemas.events.contact import ConsentChanged
from schemas.events.decisions import LeadRouted, LeadScored, TemperatureChanged
from schemas.events.effects import EffectDone, EffectRequested, LeadReplied
from schemas.events.gate import ApprovalConcluded, ApprovalRequested, CheckMade, ContactDecided, ContactProposed
from schemas.events.governance import (
    IdentifierValue,
    IdentitiesLinked,
    IdentitiesSplit,
    IdentitySweepOrdered,
    PolicyChanged,
)
from schemas.events.identity import (
    IdentifierBound,
    IdentifierHash,
    IdentifierSighted,
    IdentityConflict,
    LeadMerged,
    LeadSplit,
    LinkObserved,
)
from schemas.events.incidents import IncidentRaised
from schemas.events.leads import LeadCaptured, LeadUpdated
from schemas.events.ledger import CreditsPosted, Line
from schemas.events.operations import Count, DeadLettered, Position, StageCounted
from schemas.events.profiles import LeadProfiled
from schemas.events.routing import Accepted
from schemas.events.touchpoints import TouchpointDeleted, TouchpointRecorded
from schemas.ids import derived_id
from schemas.topics import ACCEPTED_PREFIX, FACT_TOPIC, PLATFORM_TOPIC
from tests.support.facts import WORKSPACE, at, fact


def accepted(
    event: Event, offset: int = 0, lead: str | None = None, identifier: str | None = None
) -> tuple[str, bytes]:
    """A fact as the resolve stage publishes it: topic and value."""
    topic = FACT_TOPIC[type(event)].name
    identifier = identifier or (derived_id("identifier", lead) if lead else None)
    hashes = [IdentifierHash.build(kind="email", hash=identifier)] if identifier else []
    prefix = Accepted.build(
        arrived_at=event.occurred_at + 1_000_000, topic=topic, partition=0, offset=offset, lead_id=lead,
        identifier=identifier, identifiers=hashes, seq=1, ver=1,
    )  # fmt: skip
    return ACCEPTED_PREFIX + topic, forward(prefix, encode(event))


def platform(message: Message) -> tuple[str, bytes]:
    """A message of the platform as it publishes it: topic and value."""
    return PLATFORM_TOPIC[type(message)].name, encode(message)


@dataclass(frozen=True)
class People:
    """Whom ``identities`` is about: leads, each named after its own identifier, a cookie of two of them, a booking."""

    ada: str = derived_id("person", "ada")
    ben: str = derived_id("person", "ben")
    cal: str = derived_id("person", "cal")
    cookie: str = derived_id("person", "cookie")
    booking: str = derived_id("person", "booking")
    unclear: str = derived_id("person", "unclear")
    settled: str = derived_id("person", "settled")


PEOPLE = People()


def identities() -> list[tuple[str, bytes]]:
    """Cal turns out to be Ada, Ben takes over Ada's cookie on 5 March, one conflict is open and one is settled."""
    who = PEOPLE
    touch = {"channel": "search", "kind": "inquiry", "cookie_id": "c"}
    booking = {"revision": 1, "status": "booked", "amount_minor": 10_000, "currency": "AED"}
    values = [
        accepted(fact(TouchpointRecorded, occurred_at=day, touch_id=day, **touch), 0, who.ada, who.cookie)
        for day in ("3-1", "3-9")
    ]
    values += [
        accepted(fact(BookingChanged, occurred_at="3-2", booking_id="moved", **booking), 0, who.cal, who.booking),
        accepted(fact(BookingChanged, occurred_at="3-2", booking_id="stayed", **booking), 1, who.ben),
    ]
    for lead, kind in ((who.ada, "email"), (who.ben, "email"), (who.cal, "phone")):
        hashes = [IdentifierHash.build(kind=kind, hash=lead)]
        values += [
            platform(_bound(lead, kind, lead, "first", version=0)),
            platform(own(LeadProfiled, lead_id=lead, version=1, identifiers=hashes, first_captured_at=at("3-1"))),
            platform(own(LeadScored, lead_id=lead, seq=1, score=40, budget=10, urgency=10, engagement=10, readiness=10,
                         reasons=["captured"])),
            platform(own(TemperatureChanged, lead_id=lead, seq=1, temperature="warm", reason="captured")),
            platform(own(LeadRouted, lead_id=lead, seq=1, temperature="warm", route="email", reason="warm")),
        ]  # fmt: skip
    cookie = IdentifierHash.build(kind="cookie_id", hash=who.cookie)
    email, phone = IdentifierHash.build(kind="email", hash=who.ada), IdentifierHash.build(kind="phone", hash=who.cal)
    return [
        *values,
        platform(_bound(who.cookie, "cookie_id", who.ada, "login", version=1)),
        platform(_bound(who.cookie, "cookie_id", who.ada, "login", version=2)),
        platform(_bound(who.cookie, "cookie_id", who.ben, "login", version=2, since=at("3-5"))),
        platform(_bound(who.cal, "phone", who.ada, "merged", version=1)),
        platform(_bound(who.booking, "booking", who.ada, "merged", version=1)),
        platform(own(LeadProfiled, lead_id=who.ada, version=2, identifiers=[email, phone, cookie],
                     first_captured_at=at("3-1"))),
        platform(own(LeadProfiled, lead_id=who.cal, version=2, identifiers=[])),
        platform(own(LeadScored, lead_id=who.cal, seq=2, score=0, budget=0, urgency=0, engagement=0, readiness=0,
                     reasons=[])),
        platform(own(TemperatureChanged, lead_id=who.cal, seq=2, temperature="none", previous="warm", reason="merged",
                     restates_from=at("3-1"))),
        platform(own(LeadRouted, lead_id=who.cal, seq=2, temperature="none", route="none", reason="merged")),
        platform(own(LeadMerged, lead_id=who.cal, into_lead_id=who.ada, identifiers=[who.cal], decision="d1",
                     occurred_at=at("3-4"))),
        platform(own(LeadSplit, lead_id=who.ada, into_lead_id=who.ben, identifiers=[who.cookie], decision="d2",
                     occurred_at=at("3-5"))),
        *(platform(own(IdentityConflict, conflict_id=conflict, kind=kind, identifiers=[who.ada, who.ben],
                       open=state, version=version, occurred_at=at("3-6") + version))
          for conflict, kind, version, state in (
              (who.unclear, "region", 1, False), (who.unclear, "region", 2, True),
              (who.settled, "apart", 1, True), (who.settled, "apart", 2, False))),
        *(platform(sighted(who.ada, "email", day)) for day in ("3-2", "3-1", "3-3")),
        *(platform(together(day, (who.ada, "email"), (who.cal, "phone"))) for day in ("3-4", "3-3", "3-5")),
        said(IdentitiesLinked, "3-4", identifiers=[who.ada, who.cal]),
        said(IdentitiesSplit, "3-5", take=[who.cookie], keep=[who.ada, who.ben]),
    ]  # fmt: skip


def sighted(identifier: str, kind: str, day: str) -> Event:
    """A strong identifier was named on a day."""
    return own(IdentifierSighted, identifier=identifier, kind=kind, fact_id=derived_id("fact", day), home="UAE",
               occurred_at=at(day))  # fmt: skip


def together(day: str, one: tuple[str, str], other: tuple[str, str]) -> Event:
    """Two strong identifiers, each a hash and a kind, were named together on a day."""
    (identifier, kind), (its, its_kind) = sorted((one, other))
    return own(LinkObserved, identifier=identifier, kind=kind, other=its, other_kind=its_kind, fact_topic="leads",
               fact_id=derived_id("fact", day), fact_source="crm", occurred_at=at(day))  # fmt: skip


def _bound(identifier: str, kind: str, lead: str, why: str, *, version: int, since: int = 0) -> Event:
    return own(IdentifierBound, identifier=identifier, kind=kind, lead_id=lead, since=since, version=version, why=why)


def said(type_: type[Event], day: str, **sides: list[str]) -> tuple[str, bytes]:
    """A link or a split of identifiers, given by their hashes, as the resolve stage publishes it."""
    values = {name: [_value(f"{one}@example.com") for one in hashes] for name, hashes in sides.items()}
    stated = fact(type_, occurred_at=day, **values)
    hashed = [IdentifierHash.build(kind="email", hash=one) for side in sides.values() for one in side]
    prefix = Accepted.build(
        arrived_at=stated.occurred_at, topic="identities", partition=0, offset=0, lead_id=hashed[0].hash,
        identifier=hashed[0].hash, identifiers=hashed, seq=1, ver=1,
    )  # fmt: skip
    return ACCEPTED_PREFIX + "identities", forward(prefix, encode(stated))


def lead_id(number: int) -> str:
    """A lead."""
    return derived_id("lead", number)


def own(type_: type[Event], **fields: Any) -> Event:
    """An event of the platform, its common fields filled in and nothing validated."""
    common = {"workspace_id": WORKSPACE, "region": "UAE", "source": "test", "cause_id": "cause"}
    event_id = derived_id("event", type_.__name__, *fields.values())
    return type_.build(**{**common, "event_id": event_id, "occurred_at": at("3-1"), **fields})


def story(number: int) -> list[tuple[str, bytes]]:
    """Records of every kind about one lead: topics and values, in an order in which they could be published."""
    lead, seen = lead_id(number), at("3-1") + number
    identifier = derived_id("identifier", lead)
    email = f"lead{number}@example.com"
    booking = {"booking_id": f"b{number}", "currency": "AED", "market_segment": "direct", "property_id": "hotel"}
    booked = fact(BookingChanged, occurred_at=seen, revision=1, status="booked", amount_minor=10_000 + number,
                  starts_on="2026-05-01", **booking)  # fmt: skip
    cancelled = fact(BookingChanged, occurred_at=seen + 9, revision=2, status="cancelled", amount_minor=10_000 + number,
                     retained_minor=100, **booking)  # fmt: skip
    touch = {"occurred_at": seen, "touch_id": f"t{number}", "channel": "search", "kind": "inquiry", "email": email}
    return [
        accepted(fact(LeadCaptured, occurred_at=seen, channel="web", email=email, full_name="Ü. Person"), 0, lead),
        accepted(fact(LeadUpdated, occurred_at=seen + 1, channel="web", email=email, country="AE"), 1, lead),
        accepted(fact(TouchpointRecorded, **touch), 0, lead),
        accepted(fact(TouchpointDeleted, **touch | {"revision": 2}), 1, lead),
        accepted(fact(ClickRecorded, occurred_at=seen, click_id=f"c{number}", url="https://example.com/?q=x"), 0, lead),
        accepted(booked, 0, lead),
        accepted(cancelled, 1, lead),
        accepted(consent(number, occurred_at=seen, email=email), 0, lead),
        accepted(consent(number, occurred_at=seen + 9, email=email, granted=False, evidence=None), 1, lead),
        accepted(fact(IdentitiesLinked, occurred_at=seen, identifiers=[_value(email), _value("other@example.com")])),
        accepted(fact(IdentitiesSplit, occurred_at=seen, take=[_value(email)], keep=[_value("other@example.com")])),
        accepted(fact(PolicyChanged, occurred_at=seen, version=number + 1, applies_from=0, document="{}")),
        accepted(fact(IdentitySweepOrdered, occurred_at=seen, version=number + 1)),
        platform(own(LeadProfiled, lead_id=lead, version=1, identifiers=[_hash(identifier)], email=email,
                     email_domain="example.com", first_captured_at=seen, full_name="Ü. Person")),
        platform(own(LeadProfiled, lead_id=lead, version=2, identifiers=[_hash(identifier)], email=email,
                     email_domain="example.com", first_captured_at=seen, country="AE", budget_minor=5)),
        platform(own(IdentifierBound, identifier=identifier, kind="email", lead_id=lead, since=0, version=1,
                     why="first")),
        platform(sighted(identifier, "email", "3-1")),
        platform(together("3-1", (identifier, "email"), (derived_id("identifier", "other"), "phone"))),
        platform(own(LeadSplit, lead_id=lead, into_lead_id=lead_id(number + 1), identifiers=[identifier],
                     decision=f"d{number}")),
        platform(own(LeadMerged, lead_id=lead, into_lead_id=lead_id(number + 1), identifiers=[identifier],
                     decision=f"e{number}")),
        platform(own(IdentityConflict, conflict_id=derived_id("conflict", lead), kind="limit", identifiers=[identifier],
                     open=True, version=1)),
        platform(own(LeadScored, lead_id=lead, seq=1, score=71, budget=25, urgency=20, engagement=13, readiness=13,
                     reasons=["budget named", "inquiry"], occurred_at=seen)),
        platform(own(TemperatureChanged, lead_id=lead, seq=1, temperature="warm", reason="score", occurred_at=seen)),
        platform(own(TemperatureChanged, lead_id=lead, seq=2, temperature="hot", previous="warm", reason="inquiry",
                     occurred_at=seen + 5)),
        platform(own(LeadRouted, lead_id=lead, seq=1, temperature="hot", route="whatsapp_then_call", reason="hot")),
        platform(own(ContactProposed, lead_id=lead, message_id=derived_id("message", lead), purpose="hot lead",
                     channels=["whatsapp", "call"], not_after=seen + 10**9)),
        platform(decided(number, lead, seq=1, decision="hold", reason="quiet_hours", next_at=seen + HOUR,
                         occurred_at=seen)),
        platform(decided(number, lead, seq=2, decision="allow", reason="allowed", not_after=seen + 2 * HOUR, cap=1,
                         cap_span=7 * DAY, used_after=1, occurred_at=seen + HOUR)),
        platform(approval(number, lead, occurred_at=seen)),
        platform(approval(number, lead, occurred_at=seen, approval_id=derived_id("open approval", number))),
        platform(own(ApprovalConcluded, approval_id=approval_id(number), lead_id=lead, tier="premium",
                     reason="approved", decided_by="ann", occurred_at=seen + HOUR)),
        platform(own(LeadReplied, lead_id=lead, reply_id=derived_id("reply", number), tier="standard", since=seen,
                     step="standard-1", occurred_at=seen + HOUR)),
        platform(asked(number, lead)),
        platform(answered(number, lead)),
        platform(own(IncidentRaised, lead_id=lead, kind="hot_lead", severity="warning", touches=1_000, days=30,
                     detail="a robot")),
        platform(posting(number, lead, seen)),
        platform(measured(number, 1, 4)),
        platform(measured(number, 2, 5)),
        platform(own(DeadLettered, stage="intake", reason="bad_amount", detail="too much", topic="bookings",
                     partition=0, offset=number, arrived_at=seen, original=b"\0\1raw")),
        platform(StageCounted.build(stage="intake", at=seen, positions=[_position(number)], counts=[_count()])),
    ]  # fmt: skip


def posting(number: int, lead: str, seen: int, lines: int = 2) -> Event:
    """A balanced posting of so many lines."""
    posting_id = derived_id("posting", number)
    line = {
        "model": "linear", "basis": "net", "effective_at": seen, "touch_day": 20_000, "conversion_day": 20_001,
        "currency": "AED", "reporting_currency": "USD", "policy_version": 0, "weights_version": 0, "rate_id": "r1",
        "channel": "search", "reporting_minor": 7,
    }  # fmt: skip
    amounts = [10, *[0] * (lines - 2), -10]
    booked = [
        Line.build(line_id=derived_id(posting_id, n), account="(revenue)" if n else f"t{number}#1", amount_minor=a,
                   campaign_id=None if n else "spring", **line)
        for n, a in enumerate(amounts)
    ]  # fmt: skip
    return own(CreditsPosted, posting_id=posting_id, booking_id=f"b{number}", lead_id=lead, seq=1, known_at=seen + 1,
               reason="conversion", lines=booked, occurred_at=seen)  # fmt: skip


def _effect(number: int, lead: str) -> dict[str, Any]:
    return {
        "request_id": derived_id("effect", number), "kind": "webhook", "target": "acme-reviewers", "about": "approval",
        "about_id": approval_id(number), "lead_id": lead, "reply_stage": "lead", "reply_key": lead,
    }  # fmt: skip


def asked(number: int, lead: str, **fields: Any) -> Event:
    """That reviewers be told of an approval."""
    usual = {"not_after": at("3-9"), "payload": "Approval wanted", **_effect(number, lead)}
    return own(EffectRequested, **{**usual, **fields})


def answered(number: int, lead: str, **fields: Any) -> Event:
    """What became of that."""
    usual = {"outcome": "done", "reason": "answered", "tries": 1, "payload": "200", **_effect(number, lead)}
    return own(EffectDone, **{**usual, **fields})


def consent(number: int, **fields: Any) -> Event:
    """A person's consent to marketing by e-mail, with what it ticked."""
    usual = {
        "consent_id": f"consent{number}", "channel": "email", "purpose": "marketing", "granted": True,
        "legal_basis": "consent", "evidence": f"Ü. Person ticked the box, lead{number}",
    }  # fmt: skip
    return fact(ConsentChanged, **{**usual, **fields})


def decided(number: int, lead: str | None, **fields: Any) -> Event:
    """A decision on a marketing message by WhatsApp to somebody in Dubai; its receipt says what ``fields`` do."""
    outcome = {"allow": "pass"}.get(fields["decision"], fields["decision"])
    checks = [
        CheckMade.build(check="consent", outcome="pass", reason="granted"),
        CheckMade.build(check=fields["reason"], outcome=outcome, reason=fields["reason"], until=fields.get("next_at")),
    ]
    usual = {
        "lead_id": lead, "message_id": f"m{number}", "channel": "whatsapp", "purpose": "launch",
        "category": "marketing", "requested_at": at("3-1"), "checks": checks, "policy_version": 0,
        "time_zones": ["Asia/Dubai"], "zone_source": "phone", "contact_point": lead and derived_id("identifier", lead),
    }  # fmt: skip
    return own(ContactDecided, **{**usual, **fields})


def approval_id(number: int) -> str:
    """A request for approval."""
    return derived_id("approval", number)


def approval(number: int, lead: str, **fields: Any) -> Event:
    """A hot lead worth 30 million INR waits for a reviewer's word."""
    value = {"value_minor": 130_000_000, "currency": "AED", "value_inr_minor": 3_000_000_000}
    return own(ApprovalRequested, **{"approval_id": approval_id(number), "lead_id": lead, "temperature": "hot",
                                     "score": 82, "answer_by": at("3-2"), **value, **fields})  # fmt: skip


def measured(number: int, seq: int, touches: int) -> Event:
    """Figures of a campaign's day, each of its touches worth 100."""
    hours = [HourMeasured.build(hour=9, touches=touches, impressions=2, clicks=1)]
    return own(CampaignMeasured, campaign_id=f"campaign{number}", day=20_000, seq=seq, channel="search", hours=hours,
               touches=touches, impressions=2, clicks=1, conversions_ppm=500_000, revenue_minor=100 * touches,
               spend_minor=100, reporting_currency="AED", ctr_ppm=500_000, roi_ppm=None)  # fmt: skip


def _value(text: str) -> IdentifierValue:
    return IdentifierValue(kind="email", value=text)


def _hash(identifier: str) -> IdentifierHash:
    return IdentifierHash.build(kind="email", hash=identifier)


def _position(offset: int) -> Position:
    return Position.build(topic="leads", partition=0, first=offset, end=offset + 1)


def _count() -> Count:
    return Count.build(topic="leads", type="LeadCaptured", outcome="admitted", count=1)
