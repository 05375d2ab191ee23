"""People who should act on a lead are told by a webhook, if the policy names one for them, and how to look it up.

A message holds ids, figures and commands, nothing personal. Whether it came changes nothing for the lead; where it did
not, or nobody knows, that is an incident.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from models.money import minor_digits
from processors.base import Context, Emit, Output
from processors.lead.history import lead_id
from processors.lead.score import Log
from schemas.events.base import as_datetime
from schemas.events.effects import EffectDone, EffectRequested, LeadReplied
from schemas.events.gate import ApprovalRequested
from schemas.events.incidents import IncidentRaised
from schemas.ids import derived_id

_PARTS = ("budget", "urgency", "engagement", "readiness")


def tell(_: None, event: ApprovalRequested | LeadReplied | EffectDone, ctx: Context) -> tuple[None, Sequence[Output]]:
    """Ask for a post to reviewers or sales, or hear what became of one."""
    match event:
        case ApprovalRequested():
            about = ("approval", event.approval_id, event.occurred_at)
            return None, _posted("reviewers", about, event.answer_by, _wanted(event, ctx), ctx)
        case LeadReplied():
            about = ("reply", event.reply_id, event.occurred_at)
            until = event.occurred_at + ctx.policy.contact_not_after
            return None, _posted("sales", about, until, _answered(event), ctx)
        case EffectDone(outcome="done"):
            return None, ()
    detail = f"{event.about} not told to {event.target[:24]}: {event.outcome}, {event.reason}"
    raised = IncidentRaised.build(
        occurred_at=event.occurred_at, lead_id=lead_id(ctx), kind="not_told", severity="warning", detail=detail[:64]
    )
    return None, [Emit(raised)]


def _posted(who: str, about: tuple[str, str, int], until: int, text: str, ctx: Context) -> Sequence[Output]:
    """A post about something: what it is, its id, of when."""
    target = next((name for role, name in ctx.policy.webhooks if role == who), None)
    if target is None:
        return ()
    request = EffectRequested.build(
        occurred_at=about[2],
        request_id=derived_id("tell", ctx.workspace, *about[:2]),
        kind="webhook",
        target=target,
        about=about[0],
        about_id=about[1],
        lead_id=lead_id(ctx),
        reply_stage="lead",
        reply_key=lead_id(ctx),
        not_after=until,
        payload=text,
    )
    return [Emit(request)]


def _wanted(request: ApprovalRequested, ctx: Context) -> str:
    log: Log = ctx.slices["score"]
    parts = ", ".join(f"{name} {points}" for name, points in zip(_PARTS, log.told, strict=True))
    in_inr = f" ({_money(request.value_inr_minor, 'INR')})" if request.currency != "INR" else ""
    return (
        f"Approval wanted by {_clock(request.answer_by)}: lead {request.lead_id} is {request.temperature}, score "
        f"{request.score} ({parts}), worth {_money(request.value_minor, request.currency)}"
        f"{in_inr}. Without an answer it is treated as standard.\n"
        f"Look: `fineacers lead show {request.lead_id}`\n"
        f"Answer: `fineacers approvals decide {request.approval_id} approved --reason …`, or rejected"
    )


def _answered(reply: LeadReplied) -> str:
    after = f" after {reply.step}" if reply.step is not None else ""
    return (
        f"Lead {reply.lead_id} answered at {_clock(reply.occurred_at)}. Its nurture sequence of "
        f"{_clock(reply.since)} has stopped{after}; please take over.\n"
        f"Look: `fineacers lead show {reply.lead_id}`"
    )


def _clock(at: int) -> str:
    return f"{as_datetime(at):%Y-%m-%d %H:%M} UTC"


def _money(minor: int, currency: str) -> str:
    digits = minor_digits(currency)
    return f"{Decimal(minor).scaleb(-digits):,.{digits}f} {currency}"
