"""A cold lead is written to on a few days after it was routed to nurture, until it books, answers or objects.

Nothing starts for an old cause. A day that passed while the platform stood still is left out, not made up for. What a
person did before the sequence began does not stop it, so that old files may be imported again; an objection does,
whatever its time, and for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec.structs import replace

from models.consent.words import is_stop
from models.touches import is_click_class
from processors.base import CancelTimer, Context, Drop, Emit, Output, Timer, TimerFired
from processors.lead.approve import Approvals
from processors.lead.history import lead_id
from processors.lead.path import Path
from schemas.events.base import DAY
from schemas.events.bookings import BookingChanged
from schemas.events.clicks import ClickRecorded
from schemas.events.contact import Channel, ConsentChanged, MessageReceived
from schemas.events.decisions import LeadRouted
from schemas.events.gate import ContactProposed, Tier
from schemas.events.touchpoints import TouchpointRecorded
from schemas.ids import derived_id

NEXT = "next"
CHANNELS: list[Channel] = ["email"]
"""Of a cold lead's channels, social and e-mail, the one that reaches a person; social posts go to an account."""

_READS = frozenset({"email_opened", "whatsapp_read"})

Reason = Literal["booking", "opt_out", "reply", "warmer", "moved"]


class Proposed(msgspec.Struct, frozen=True, array_like=True):
    """A message that was proposed, when (microseconds), and the touches since, by kind, until the next one.

    They came after it, not provably by it: a touch does not name the message. Opens that a machine made are among them.
    """

    step: str
    at: int
    touches: dict[str, int] = {}


class Nurturing(msgspec.Struct, frozen=True):
    """The lead's last sequence: since when, what was proposed, and on which day (none: never) the next message is due.

    ``stopped`` says why it ended before its last day. Bound: a sequence has at most 366 days, a touch one of 17 kinds.
    """

    tier: Tier = "standard"
    since: int = 0
    next_day: int | None = None
    proposed: tuple[Proposed, ...] = ()
    stopped: Reason | None = None


Touched = TouchpointRecorded | ClickRecorded
Event = LeadRouted | BookingChanged | ConsentChanged | MessageReceived | Touched | TimerFired
Answer = tuple[Nurturing | None, Sequence[Output]]


def nurture(held: Nurturing | None, event: Event, ctx: Context) -> Answer:
    """Start a sequence, propose its next message, count what comes back, and stop for a reason."""
    match event:
        case TimerFired():
            assert held is not None and held.next_day is not None, "the timer is cancelled with the sequence"
            return _proposed(held, held.next_day, ctx)
        case LeadRouted(route="nurture"):
            return _started(held, event, ctx)
        case TouchpointRecorded() | ClickRecorded() if held is not None and held.stopped is None:
            held = _counted(held, event, ctx)
    return _stopped(held, _reason_to_stop(event), event.occurred_at)


def _started(held: Nurturing | None, event: LeadRouted, ctx: Context) -> Answer:
    if held is not None and held.stopped == "opt_out":
        return held, ()
    if ctx.is_stale(event.occurred_at):
        return held, [Drop("stale")]
    approvals: Approvals | None = ctx.slices.get("approve")
    tier: Tier = approvals.tier if approvals is not None else "standard"
    return _with_next(Nurturing(tier, event.occurred_at), -1, ctx)


def _proposed(held: Nurturing, day: int, ctx: Context) -> Answer:
    """With the message of a day, unless it is long past, and the wait for the next one."""
    after, waiting = _with_next(held, day, ctx)
    due = held.since + day * DAY
    if ctx.is_stale(due):
        return after, [Drop("stale"), *waiting]
    step = f"{held.tier}-{day}"
    message = ContactProposed.build(
        occurred_at=due,
        lead_id=lead_id(ctx),
        message_id=derived_id("nurture", ctx.key, held.since, step),
        purpose="nurture",
        template_id="nurture",
        channels=CHANNELS,
        not_after=due + ctx.policy.contact_not_after,
        step=step,
    )
    return replace(after, proposed=(*held.proposed, Proposed(step, due))), [Emit(message), *waiting]


def _with_next(held: Nurturing, day: int, ctx: Context) -> tuple[Nurturing, Sequence[Output]]:
    """Waiting for the first day after ``day`` that the policy in force has for the tier."""
    days = dict(ctx.policy.sequences).get(held.tier, ())
    next_day = next((one for one in days if one > day), None)
    waiting = [Timer(NEXT, held.since + next_day * DAY)] if next_day is not None else []
    return replace(held, next_day=next_day), waiting


def _counted(held: Nurturing, touch: Touched, ctx: Context) -> Nurturing:
    """With a touch that is new here, counted for the last message that was proposed before it."""
    id_, kind = (touch.click_id, "click") if isinstance(touch, ClickRecorded) else (touch.touch_id, touch.kind)
    path: Path | None = ctx.slices.get("path")  # as the pass before left it
    is_known = path is not None and id_ in path.touches
    place = sum(one.at <= touch.occurred_at for one in held.proposed) - 1
    if is_known or place < 0 or not (kind in _READS or is_click_class(kind)):
        return held
    before = held.proposed[place]
    counted = replace(before, touches={**before.touches, kind: before.touches.get(kind, 0) + 1})
    return replace(held, proposed=(*held.proposed[:place], counted, *held.proposed[place + 1 :]))


def _reason_to_stop(event: Event) -> Reason | None:
    match event:
        case ConsentChanged(granted=False):
            return "opt_out"
        case MessageReceived():
            return "opt_out" if is_stop(event.text) else "reply"
        case TouchpointRecorded(kind="reply"):
            return "reply"
        case BookingChanged(status="booked" | "contracted"):
            return "booking"
        case LeadRouted():
            return "moved" if event.route == "none" else "warmer"
    return None


def _stopped(held: Nurturing | None, reason: Reason | None, at: int) -> Answer:
    """Stopped for a reason of an instant, if it is one."""
    if reason == "opt_out":
        return replace(held or Nurturing(), next_day=None, stopped=reason), [CancelTimer(NEXT)]
    if reason is None or held is None or held.stopped is not None:
        return held, ()
    if at < held.since and reason in ("booking", "reply"):
        return held, ()
    return replace(held, next_day=None, stopped=reason), [CancelTimer(NEXT)]
