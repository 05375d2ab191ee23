"""What facts and proposals ask of the gate, as the request that it decides."""

from __future__ import annotations

import hashlib

from processors.base import Context
from processors.lead.requests import Request
from schemas.events.contact import OutreachRequested
from schemas.events.gate import Category, ContactProposed


def digest(fact: OutreachRequested) -> str:
    """What tells a request of some content from another with its message_id."""
    said = {name: value for name, value in fact.__dict__.items() if name not in ("event_id", "occurred_at")}
    return hashlib.blake2b(repr(sorted(said.items())).encode(), digest_size=8).hexdigest()


def is_approved(template_id: str | None, ctx: Context) -> bool:
    """Whether the policy knows a template; a message without one is free text."""
    return template_id is None or any(template_id == known for known, _ in ctx.policy.templates)


def outreach(fact: OutreachRequested, ctx: Context) -> Request:
    """A request from outside, for one channel."""
    assert fact.channel != "social", "posts go to their account's key"
    return Request(
        message_id=fact.message_id,
        digest=digest(fact),
        region=fact.region,
        requested_at=fact.occurred_at,
        not_after=fact.not_after or fact.occurred_at + ctx.policy.held_not_after,
        channels=(fact.channel,),
        purpose=fact.purpose,
        category=_category(fact.template_id, ctx),
        points={one.kind: one.hash for one in ctx.origin.identifiers},
        template_id=fact.template_id,
        campaign_id=fact.campaign_id,
    )


def proposal(proposed: ContactProposed, ctx: Context) -> Request:
    """A request of the platform itself, for the first of some channels that may be used."""
    return Request(
        message_id=proposed.message_id,
        digest="",
        region=proposed.region,
        requested_at=proposed.occurred_at,
        not_after=proposed.not_after,
        channels=tuple(proposed.channels),
        purpose=proposed.purpose,
        category=_category(proposed.template_id, ctx),
        template_id=proposed.template_id,
        step=proposed.step,
    )


def _category(template_id: str | None, ctx: Context) -> Category:
    """Said by the approved template, never by the caller."""
    return dict(ctx.policy.templates).get(template_id or "", "marketing")
