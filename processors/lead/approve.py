"""A hot lead of high value is premium only when a person says so; without a word in time it is standard.

One person is asked once for as long as a lead stays hot, when it becomes hot or, being hot, is found to be worth so
much. The first word in the log wins, a timer's among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from models.local_time import local_day
from models.money import convert
from processors.base import CancelTimer, Context, DeadLetter, Drop, Emit, Output, Timer, TimerFired
from processors.lead.advance import Temperatures
from processors.lead.history import lead_id
from processors.lead.profile import Profile
from processors.lead.score import Log
from schemas.events.base import MAX_MINOR, instant_text
from schemas.events.decisions import TemperatureChanged
from schemas.events.gate import ApprovalConcluded, ApprovalRequested, Tier
from schemas.events.governance import ApprovalDecided
from schemas.events.profiles import LeadProfiled
from schemas.ids import derived_id

ANSWER = "answer"
MAX_CONCLUDED = 16

_INR = "INR"
_TOLD = ("budget_minor", "currency", "property_id", "owner_id")


class Concluded(msgspec.Struct, frozen=True, array_like=True):
    """How a request ended, when (microseconds), and by whose word."""

    reason: Literal["approved", "rejected", "no_answer"]
    at: int
    decided_by: str | None = None


class Approvals(msgspec.Struct, frozen=True):
    """The request that is open, how the newest ``MAX_CONCLUDED`` others ended, and the lead's tier.

    ``asked`` is for as long as the lead is hot.
    """

    open: str | None = None
    concluded: dict[str, Concluded] = {}
    tier: Tier = "standard"
    is_hot: bool = False
    asked: bool = False


Event = TemperatureChanged | LeadProfiled | ApprovalDecided | TimerFired


def approve(held: Approvals | None, event: Event, ctx: Context) -> tuple[Approvals | None, Sequence[Output]]:
    """Ask for approval when the lead is both hot and of high value, and conclude with the first answer or with none."""
    before = held or Approvals()
    match event:
        case TimerFired():
            after, outputs = _concluded(before, Concluded("no_answer", event.due), ctx)
        case ApprovalDecided():
            after, outputs = _answered(before, event, ctx)
        case TemperatureChanged():
            after, outputs = _asked(_warmed(before, event, ctx), event.occurred_at, ctx)
        case _:
            after, outputs = _asked(before, event.occurred_at, ctx)
    return (held if after == before else after), outputs


def _warmed(before: Approvals, event: TemperatureChanged, ctx: Context) -> Approvals:
    """Whether the lead is hot; of several records that a pass restates the past with, the last one says."""
    told: Temperatures = ctx.slices["advance"]
    is_hot = event.temperature == "hot"
    if event.seq < told.seq or is_hot == before.is_hot:
        return before
    return replace(before, is_hot=is_hot, asked=is_hot and before.open is not None)


def _asked(before: Approvals, at: int, ctx: Context) -> tuple[Approvals, Sequence[Output]]:
    """With a request for approval where one is due, for a cause of an instant."""
    if not before.is_hot or before.asked or before.tier == "premium":
        return before, ()
    profile: Profile = ctx.slices["profile"]
    said = {name: one.value for name in _TOLD if (one := profile.newest(name)) is not None}
    value = int(said.get("budget_minor", 0))
    if not value:
        return before, ()
    in_inr = _in_inr(value, str(said.get("currency", "")), at, ctx)
    if in_inr is None:
        return before, [Drop("no_rate")]
    if in_inr < ctx.policy.approval_from_inr:
        return before, ()
    if ctx.is_stale(at):
        return before, [Drop("stale")]
    log: Log = ctx.slices["score"]
    request = ApprovalRequested.build(
        occurred_at=at,
        approval_id=derived_id("approval", ctx.key, ctx.cause),
        lead_id=lead_id(ctx),
        temperature="hot",
        score=sum(log.told),
        value_minor=value,
        currency=said["currency"],
        value_inr_minor=in_inr,
        property_id=said.get("property_id"),
        owner_id=said.get("owner_id"),
        answer_by=at + ctx.policy.approval_wait,
    )
    after = replace(before, open=request.approval_id, asked=True)
    return after, [Emit(request), Timer(ANSWER, request.answer_by)]


def _in_inr(minor: int, currency: str, at: int, ctx: Context) -> int | None:
    """Paise at the rate of the local day, at most what an amount may be; none without a currency or a rate."""
    if currency == _INR:
        return minor
    rate = ctx.control.rate_on(currency, _INR, local_day(at, ctx.policy.time_zone))
    return min(convert(minor, rate.rate, currency, _INR), MAX_MINOR) if rate is not None else None


def _answered(before: Approvals, fact: ApprovalDecided, ctx: Context) -> tuple[Approvals, Sequence[Output]]:
    if fact.approval_id == before.open:
        word = Concluded(fact.decision, fact.occurred_at, fact.decided_by)
        after, outputs = _concluded(before, word, ctx)
        return after, [*outputs, CancelTimer(ANSWER)]
    ended = before.concluded.get(fact.approval_id)
    if ended is None:
        detail = "no such request of this lead: name the approval_id and lead_id of a request, and no other identifier"
        return before, [DeadLetter("unknown_approval", detail)]
    how = f"{ended.reason} by {ended.decided_by}, {instant_text(ended.at)}: the first word stands"
    if ended.reason == "no_answer":
        how = f"nobody had answered by {instant_text(ended.at)}: the lead is treated as standard"
    return before, [DeadLetter("approval_concluded", how)]


def _concluded(before: Approvals, how: Concluded, ctx: Context) -> tuple[Approvals, Sequence[Output]]:
    """The open request ends."""
    assert before.open is not None, "the timer is cancelled with the request"
    tier: Tier = "premium" if how.reason == "approved" else "standard"
    newest = [*before.concluded.items(), (before.open, how)][-MAX_CONCLUDED:]
    concluded = ApprovalConcluded.build(
        occurred_at=how.at,
        approval_id=before.open,
        lead_id=lead_id(ctx),
        tier=tier,
        reason=how.reason,
        decided_by=how.decided_by,
    )
    return replace(before, open=None, concluded=dict(newest), tier=tier), [Emit(concluded)]
