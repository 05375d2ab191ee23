"""A contact point: what was said of it, and the slots of what it was sent. Its key is the address itself.

It never changes, so no merge can open a second slot on it, and what it was told here it holds whoever asks. A lead asks
with `Reserve` and hears `Granted` or `Refused`; a grant counts as sent until `Release` (identity specification, 4).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from models.consent.ledger import (
    NOTHING_SAID,
    Consents,
    Statement,
    Wish,
    consented,
    heard,
    since_erasure,
    unerased,
    unsuppressed,
)
from models.consent.slots import FORGOTTEN_AFTER, Slot, caps_of, room
from models.consent.statements import concerned, statements
from processors.base import Context, DeadLetter, Drop, Emit, Output
from processors.noting import noted, told
from processors.resolve.keys import key_of, subject_of
from processors.resolve.known import Strong
from schemas.events.base import Event, Identified
from schemas.events.reserving import ConsentNoted, ConsentTold, Granted, Refused, Release, Reserve

MAX_RELEASED = 64


class Point(msgspec.Struct, frozen=True, array_like=True):
    """What was said of a contact point, its slots, and the ask up to which a message was released.

    Bound: what the caps allow within ``FORGOTTEN_AFTER``, and ``MAX_RELEASED``.
    """

    consents: Consents = NOTHING_SAID
    slots: tuple[Slot, ...] = ()
    released: dict[str, int] = {}


def hear_and_reserve(held: Point | None, event: Event, ctx: Context) -> tuple[Point | None, Sequence[Output]]:
    """Take in what a fact or another key says of this contact point, and answer leads that want to use it."""
    match event:
        case Identified():
            return _stated(held, event, ctx)
        case ConsentNoted():
            return _noted(held, event, ctx)
        case Reserve():
            return _reserve(held or Point(), event, ctx)
        case Release():
            return _released(held or Point(), event), ()
        case _:
            raise TypeError(type(event).__name__)


# -- consent


def _stated(held: Point | None, fact: Identified, ctx: Context) -> tuple[Point | None, Sequence[Output]]:
    """Note what a fact says here, and tell the other contact points that it names."""
    me, outputs = key_of(ctx), list[Output]()
    for said in statements(fact):
        points = concerned(said, ctx.origin.identifiers)
        if said.granted and not points:
            detail = f"consent is given by an address: name the one that {said.channel} reaches"
            return held, [DeadLetter("no_contact_point", detail)]
        for point in points:
            if point.hash == me.hash:
                held = _heard(held, said)
            else:
                outputs.append(Emit(noted(said, subject_of(point))))
    return held, outputs


def _noted(held: Point | None, message: ConsentNoted, ctx: Context) -> tuple[Point | None, Sequence[Output]]:
    """Take in what a fact at another key says, and let the lead know, which may be another than that fact's.

    Its binding is told to leads from here as well, so a lead hears of both in their order.
    """
    after = _heard(held, told(message))
    strong: Strong | None = ctx.slices.get("strong")
    if after is held or strong is None:
        return after, ()
    onward = ConsentTold.build(
        occurred_at=message.occurred_at,
        lead_id=strong.lead_id,
        contact_point=key_of(ctx).hash,
        consent_id=message.consent_id,
        channel=message.channel,
        purpose=message.purpose,
        granted=message.granted,
        suppressed=message.suppressed,
        unusable=message.unusable,
    )
    return after, [Emit(onward)]


def _heard(held: Point | None, said: Statement) -> Point:
    point = held or Point()
    consents = heard(point.consents, said)
    return point if consents is point.consents else msgspec.structs.replace(point, consents=consents)


# -- slots


def _reserve(point: Point, asked: Reserve, ctx: Context) -> tuple[Point, Sequence[Output]]:
    if asked.ask <= _newest_ask(point, asked.message_id):
        return point, [Drop("overtaken")]
    point = _without(point, asked)  # whoever asks again gives up what was granted before
    strong: Strong | None = ctx.slices.get("strong")
    if strong is None or strong.lead_id != asked.lead_id:
        return point, [_refused(asked, ctx, "moved")]
    policy = ctx.policy
    consents = since_erasure(point.consents, strong.erased_at)
    for permission in (
        unerased(consents, strong.erased_at),
        unsuppressed(consents),
        consented(consents, Wish(asked.channel, asked.purpose, asked.category, asked.region), policy),
    ):
        if not permission.allowed:
            return point, [_refused(asked, ctx, permission.reason)]
    if asked.category == "transactional":
        return point, [_granted(asked, ctx, used=0)]
    slot = Slot(asked.message_id, asked.channel, asked.at, asked.week, asked.ask)
    left = room(point.slots, slot, caps_of(policy, asked.region, asked.channel), policy.cap_window)
    if not left.is_free:
        return point, [_refused(asked, ctx, "cap", left.free_at)]
    kept = tuple(one for one in point.slots if one.at > asked.at - FORGOTTEN_AFTER)
    return msgspec.structs.replace(point, slots=(*kept, slot)), [_granted(asked, ctx, used=left.used + 1)]


def _newest_ask(point: Point, message_id: str) -> int:
    """The highest number under which a message was granted or released; below it others come too late."""
    granted = [slot.ask for slot in point.slots if slot.message_id == message_id]
    return max((*granted, point.released.get(message_id, -1)))


def _without(point: Point, event: Reserve | Release) -> Point:
    slots = tuple(one for one in point.slots if one.message_id != event.message_id)
    return msgspec.structs.replace(point, slots=slots)


def _released(point: Point, event: Release) -> Point:
    """Without the slot of a message that was not sent, unless it was granted anew since."""
    if event.ask < _newest_ask(point, event.message_id):
        return point
    released = {**point.released, event.message_id: max(event.ask, point.released.get(event.message_id, 0))}
    newest = dict(list(released.items())[-MAX_RELEASED:])
    return msgspec.structs.replace(_without(point, event), released=newest)


def _granted(asked: Reserve, ctx: Context, used: int) -> Emit:
    return Emit(
        Granted.build(
            occurred_at=asked.occurred_at,
            lead_id=asked.lead_id,
            message_id=asked.message_id,
            ask=asked.ask,
            contact_point=key_of(ctx).hash,
            used=used,
        )
    )


def _refused(asked: Reserve, ctx: Context, reason: str, until: int | None = None) -> Emit:
    return Emit(
        Refused.build(
            occurred_at=asked.occurred_at,
            lead_id=asked.lead_id,
            message_id=asked.message_id,
            ask=asked.ask,
            contact_point=key_of(ctx).hash,
            reason=reason,
            until=until,
        )
    )
