"""All facts about one person: touches, capture, consent, milestones, bookings, what sales asks for."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from schemas.events.base import DAY, HOUR, SECOND
from schemas.events.bookings import BookingChanged
from schemas.events.contact import ConsentChanged, OutreachRequested
from schemas.events.leads import LeadCaptured, LeadUpdated
from streams.sources.simulate.campaigns import Campaign
from streams.sources.simulate.facts import Fact, published_at
from streams.sources.simulate.journeys import Exposure, Journey
from streams.sources.simulate.population import Booked, Person
from streams.sources.simulate.scenario import Scenario, Weighted
from streams.sources.simulate.touches import exposure_facts, kinds_of, touch_facts

_DESK = {
    "inquiry": Campaign(None, "direct", 0, 1, 0, 0, 0, 0, ""),
    "meeting_requested": Campaign(None, "whatsapp", 0, 1, 0, 0, 0, 0, ""),
    "call": Campaign(None, "phone", 0, 1, 0, 0, 0, 0, ""),
    "site_visit": Campaign(None, "direct", 0, 1, 0, 0, 0, 0, ""),
    "meeting_held": Campaign(None, "phone", 0, 1, 0, 0, 0, 0, ""),
}
"""Where milestones happen; no campaign brings them about."""

_FINANCING = Weighted((("none", 1.0), ("needed", 3.0), ("preapproved", 2.0), ("cash", 1.5)))
_CONSENT = (("email", 0.6), ("whatsapp", 0.35), ("sms", 0.1))
_WALK_IN = 0.01
_SWAPPED = 0.03
_BY_TEMPLATE = 0.8
_SALES_ASKS = 0.06


def person_facts(scenario: Scenario, person: Person) -> list[Fact]:
    """Every fact about a person that has occurred and been published by the end of the scenario."""
    chance = scenario.chance(f"facts/{person.n}")
    facts = [*_touches(chance, person), *_lead(chance, person)]
    for booked in person.bookings:
        facts.extend(_revisions(chance, person, booked))
    end = scenario.end
    return [fact for fact in facts if fact.published_at <= end]


def least_facts(person: Person, end: int) -> int:
    """How many facts about a person there are at least, not counting those that are late at the end."""
    touches = sum(len(kinds_of(campaign.channel, depth)) for _, (at, campaign, depth) in _exposures(person) if at < end)
    milestones = sum(at < end for _, _, at in _milestones(person))
    captured = person.known_at is not None and person.known_at < end
    revisions = sum(each.booked_at + r.after < end for each in person.bookings for r in each.journey.plan.revisions)
    return touches + milestones + captured + revisions


def _exposures(person: Person) -> Iterator[tuple[str, Exposure]]:
    """Exposures that really took place: whoever has booked looks no further."""
    bookings = {id(each.journey): each.booked_at for each in person.bookings}
    for turn, journey in enumerate(person.journeys, 1):
        booked_at = bookings.get(id(journey))
        decided_at = None if booked_at is None else booked_at - journey.lag
        for n, exposure in enumerate(journey.exposures):
            if decided_at is None or exposure.at <= decided_at:
                yield f"t-{person.n}-{turn}-{n}", exposure
        if booked_at is not None:
            for n, (before, campaign) in enumerate(journey.harvest):
                yield f"h-{person.n}-{turn}-{n}", Exposure(booked_at - before, campaign, 2)


def _milestones(person: Person) -> Iterator[tuple[str, str, int]]:
    bookings = {id(each.journey): each.booked_at for each in person.bookings}
    for turn, journey in enumerate(person.journeys, 1):
        booked_at = bookings.get(id(journey))
        steps = [(step.kind, step.at) for step in journey.asking]
        if booked_at is not None:
            steps = [(kind, at) for kind, at in steps if at < booked_at - journey.lag]
            steps += [(kind, booked_at - before) for before, kind in journey.closing]
        for n, (kind, at) in enumerate(steps):
            yield f"m-{person.n}-{turn}-{n}", kind, at


def _touches(chance: Random, person: Person) -> Iterator[Fact]:
    for touch_id, exposure in _exposures(person):
        yield from exposure_facts(chance, person, touch_id, exposure)
    for touch_id, kind, at in _milestones(person):
        yield from touch_facts(chance, person, touch_id, _DESK[kind], kind=kind, at=at)


def _lead(chance: Random, person: Person) -> Iterator[Fact]:
    """Capture with consent, later news of the same person, perhaps a withdrawal or a wish of sales."""
    if person.known_at is None:
        return
    at, market, region = person.known_at, person.market, person.market.region
    identifiers = person.identifiers(at)
    journey = [person.journeys[0], *(each for each in person.journeys if each.start <= at)][-1]
    source = "crm" if chance.random() < 0.3 else "website"
    fields = {**_details(chance, person, journey), **_origin(journey, at), "full_name": person.full_name}
    yield Fact(published_at(chance, at), at, LeadCaptured, region, source, person.form(at), fields)
    registered = person.registered_at
    if registered is not None or chance.random() < 0.4:
        later = at + int(chance.uniform(0.01, 9) * DAY) if registered is None else registered
        news = {"channel": "direct", **_details(chance, person, journey)}
        yield Fact(published_at(chance, later), later, LeadUpdated, region, "crm", person.form(later), news)
    for login in person.logins:
        again = [*(each for each in person.journeys if each.start <= login)][-1]
        wish = {**_details(chance, person, again), **_origin(again, login), "full_name": person.full_name}
        yield Fact(published_at(chance, login), login, LeadCaptured, region, "website", person.identifiers(login), wish)
    for channel, likely in _CONSENT:
        if chance.random() < likely and ("email" if channel == "email" else "phone") in identifiers:
            yield _consent(chance, person, channel, at + SECOND, granted=True)
            if chance.random() < 0.04:
                yield _consent(chance, person, channel, at + int(chance.uniform(1, 60) * DAY), granted=False)
    if chance.random() < _SALES_ASKS:
        asked = at + int(chance.uniform(0.05, 20) * HOUR)
        channel = "whatsapp" if "phone" in identifiers else "email"
        wish = {"message_id": f"o-{person.n}", "channel": channel, "purpose": "follow_up"}
        if chance.random() < _BY_TEMPLATE:
            wish["template_id"] = "follow_up"
        wish["subject"], wish["body"] = f"Your plans in {market.city}", "May we show you what is free?"
        yield Fact(published_at(chance, asked), asked, OutreachRequested, region, "crm", identifiers, wish)


def _details(chance: Random, person: Person, journey: Journey) -> dict[str, Any]:
    """What a form asks: wishes, means, hurry. Those who will decide soon are in more of a hurry."""
    market, place = person.market, journey.plan.place
    home = person.audience == "home"
    budget = place.price_minor if home else place.price_minor * (journey.plan.nights or 1)
    eager = journey.threshold < 0.5
    return {
        "country": market.country,
        "language": market.language,
        "time_zone": market.time_zone,
        "property_id": place.property_id,
        "interest": ("invest" if journey.plan.market_segment == "investor" else "buy") if home else "stay",
        "budget_minor": int(budget * chance.uniform(0.8, 1.4)),
        "currency": market.currency,
        "timeframe_days": chance.randint(3, 30) if eager else chance.randint(20, 240),
        "financing": _FINANCING.pick(chance) if home else None,
    }


def _origin(journey: Journey, at: int) -> dict[str, Any]:
    """The campaign of the last exposure before the capture."""
    met = [each.campaign for each in journey.exposures if each.at <= at]
    campaign = met[-1] if met else journey.exposures[0].campaign
    return {"channel": campaign.channel, "campaign_id": campaign.id}


def _consent(chance: Random, person: Person, channel: str, at: int, *, granted: bool) -> Fact:
    fields = {
        "consent_id": f"c-{person.n}-{channel}-{'yes' if granted else 'no'}",
        "channel": channel,
        "purpose": "marketing",
        "granted": granted,
        "legal_basis": "consent",
        "evidence": "box ticked in the form" if granted else "link in the message",
    }
    seen = published_at(chance, at)
    return Fact(seen, at, ConsentChanged, person.market.region, "website", person.signed(at), fields)


def _revisions(chance: Random, person: Person, booked: Booked) -> Iterator[Fact]:
    """All revisions of a booking under the same identifiers, sometimes the newer one published first."""
    plan, booked_at = booked.journey.plan, booked.booked_at
    identifiers = {} if chance.random() < _WALK_IN else person.identifiers(booked_at)
    day = booked_at // DAY
    common: dict[str, Any] = {
        "booking_id": booked.booking_id,
        "currency": person.market.currency,
        "booked_at": booked_at,
        "property_id": plan.place.property_id,
        "market_segment": plan.market_segment,
    }
    if plan.starts_after_days is not None:
        common["starts_on"] = day + plan.starts_after_days
        common["ends_on"] = day + plan.starts_after_days + (plan.nights or 1)
    seen = [published_at(chance, booked_at + each.after) for each in plan.revisions]
    if len(seen) > 1 and chance.random() < _SWAPPED:
        seen[0] = seen[1] + int(chance.uniform(0.01, 5) * HOUR)
    source = "pms" if person.audience == "stay" else "crm"
    for n, revision in enumerate(plan.revisions):
        fields = {**common, "revision": n + 1, "status": revision.status, "amount_minor": revision.amount_minor}
        fields["retained_minor"] = revision.retained_minor
        at = booked_at + revision.after
        yield Fact(seen[n], at, BookingChanged, person.market.region, source, identifiers, fields)
