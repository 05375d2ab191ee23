"""A cold lead is written to on a few days after it was routed to nurture, until it books, answers or objects.

Nothing starts for an old cause. A day that passed while the platform stood still is left out, not made up for. What a
person did before the sequence began does not stop it, so that old files may be imported again; an objection does,
whatever its time, and for good. An answer is news for sales.
"""

from __future__ import annotations

from collections.abc import Sequence as Several

from msgspec.structs import replace

from models.consent.words import is_stop
from models.touches import is_click_class
from processors.base import CancelTimer, Context, Drop, Emit, Output, Timer, TimerFired
from processors.lead.approve import Approvals
from processors.lead.history import HistoryGiven, HistoryTaken, brought_by, lead_id
from processors.lead.path import Path
from processors.lead.route import Route
from processors.lead.sequences import Nurturing, Proposed, Reason, Sequence, after_day, joined, parted, settled
from schemas.events.bookings import BookingChanged
from schemas.events.clicks import ClickRecorded
from schemas.events.contact import Channel, ConsentChanged, MessageReceived
from schemas.events.decisions import LeadRouted
from schemas.events.effects import LeadReplied
from schemas.events.gate import ContactProposed, Tier
from schemas.events.touchpoints import TouchpointRecorded
from schemas.ids import derived_id

NEXT = "next"
CHANNELS: list[Channel] = ["email"]
"""Of a cold lead's channels, social and e-mail, the one that reaches a person; social posts go to an account."""

_READS = frozenset({"email_opened", "whatsapp_read"})
_WARM = frozenset({"email", "whatsapp_then_call"})

Touched = TouchpointRecorded | ClickRecorded
Moved = HistoryGiven | HistoryTaken
Happened = LeadRouted | BookingChanged | ConsentChanged | MessageReceived | Touched
Event = Happened | Moved | TimerFired
Answer = tuple[Nurturing, Several[Output]]


def nurture(held: Nurturing | None, event: Event, ctx: Context) -> tuple[Nurturing | None, Several[Output]]:
    """Start a sequence, propose its next message, count what comes back, stop for a reason, move with the history."""
    before = held or Nurturing()
    match event:
        case TimerFired():
            after, outputs = _proposed(before, ctx)
        case LeadRouted(route="nurture"):
            after, outputs = _started(before, event, ctx)
        case HistoryGiven():
            rest, by_lead = parted(before, event.whereabouts(ctx))
            after, outputs = _together(rest, by_lead.get(lead_id(ctx)), ctx), ()
        case HistoryTaken():
            after, outputs = _together(before, event.parts.get("nurture"), ctx), ()
        case TouchpointRecorded() | ClickRecorded():
            after, outputs = _stopped(_counted(before, event, ctx), event, ctx)
        case _:
            after, outputs = _stopped(before, event, ctx)
    if after == before:
        return held, outputs
    return after, [*outputs, *_timed(before, after)]


def _timed(before: Nurturing, after: Nurturing) -> Several[Output]:
    if after.due == before.due:
        return ()
    return [Timer(NEXT, after.due) if after.due is not None else CancelTimer(NEXT)]


def _days(ctx: Context, tier: Tier) -> tuple[int, ...]:
    return dict(ctx.policy.sequences).get(tier, ())


def _together(held: Nurturing, part: Nurturing | None, ctx: Context) -> Nurturing:
    """With a part of another lead's; a lead that is warm is in no sequence."""
    if part is None:
        return held
    both = settled(joined(held, part), lambda tier: _days(ctx, tier))
    route: Route | None = ctx.slices.get("route")
    return both.stopped("warmer", ctx.at) if route is not None and route.route in _WARM else both


def _started(held: Nurturing, event: LeadRouted, ctx: Context) -> Answer:
    """With a sequence, unless one is under way that has come here with history."""
    if held.objected or held.running is not None:
        return held, ()
    if ctx.is_stale(event.occurred_at):
        return held, [Drop("stale")]
    approvals: Approvals | None = ctx.slices.get("approve")
    tier: Tier = approvals.tier if approvals is not None else "standard"
    fresh = after_day(Sequence(tier, event.occurred_at), -1, lambda tier: _days(ctx, tier))
    return held.with_one(lead_id(ctx), fresh), ()


def _proposed(held: Nurturing, ctx: Context) -> Answer:
    """With the message that is due, unless it is long past, and the wait for the next one."""
    assert held.running is not None and held.due is not None, "the timer is cancelled with the sequence"
    (who, sequence), due = held.running, held.due
    day = sequence.next_day
    assert day is not None
    waiting = after_day(sequence, day, lambda tier: _days(ctx, tier))
    if ctx.is_stale(due):
        return held.with_one(who, waiting), [Drop("stale")]
    step = f"{sequence.tier}-{day}"
    message = ContactProposed.build(
        occurred_at=due,
        lead_id=lead_id(ctx),
        message_id=derived_id("nurture", f"{ctx.workspace}/{who}", sequence.since, step),
        purpose="nurture",
        template_id="nurture",
        channels=CHANNELS,
        not_after=due + ctx.policy.contact_not_after,
        step=step,
    )
    after = held.with_one(who, replace(waiting, proposed=(*sequence.proposed, Proposed(step, due))))
    return settled(after, lambda tier: _days(ctx, tier)), [Emit(message)]


def _counted(held: Nurturing, touch: Touched, ctx: Context) -> Nurturing:
    """With a touch of a person that is new here, counted for the last message that was proposed before it."""
    if held.running is None:
        return held
    who, sequence = held.running
    id_, kind = (touch.click_id, "click") if isinstance(touch, ClickRecorded) else (touch.touch_id, touch.kind)
    path: Path | None = ctx.slices.get("path")  # as the pass before left it
    is_known = path is not None and id_ in path.touches
    place = sum(one.at <= touch.occurred_at for one in sequence.proposed) - 1
    if is_known or place < 0 or not (kind in _READS or is_click_class(kind)) or _is_machine(touch):
        return held
    before = sequence.proposed[place]
    counted = replace(before, touches={**before.touches, kind: before.touches.get(kind, 0) + 1})
    proposed = (*sequence.proposed[:place], counted, *sequence.proposed[place + 1 :])
    return held.with_one(who, replace(sequence, proposed=proposed))


def _is_machine(touch: Touched) -> bool:
    return isinstance(touch, TouchpointRecorded) and bool(touch.machine)


def _reason_to_stop(event: Happened) -> Reason | None:
    match event:
        case ConsentChanged(granted=False):
            return "opt_out"
        case MessageReceived():
            return "opt_out" if is_stop(event.text) else "reply"
        case TouchpointRecorded(kind="reply") if not event.machine:
            return "reply"
        case BookingChanged(status="booked" | "contracted"):
            return "booking"
        case LeadRouted():
            return "moved" if event.route == "none" else "warmer"
    return None


def _stopped(held: Nurturing, event: Happened, ctx: Context) -> Answer:
    """Stopped, if an event is a reason to."""
    reason = _reason_to_stop(event)
    if reason is None:
        return held, ()
    if reason == "opt_out":
        held = replace(held, objected=tuple(sorted({*held.objected, brought_by(ctx)})))
    after = held.stopped(reason, event.occurred_at)
    if reason != "reply" or held.running is None or after.running == held.running:
        return after, ()
    _, answered = held.running
    replied = LeadReplied.build(
        occurred_at=event.occurred_at,
        lead_id=lead_id(ctx),
        reply_id=ctx.cause,
        tier=answered.tier,
        since=answered.since,
        step=answered.proposed[-1].step if answered.proposed else None,
    )
    return after, [Emit(replied)]
