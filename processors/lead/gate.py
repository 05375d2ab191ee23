"""May this person be contacted, now, this way? Whoever asks, the platform too, gets one answer, with a receipt.

Two doors must open. Here all checks are made; where they pass, the contact point is asked for a slot, and on its grant
they are made once more, for history may have arrived meanwhile (identity specification, section 4, "Caps").
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from models.consent.slots import Slot
from models.consent.statements import statements
from models.identity.binding import lead_at
from models.local_time import iso_week
from processors.base import CancelTimer, Context, DeadLetter, Drop, Emit, Output, Timer, TimerFired
from processors.lead import asking
from processors.lead.checks import Check, Situation, checked, verdict
from processors.lead.history import HistoryErased, HistoryGiven, HistoryTaken, brought_by, lead_id
from processors.lead.receipt import Decision, receipt, unsubscribe_token
from processors.lead.requests import MAX_HELD, Asked, No, Request, Requests, joined, parted
from processors.lead.situation import situation
from processors.noting import noted
from schemas.events.base import Event
from schemas.events.contact import DeliveryReported, OutreachRequested, PersonalChannel
from schemas.events.gate import ContactProposed
from schemas.events.reserving import Granted, Refused, Release, Reserve

WAKE = "wake"
Answer = tuple[Requests, list[Output]]
Looked = tuple[Situation, Decision]


def gate(
    identity_key: bytes, held: Requests | None, event: Event | TimerFired, ctx: Context
) -> tuple[Requests | None, Sequence[Output]]:
    """Decide a request, go on with one that a contact point answered, or look again at those held.

    ``identity_key`` seals the tokens by which recipients object.
    """
    before = held or Requests()
    match event:
        case OutreachRequested():
            after, outputs = _outreach(before, event, ctx)
        case ContactProposed():
            after, outputs = _proposal(before, event, ctx)
        case Granted():
            after, outputs = _granted(before, event, ctx, identity_key)
        case Refused():
            after, outputs = _refused(before, event, ctx)
        case DeliveryReported():
            after, outputs = _delivered(before, event, ctx)
        case HistoryErased():
            after, outputs = before, _last_words(before, event.parts.get("gate"), ctx)
        case HistoryGiven():
            rest, by_lead = parted(before, event.whereabouts(ctx))
            after, outputs = joined(rest, by_lead.get(lead_id(ctx))), []
        case HistoryTaken():
            after, outputs = _taken(before, event.parts.get("gate"), ctx)
        case TimerFired():
            after, outputs = _again(msgspec.structs.replace(before, wakes=None), ctx, due=event.due)
        case _:  # who the lead is, or what is known of its identifiers, has changed
            after, outputs = _again(before, ctx)
    if after == before and not outputs:
        return held, ()
    after, timer = _timed(after, ctx)
    return after, [*outputs, *timer]


# -- requests


def _outreach(before: Requests, fact: OutreachRequested, ctx: Context) -> Answer:
    known = before.find(fact.message_id)
    content = known[1].digest if known is not None else before.decided_as(fact.message_id)
    if content is not None:
        if content == asking.digest(fact):
            return before, [Drop("repeated")]
        detail = "another request has this message_id and other content: give each message an id of its own"
        return before, [DeadLetter("message_id_conflict", detail)]
    if not asking.is_approved(fact.template_id, ctx):
        return before, [DeadLetter("unknown_template", "no approved template has this id: see the policy's templates")]
    if ctx.is_stale(fact.occurred_at):
        return before, [Drop("stale")]
    return _opened(before, brought_by(ctx), asking.outreach(fact, ctx), ctx)


def _proposal(before: Requests, proposed: ContactProposed, ctx: Context) -> Answer:
    if before.find(proposed.message_id) or before.decided_as(proposed.message_id) is not None:
        return before, [Drop("repeated")]
    if not _is_here(lead_id(ctx), proposed.occurred_at, ctx):
        return before, [Drop("moved")]  # this lead is another by now, which proposes for itself
    return _opened(before, lead_id(ctx), asking.proposal(proposed, ctx), ctx)


def _opened(gate_: Requests, who: str, request: Request, ctx: Context) -> Answer:
    return _decided(gate_.with_open(who, request), who, request, ctx)


# -- decisions


def _decided(gate_: Requests, who: str, request: Request, ctx: Context) -> Answer:
    """Ask the contact point of the first channel that nothing here forbids; else hold, or deny."""
    looked = [_looked_at(gate_, request, channel, ctx) for channel in request.channels]
    for now, decision in looked:
        if decision.answer.outcome == "pass" and now.point is not None:
            return _reserved(gate_, who, request, now, ctx)
    holding = (pair for pair in looked if pair[1].answer.outcome == "hold")
    now, decision = next(holding, None) or max(looked, key=lambda pair: pair[1].passed)
    if decision.answer.outcome == "hold" and (request.held_for or gate_.held < MAX_HELD):
        return _held(gate_, who, request, (now, decision), ctx)
    if decision.answer.outcome == "hold":
        decision = decision._replace(answer=Check("deny", "too_many_held"))
    request = msgspec.structs.replace(request, seq=request.seq + 1)
    return gate_.with_decided(who, request, ctx.now), [Emit(receipt(request, now, decision, ctx))]


def _looked_at(gate_: Requests, request: Request, channel: PersonalChannel, ctx: Context) -> Looked:
    """What the checks say of a channel, and its contact point of now, where that has refused."""
    now = situation(gate_, request, channel, ctx)
    checks = checked(request, now)
    no = request.refused.get(f"{channel}/{now.point[0]}") if now.point is not None else None
    if no is not None:
        checks.append(("contact_point", Check("deny", no.reason, no.until)))
    return now, Decision(checks, verdict(checks))


def _held(gate_: Requests, who: str, request: Request, looked: Looked, ctx: Context) -> Answer:
    """Held; that is said once as long as it is for the same reason and time."""
    now, decision = looked
    reason, until = decision.answer.reason, decision.answer.until
    is_news = (request.held_for, request.until) != (reason, until)
    request = msgspec.structs.replace(
        request, asked=None, refused={}, held_for=reason, until=until, seq=request.seq + is_news
    )
    return gate_.with_open(who, request), [Emit(receipt(request, now, decision, ctx))] if is_news else []


def _reserved(gate_: Requests, who: str, request: Request, now: Situation, ctx: Context) -> Answer:
    """Open, with a contact point asked."""
    assert now.point is not None
    point, kind = now.point
    asked = Asked(now.channel, kind, point, ctx.now)
    request = msgspec.structs.replace(request, asks=request.asks + 1, asked=asked)
    return gate_.with_open(who, request), [Emit(_reserve(request, asked, now.zones.names, ctx))]


def _reserve(request: Request, asked: Asked, zones: Sequence[str], ctx: Context) -> Reserve:
    return Reserve.build(
        occurred_at=ctx.now,
        subject=f"{asked.kind}:{asked.point}",
        lead_id=lead_id(ctx),
        message_id=request.message_id,
        ask=request.asks,
        at=asked.at,
        channel=asked.channel,
        purpose=request.purpose,
        category=request.category,
        week=iso_week(asked.at, zones[0] if zones else ctx.policy.time_zone),
    )


# -- answers


def _granted(gate_: Requests, event: Granted, ctx: Context, identity_key: bytes) -> Answer:
    found = gate_.find(event.message_id)
    if found is None or found[1].asked is None or found[1].asks != event.ask:
        return gate_, [Drop("answered_elsewhere")]
    who, request = found
    asked = request.asked
    assert asked is not None
    now = situation(gate_, request, asked.channel, ctx, asked)
    checks = checked(request, now)
    answer = verdict(checks)
    if answer.outcome != "pass":
        release = Release.build(
            occurred_at=ctx.now,
            subject=f"{asked.kind}:{asked.point}",
            message_id=request.message_id,
            ask=request.asks,
        )
        after, outputs = _decided(gate_, who, msgspec.structs.replace(request, asked=None), ctx)
        return after, [Emit(release), *outputs]
    if request.category == "marketing":
        week = iso_week(asked.at, now.zones.names[0] if now.zones.names else ctx.policy.time_zone)
        gate_ = gate_.with_sent(asked.point, Slot(request.message_id, asked.channel, asked.at, week))
    request = msgspec.structs.replace(request, seq=request.seq + 1)
    decision = Decision(checks, answer, event, unsubscribe_token(identity_key, request, asked, ctx))
    return gate_.with_decided(who, request, ctx.now, asked.point), [Emit(receipt(request, now, decision, ctx))]


def _refused(gate_: Requests, event: Refused, ctx: Context) -> Answer:
    found = gate_.find(event.message_id)
    if found is None or found[1].asked is None or found[1].asks != event.ask:
        return gate_, [Drop("answered_elsewhere")]
    who, request = found
    assert request.asked is not None
    refused = {**request.refused, f"{request.asked.channel}/{request.asked.point}": No(event.reason, event.until)}
    return _decided(gate_, who, msgspec.structs.replace(request, asked=None, refused=refused), ctx)


def _delivered(gate_: Requests, fact: DeliveryReported, ctx: Context) -> Answer:
    """Only what was definitely not sent counts no more; an address that is unusable hears of it."""
    point = gate_.point_of(fact.message_id)
    known = ctx.slices["hold"].known.get(point)
    if known is None:
        return gate_, []
    subject = f"{known.kind}:{point}"
    if fact.status == "rejected":
        after = gate_.without_sent(fact.message_id)
        release = Release.build(occurred_at=ctx.now, subject=subject, message_id=fact.message_id, ask=_LAST)
        return after, [Emit(release)] if after != gate_ else []
    return gate_, [Emit(noted(said, subject)) for said in statements(fact)]


_LAST = 2**31 - 1
"""A message that was decided is never asked for again."""


# -- held


def _again(gate_: Requests, ctx: Context, due: int | None = None) -> Answer:
    """Look again at what is held; when it is time only at what is due."""
    outputs: list[Output] = []
    for who, request in gate_.all_open():
        if (
            request.asked is not None
            or (due is not None and _due(request) > due)
            or not _is_here(who, request.requested_at, ctx)
        ):
            continue
        gate_, more = _decided(gate_, who, request, ctx)
        outputs += more
    return gate_, outputs


def _is_here(who: str, at: int, ctx: Context) -> bool:
    """Whether an identifier's requests of an instant are this lead's; what this very pass has sent on is another's."""
    known = ctx.slices["hold"].known.get(who)
    return known is None or lead_at(known.rows, at, lead_id(ctx)) == lead_id(ctx)


