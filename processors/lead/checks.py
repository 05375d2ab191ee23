"""The checks of a request for contact, each one function, in the order in which they decide.

A receipt is what they answer and nothing else. Rules: DESIGN 8; `regions-consent` notes, section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from models.consent.jurisdiction import AMERICAN, jurisdictions_of
from models.consent.ledger import Consents, Permission, Wish, consented, unerased, unsuppressed
from models.consent.slots import Room
from models.consent.windows import Opening, hours_for, opening
from models.consent.zones import Zones
from models.policy import Jurisdiction, Policy
from processors.lead.requests import Request
from schemas.events.base import DAY
from schemas.events.contact import PersonalChannel
from schemas.events.gate import Verdict

FREE_FORM = DAY
"""WhatsApp takes messages without a template within 24 hours of the person's last own one there."""


class Check(NamedTuple):
    """What one check found, why, and until when (microseconds) that holds; for a pass, until when it may be used."""

    outcome: Verdict
    reason: str
    until: int | None = None


class Situation(NamedTuple):
    """All that the checks may know of a lead and one channel, as of ``now``.

    ``point`` is the contact point's hash and kind, none where the lead has none for the channel; ``phone`` the number
    that is contacted, of a point that is no number the one that was said last; ``room`` is what the lead's own cap
    leaves; ``awaits``: history of a strong identifier is still on its way; ``doubted``: an open conflict says that the
    contact point may be another person's; ``erased_at``: when it was last erased.
    """

    now: int
    region: str
    policy: Policy
    channel: PersonalChannel
    point: tuple[str, str] | None
    consents: Consents
    wrote_at: int | None
    awaits: bool
    doubted: bool
    country: str | None
    phone: str | None
    zones: Zones
    room: Room
    erased_at: int | None = None


def remembered(_: Request, now: Situation) -> Check:
    """The contact point was not erased, or has opted in anew since."""
    return _of(unerased(now.consents, now.erased_at))


def in_time(request: Request, now: Situation) -> Check:
    """Nobody wants it sent after its end."""
    if now.now >= request.not_after:
        return Check("deny", "expired")
    return Check("pass", "in_time", request.not_after)


def reachable(_: Request, now: Situation) -> Check:
    """The lead has a contact point that the channel reaches."""
    return Check("deny", "no_address") if now.point is None else Check("pass", "has_address")


def settled(_: Request, now: Situation) -> Check:
    """What others knew of this person has arrived: objections and messages sent are among it."""
    return Check("hold", "history_awaited") if now.awaits else Check("pass", "history_complete")


def undoubted(_: Request, now: Situation) -> Check:
    """The contact point is this person's, as far as anybody knows; of the lead's other identifiers nobody asks.

    Where an open conflict says that it may be another's, people have to look first (``models.identity.doubts``).
    """
    return Check("hold", "open_conflict") if now.doubted else Check("pass", "no_conflict")


def suppressed(_: Request, now: Situation) -> Check:
    """Nothing is sent to who complained, wants to hear nothing whatever, or cannot be reached."""
    return _of(unsuppressed(now.consents))


def allowed(request: Request, now: Situation) -> Check:
    """The person consents to the channel and purpose, or where that suffices does not object."""
    return _of(consented(now.consents, wish(request, now), now.policy))


def platform(request: Request, now: Situation) -> Check:
    """The platform's own rules: WhatsApp takes free text after an answer only, and no marketing to US numbers."""
    if now.channel != "whatsapp":
        return Check("pass", "no_rule")
    if request.category == "marketing" and not AMERICAN.isdisjoint(_laws(now, of_phone=True)):
        return Check("deny", "whatsapp_marketing_us")
    if request.template_id is None and (now.wrote_at is None or now.now - now.wrote_at >= FREE_FORM):
        return Check("deny", "whatsapp_needs_template")
    return Check("pass", "template" if request.template_id else "within_24_hours")


def waking(request: Request, now: Situation) -> Check:
    """It is a legal hour by every clock that the person may live by; not knowing any, nobody sends."""
    if request.category == "transactional":
        return Check("pass", "transactional")
    hours = hours_for(now.policy.contact_windows, _laws(now), now.channel)
    if not hours:
        return Check("pass", "any_hour")
    if not now.zones.names:
        return Check("hold", "unknown_zone")
    found: Opening = opening(now.now, now.zones.names, hours)
    if found.is_open:
        return Check("pass", "legal_hour", found.until)
    return Check("hold", "quiet_hours", found.until) if found.until is not None else Check("deny", "no_legal_hour")


def capped(request: Request, now: Situation) -> Check:
    """One more message fits under the lead's own cap; the contact point's is asked when all else allows it."""
    if request.category == "transactional":
        return Check("pass", "transactional")
    if now.room.is_free:
        return Check("pass", "below_cap")
    return Check("deny", "cap", now.room.free_at)


CHECKS: tuple[tuple[str, Callable[[Request, Situation], Check]], ...] = (
    ("erased", remembered),
    ("time", in_time),
    ("address", reachable),
    ("history", settled),
    ("conflict", undoubted),
    ("suppression", suppressed),
    ("consent", allowed),
    ("platform", platform),
    ("quiet_hours", waking),
    ("cap", capped),
)


def checked(request: Request, now: Situation) -> list[tuple[str, Check]]:
    """Every check's name and answer, in order."""
    return [(name, check(request, now)) for name, check in CHECKS]


def verdict(checks: Sequence[tuple[str, Check]]) -> Check:
    """The answer of the first check that did not pass; a pass until the earliest instant that any of them names."""
    for _, check in checks:
        if check.outcome != "pass":
            return check
    return Check("pass", "allowed", min((check.until for _, check in checks if check.until is not None), default=None))


def wish(request: Request, now: Situation) -> Wish:
    """What somebody wants to send, as the consent ledger is asked."""
    return Wish(now.channel, request.purpose, request.category, now.region)


def _of(permission: Permission) -> Check:
    return Check("pass" if permission.allowed else "deny", permission.reason)


def _laws(now: Situation, *, of_phone: bool = False) -> tuple[Jurisdiction, ...]:
    return jurisdictions_of(None if of_phone else now.country, now.phone, now.region)
