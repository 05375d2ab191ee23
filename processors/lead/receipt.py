"""The receipt of a decision: what every check answered, and what it rests on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from typing import NamedTuple
from uuid import UUID

from models.consent.ledger import consented, unsuppressed
from models.consent.slots import SENT_WITHIN
from models.consent.unsubscribe import UNSUBSCRIBE, Sent
from processors.base import Context
from processors.lead.checks import Check, Situation, wish
from processors.lead.history import lead_id
from processors.lead.requests import Asked, Request
from schemas.events.gate import CheckMade, ContactDecided
from schemas.events.reserving import Granted

_DECISION = {"pass": "allow", "hold": "hold", "deny": "deny"}


class Decision(NamedTuple):
    """What the checks answered, what that comes to, and the contact point's grant, without which nothing is allowed.

    ``unsubscribe``: the token by which its recipient objects to more.
    """

    checks: Sequence[tuple[str, Check]]
    answer: Check
    granted: Granted | None = None
    unsubscribe: str | None = None

    @property
    def passed(self) -> int:
        """How many checks passed before the first that did not: of several channels the last to fail is told."""
        return sum(1 for _ in takewhile(lambda made: made[1].outcome == "pass", self.checks))


def unsubscribe_token(identity_key: bytes, request: Request, asked: Asked, ctx: Context) -> str | None:
    """What the link of an allowed marketing e-mail bears (RFC 8058)."""
    if request.category != "marketing" or asked.channel != "email":
        return None
    return UNSUBSCRIBE.sealed(identity_key, Sent(ctx.workspace, request.region, request.message_id, UUID(asked.point)))


def receipt(request: Request, now: Situation, decision: Decision, ctx: Context) -> ContactDecided:
    """The record of a decision; an allow speaks as of the instant at which the slot was asked for and is counted."""
    checks, answer, granted, unsubscribe = decision
    counts = request.category == "marketing" and now.room.most is not None
    used = max(now.room.used, granted.used - 1 if granted is not None else 0)
    made = [
        CheckMade.build(check=name, outcome=check.outcome, reason=check.reason, until=check.until)
        for name, check in checks
    ]
    until = answer.until
    return ContactDecided.build(
        occurred_at=request.asked.at if granted is not None and request.asked is not None else ctx.now,
        lead_id=lead_id(ctx),
        message_id=request.message_id,
        seq=request.seq,
        decision=_DECISION[answer.outcome],
        reason=answer.reason,
        requested_at=request.requested_at,
        channel=now.channel,
        contact_point=now.point[0] if now.point is not None else None,
        purpose=request.purpose,
        category=request.category,
        template_id=request.template_id,
        campaign_id=request.campaign_id,
        step=request.step,
        checks=made,
        policy_version=ctx.policy.version,
        consent_id=_consent_id(request, now),
        time_zones=list(now.zones.names),
        zone_source=now.zones.source,
        cap=now.room.most if counts else None,
        cap_span=now.room.span if counts else None,
        used_before=used if counts else 0,
        used_after=used + (granted is not None) if counts else 0,
        not_after=min(until or request.not_after, ctx.now + SENT_WITHIN) if granted is not None else None,
        next_at=None if granted is not None else until,
        unsubscribe=unsubscribe,
    )


def _consent_id(request: Request, now: Situation) -> str | None:
    """The statement that the decision rests on, if it rests on one."""
    found = unsuppressed(now.consents)
    if found.allowed:
        found = consented(now.consents, wish(request, now), now.policy)
    return found.consent_id