def _taken(before: Requests, part: Requests | None, ctx: Context) -> Answer:
    """With another lead's history: its requests are asked for anew, under this lead's name."""
    after = joined(before, part)
    for who, bundle in (part or Requests()).by.items():
        for message_id in bundle.open:
            if message_id in after.by[who].open:
                request = msgspec.structs.replace(after.by[who].open[message_id], asked=None)
                after = after.with_open(who, request)
    return _again(after, ctx)


def _last_words(before: Requests, erased: Requests | None, ctx: Context) -> list[Output]:
    """To whoever waits for an answer to what is let go: no."""
    outputs: list[Output] = []
    for _, request in erased.all_open() if erased is not None else ():
        no = Decision([("erased", Check("deny", "erased"))], Check("deny", "erased"))
        now = situation(before, request, request.channels[0], ctx)
        outputs.append(Emit(receipt(msgspec.structs.replace(request, seq=request.seq + 1), now, no, ctx)))
    return outputs


def _due(request: Request) -> int:
    return min(request.until if request.until is not None else request.not_after, request.not_after)


def _timed(gate_: Requests, ctx: Context) -> tuple[Requests, list[Output]]:
    """The timer at the next instant at which a request held here is due."""
    held = [one for who, one in gate_.all_open() if one.asked is None and _is_here(who, one.requested_at, ctx)]
    wakes = min(map(_due, held), default=None)
    if wakes == gate_.wakes:
        return gate_, []
    return msgspec.structs.replace(gate_, wakes=wakes), [Timer(WAKE, wakes) if wakes is not None else CancelTimer(WAKE)]
