"""A hot lead of high value is premium only when a person says so; without a word in time it is standard.

One person is asked once for as long as a lead stays hot, when it becomes hot or, being hot, is found to be worth so
much. The first word in the log wins, a timer's among them. Requests and how they ended belong to the identifier that
the lead is named after, and move with it: an answer addressed to the old lead is passed on and finds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from models.local_time import local_day
from models.money import convert
from models.scoring.standing import BANDS
from processors.base import CancelTimer, Context, DeadLetter, Drop, Emit, Output, Timer, TimerFired
from processors.lead.advance import Temperatures
from processors.lead.history import HistoryGiven, HistoryTaken, Whereabouts, lead_id
from processors.lead.profile import Profile
from processors.lead.score import Log
from schemas.events.base import MAX_INSTANT, MAX_MINOR, instant_text
from schemas.events.decisions import TemperatureChanged
from schemas.events.gate import ApprovalConcluded, ApprovalRequested, Tier
from schemas.events.governance import ApprovalDecided
from schemas.events.profiles import LeadProfiled
from schemas.ids import derived_id

ANSWER = "answer"
MAX_CONCLUDED = 16

_INR = "INR"


class Concluded(msgspec.Struct, frozen=True, array_like=True):
    """How a request ended, when (microseconds), and by whose word."""

    reason: Literal["approved", "rejected", "no_answer"]
    at: int
    decided_by: str | None = None


class Bundle(msgspec.Struct, frozen=True, array_like=True):
    """Of one identifier: until when the open requests wait, how the newest ``MAX_CONCLUDED`` others ended, the tier."""

    open: dict[str, int] = {}
    concluded: dict[str, Concluded] = {}
    tier: Tier = "standard"


class Approvals(msgspec.Struct, frozen=True):
    """Bundles by identifier; ``asked`` is for as long as the lead is hot."""

    by: dict[str, Bundle] = {}
    is_hot: bool = False
    asked: bool = False

    @property
    def open(self) -> dict[str, int]:
        """Until when each open request waits; two leads that have become one may have one each."""
        return {one: until for bundle in self.by.values() for one, until in bundle.open.items()}

    @property
    def answer_by(self) -> int | None:
        """When the first of them ends."""
        return min(self.open.values(), default=None)

    @property
    def tier(self) -> Tier:
        """Premium once somebody has said so."""
        return "premium" if any(bundle.tier == "premium" for bundle in self.by.values()) else "standard"


Event = TemperatureChanged | LeadProfiled | ApprovalDecided | HistoryGiven | HistoryTaken | TimerFired


def approve(held: Approvals | None, event: Event, ctx: Context) -> tuple[Approvals | None, Sequence[Output]]:
    """Ask for approval when the lead is both hot and of high value, and conclude with the first answer or with none."""
    before, after, outputs = held or Approvals(), held or Approvals(), list[Output]()
    match event:
        case TimerFired():
            for one in sorted(one for one, until in before.open.items() if until <= event.due):
                after, more = _concluded(after, one, Concluded("no_answer", before.open[one]), ctx)
                outputs += more
        case ApprovalDecided():
            after, outputs = _answered(before, event, ctx)
        case HistoryGiven():
            rest, by_lead = parted(before, event.whereabouts(ctx))
            after = joined(rest, by_lead.get(lead_id(ctx)), is_hot=before.is_hot)
        case HistoryTaken():
            after = joined(before, event.parts.get("approve"), is_hot=_is_hot_now(ctx))
        case TemperatureChanged():
            after, outputs = _asked(_warmed(before, event, ctx), event.occurred_at, ctx)
        case _:
            after, outputs = _asked(before, event.occurred_at, ctx)
    if after.answer_by != before.answer_by:
        outputs.append(Timer(ANSWER, after.answer_by) if after.answer_by is not None else CancelTimer(ANSWER))
    return (held if after == before else after), outputs


def parted(held: Approvals, where: Whereabouts) -> tuple[Approvals, dict[str, Approvals]]:
    """Without an identifier's bundle, and this for the lead that the identifier belongs to now.

    That a lead which is hot was asked about goes with the identifier that it is named after.
    """
    bundle = held.by.get(where.identifier)
    if bundle is None:
        return held, {}
    asked = held.asked if where.is_anchor else bool(bundle.open)
    rest = replace(held, by={who: one for who, one in held.by.items() if who != where.identifier})
    return rest, {where.lead_at(MAX_INSTANT): Approvals({where.identifier: bundle}, asked=asked)}


def joined(held: Approvals, part: Approvals | None, *, is_hot: bool) -> Approvals:
    """Together with a part of another lead's, whose heat is this lead's, too, if that is hot."""
    if part is None:
        return held
    by = dict(held.by)
    for who, more in part.by.items():
        known = by.get(who, Bundle())
        concluded = dict([*known.concluded.items(), *more.concluded.items()][-MAX_CONCLUDED:])
        waiting = {one: until for one, until in {**known.open, **more.open}.items() if one not in concluded}
        by[who] = Bundle(waiting, concluded, "premium" if "premium" in (known.tier, more.tier) else "standard")
    return replace(held, by=by, asked=held.asked or (is_hot and part.asked))


def _is_hot_now(ctx: Context) -> bool:
    told: Temperatures | None = ctx.slices.get("advance")
    return told is not None and bool(told.published) and told.published[-1].after == BANDS.index("hot")


def _warmed(before: Approvals, event: TemperatureChanged, ctx: Context) -> Approvals:
    """Whether the lead is hot; of several records that a pass restates the past with, the last one says."""
    told: Temperatures = ctx.slices["advance"]
    is_hot = event.temperature == "hot"
    if event.seq < told.seq or is_hot == before.is_hot:
        return before
    return replace(before, is_hot=is_hot, asked=is_hot and (before.asked or bool(before.open)))


def _asked(before: Approvals, at: int, ctx: Context) -> tuple[Approvals, list[Output]]:
    """With a request for approval where one is due, for a cause of an instant."""
    if not before.is_hot or before.asked or before.tier == "premium":
        return before, []
    profile: Profile = ctx.slices["profile"]
    said = {name: one.value for name, one in profile.newest_words().items()}
    value = int(said.get("budget_minor", 0))
    if not value:
        return before, []
    in_inr = _in_inr(value, str(said.get("currency", "")), at, ctx)
    if in_inr is None:
        return before, [Drop("no_rate")]
    if in_inr < ctx.policy.approval_from_inr:
        return before, []
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
        answer_by=max(at, ctx.now) + ctx.policy.approval_wait,  # of a cause that came late, too, all the time there is
    )
    who = lead_id(ctx)
    bundle = before.by.get(who, Bundle())
    bundle = replace(bundle, open={**bundle.open, request.approval_id: request.answer_by})
    return replace(before, by={**before.by, who: bundle}, asked=True), [Emit(request)]


def _in_inr(minor: int, currency: str, at: int, ctx: Context) -> int | None:
    """Paise at the rate of the local day, at most what an amount may be; none without a currency or a rate."""
    if currency == _INR:
        return minor
    rate = ctx.control.rate_on(currency, _INR, local_day(at, ctx.policy.time_zone))
    return min(convert(minor, rate.rate, currency, _INR), MAX_MINOR) if rate is not None else None


def _answered(before: Approvals, fact: ApprovalDecided, ctx: Context) -> tuple[Approvals, list[Output]]:
    if fact.approval_id in before.open:
        return _concluded(before, fact.approval_id, Concluded(fact.decision, fact.occurred_at, fact.decided_by), ctx)
    ends = (bundle.concluded.get(fact.approval_id) for bundle in before.by.values())
    ended = next((one for one in ends if one is not None), None)
    if ended is None:
        detail = "no such request of this lead: name the approval_id and lead_id of a request, and no other identifier"
        return before, [DeadLetter("unknown_approval", detail)]
    how = f"{ended.reason} by {ended.decided_by}, {instant_text(ended.at)}: the first word stands"
    if ended.reason == "no_answer":
        how = f"nobody had answered by {instant_text(ended.at)}: the lead is treated as standard"
    return before, [DeadLetter("approval_concluded", how)]


def _concluded(before: Approvals, one: str, how: Concluded, ctx: Context) -> tuple[Approvals, list[Output]]:
    """An open request ends."""
    tier: Tier = "premium" if how.reason == "approved" else "standard"
    who, bundle = next((who, bundle) for who, bundle in before.by.items() if one in bundle.open)
    waiting = {other: until for other, until in bundle.open.items() if other != one}
    newest = dict([*bundle.concluded.items(), (one, how)][-MAX_CONCLUDED:])
    concluded = ApprovalConcluded.build(
        occurred_at=how.at,
        approval_id=one,
        lead_id=lead_id(ctx),
        tier=tier,
        reason=how.reason,
        decided_by=how.decided_by,
    )
    return replace(before, by={**before.by, who: Bundle(waiting, newest, tier)}), [Emit(concluded)]
