"""What belongs to this lead: facts that do go on to the other steps, the rest goes to where it belongs.

The newest binding of an identifier wins, whichever message brings it. After every message, what it says is here is
kept and the rest is sent on; each shipment carries the version that it was sent by, so forwarding ends (identity
specification, section 4). What belongs to nobody, since an erasure took it, is let go instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from models.identity import STRONG
from models.identity.binding import Rows, lead_at
from models.identity.erasure import NOBODY
from processors.base import Context, Drop, Emit, Forward, Output
from processors.lead.history import HistoryErased, HistoryGiven, HistoryTaken, Whereabouts, brought_by, lead_id
from processors.lead.moves import Parts, divided, packed, unpacked
from schemas.events.base import Identified
from schemas.events.bookings import BookingChanged
from schemas.events.identity import LeadMerged, LeadSplit
from schemas.events.resolving import BindingChanged, BindingRow, HistoryMoved
from schemas.events.routing import Accepted

MAX_ANNOUNCED = 64

_NOBODYS_OWN = ("booking", "name")
"""Kinds of what has a binding and is no identifier that a person has."""


class Known(msgspec.Struct, frozen=True, array_like=True):
    """The newest binding known of an identifier (no rows: here, for all that was said), its last fact's number, and
    whether an open conflict says that it may be another person's."""

    kind: str
    ver: int = 0
    rows: Rows = ()
    seq: int = 0
    doubted: bool = False


class Mark(NamedTuple):
    """History of an identifier that version ``ver`` moved from, or to, another lead."""

    identifier: str
    lead: str
    ver: int


class Holding(msgspec.Struct, frozen=True):
    """Bindings of the identifiers that belong, or belonged, to this lead; the latter are marks to forward by.

    It ``awaits`` history that others are to send, and ``owes`` others the word that it has sent all; an ``early`` word
    came before the binding that it speaks of. ``sent`` and ``received`` number shipments by lead; ``announced`` are the
    last decisions that were told as merges or splits.
    """

    known: dict[str, Known] = {}
    awaits: tuple[Mark, ...] = ()
    owes: tuple[Mark, ...] = ()
    early: tuple[Mark, ...] = ()
    sent: dict[str, int] = {}
    received: dict[str, int] = {}
    announced: tuple[str, ...] = ()

    def identifiers(self, lead: str) -> dict[str, str]:
        """Kind by hash of the identifiers that belong to this lead, for some of the time at least."""
        return {
            one: known.kind
            for one, known in self.known.items()
            if known.kind not in _NOBODYS_OWN and (not known.rows or any(row[1] == lead for row in known.rows))
        }


def hold(
    held: Holding | None, event: Identified | BindingChanged | HistoryMoved, ctx: Context
) -> tuple[Holding, Sequence[Output]]:
    """Keep what belongs here and send on what does not."""
    holding = held or Holding()
    match event:
        case BindingChanged():
            return _bound(holding, event, ctx)
        case HistoryMoved():
            return _moved(holding, event, ctx)
        case _:
            return _fact(holding, event, ctx)


# -- facts


def _fact(holding: Holding, fact: Identified, ctx: Context) -> tuple[Holding, Sequence[Output]]:
    origin: Accepted = ctx.origin
    who = brought_by(ctx)
    known = holding.known.get(who)
    if origin.sender is not None:
        if origin.seq <= holding.received.get(origin.sender, 0):
            return holding, [Drop("repeated", whole=True)]
        holding = msgspec.structs.replace(holding, received={**holding.received, origin.sender: origin.seq})
    elif origin.identifier is not None and known is not None and origin.seq <= known.seq:
        return holding, [Drop("repeated", whole=True)]
    if origin.identifier is not None:
        known = _heard(known, fact, origin)
        holding = msgspec.structs.replace(holding, known={**holding.known, who: known})
    me = lead_id(ctx)
    lead = lead_at(known.rows, fact.occurred_at, me) if known is not None else me
    if lead == me:
        return holding, ()
    if lead == NOBODY:
        return holding, [Drop("erased", whole=True)]
    holding, n = _numbered(holding, lead)
    assert known is not None
    onward = {**origin.__dict__, "lead_id": lead, "identifier": who, "ver": known.ver, "sender": me, "seq": n}
    return holding, [Forward(Accepted.build(**onward))]


def _heard(known: Known | None, fact: Identified, origin: Accepted) -> Known:
    """What a fact says of its identifier's binding: that by its version it belongs here."""
    seq = origin.seq if origin.sender is None else 0
    if known is None:
        kinds = (one.kind for one in origin.identifiers if one.hash == origin.identifier)
        kind = "booking" if isinstance(fact, BookingChanged) else next(kinds, "")
        return Known(kind, origin.ver, (), seq)
    if origin.ver > known.ver:
        return Known(known.kind, origin.ver, (), max(seq, known.seq), known.doubted)
    return Known(known.kind, known.ver, known.rows, max(seq, known.seq), known.doubted)


# -- messages


def _bound(holding: Holding, message: BindingChanged, ctx: Context) -> tuple[Holding, Sequence[Output]]:
    holding = _marked(holding, message, lead_id(ctx))
    rows = tuple((row.since, row.lead_id) for row in message.rows)
    before = holding.known.get(message.identifier)
    holding, is_news = _learned(holding, message, rows)
    shipped = _leaving(holding, before, message.identifier, ctx) if is_news else {}
    holding, outputs = _sent(holding, message.identifier, shipped, ctx)
    holding, announced = _announced(holding, message, shipped, ctx)
    return holding, [*outputs, *announced]


def _moved(holding: Holding, message: HistoryMoved, ctx: Context) -> tuple[Holding, Sequence[Output]]:
    if message.n <= holding.received.get(message.from_lead, 0):
        return holding, [Drop("repeated", whole=True)]
    holding = msgspec.structs.replace(holding, received={**holding.received, message.from_lead: message.n})
    rows = tuple((row.since, row.lead_id) for row in message.rows)
    before = holding.known.get(message.identifier)
    holding, is_news = _learned(holding, message, rows)
    if message.final is not None:
        holding = _final(holding, Mark(message.identifier, message.from_lead, message.final))
    shipped = _leaving(holding, before, message.identifier, ctx) if is_news else {}
    here, passing = _arrived(holding, message, ctx)
    taken: list[Output] = []
    if here:
        taken = [Emit(HistoryTaken.build(occurred_at=ctx.at, identifier=message.identifier, parts=here))]
    holding, outputs = _sent(holding, message.identifier, shipped, ctx, passing)
    return holding, [*outputs, *taken]


def _arrived(holding: Holding, message: HistoryMoved, ctx: Context) -> tuple[Parts, dict[str, Parts]]:
    """What of a shipment belongs here, and by lead what only comes by.

    All is for here unless a newer binding is known than it was sent by: its sender gave every other lead of that one a
    copy of the objections, and to send them once more would never end.
    """
    parts = unpacked(message.parts)
    if message.ver == holding.known[message.identifier].ver:
        return parts, {}
    where = _whereabouts(holding, message.identifier, ctx)
    passing = divided(parts, where._replace(alone=True, of_person=message.kind in STRONG))
    return passing.pop(lead_id(ctx), {}), passing


def _learned(holding: Holding, message: BindingChanged | HistoryMoved, rows: Rows) -> tuple[Holding, bool]:
    """With a binding, and whether it is news."""
    known = holding.known.get(message.identifier)
    if known is not None and (known.ver, bool(known.rows)) >= (message.ver, bool(rows)):
        return holding, False
    seq = known.seq if known is not None else 0
    fresh = Known(message.kind, message.ver, rows, seq, message.doubted)
    return msgspec.structs.replace(holding, known={**holding.known, message.identifier: fresh}), True


def _marked(holding: Holding, message: BindingChanged, me: str) -> Holding:
    """With what a binding makes this lead await and owe."""
    awaits, owes, early = {*holding.awaits}, {*holding.owes}, {*holding.early}
    for move in message.moves:
        if move.from_lead == me:
            owes.add(Mark(message.identifier, move.into_lead, message.ver))
        if move.into_lead == me:
            mark = Mark(message.identifier, move.from_lead, message.ver)
            if mark in early:
                early.discard(mark)
            else:
                awaits.add(mark)
    return _with_marks(holding, awaits, owes, early)


def _final(holding: Holding, mark: Mark) -> Holding:
    """With another lead's word that it has sent all; it may come before the binding that it speaks of."""
    awaits, early = {*holding.awaits}, {*holding.early}
    if mark in awaits:
        awaits.discard(mark)
    else:
        early.add(mark)
    return _with_marks(holding, awaits, {*holding.owes}, early)


def _with_marks(holding: Holding, awaits: set[Mark], owes: set[Mark], early: set[Mark]) -> Holding:
    return msgspec.structs.replace(
        holding, awaits=tuple(sorted(awaits)), owes=tuple(sorted(owes)), early=tuple(sorted(early))
    )


# -- shipments


def _leaving(holding: Holding, before: Known | None, identifier: str, ctx: Context) -> dict[str, Parts]:
    """By lead, the history of an identifier that is held here and belongs elsewhere.

    ``before``: its binding as it was known. Who only remembers where it went has nothing more of its person's to tell.
    """
    me, where = lead_id(ctx), _whereabouts(holding, identifier, ctx)
    was_here = before is None or not before.rows or any(lead == me for _, lead in before.rows)
    parts = divided(ctx.slices, where._replace(of_person=was_here and holding.known[identifier].kind in STRONG))
    parts.pop(me, None)
    return parts


def _whereabouts(holding: Holding, identifier: str, ctx: Context) -> Whereabouts:
    return Whereabouts(identifier, holding.known[identifier].rows, lead_id(ctx))


def _sent(
    holding: Holding, identifier: str, leaving: dict[str, Parts], ctx: Context, passing: dict[str, Parts] | None = None
) -> tuple[Holding, list[Output]]:
    """Send history on, and the word to whom it is owed that this was all.

    ``leaving`` was held here, ``passing`` only came by.
    """
    known = holding.known[identifier]
    due = {
        mark
        for mark in holding.owes
        if mark.identifier == identifier
        and not any(one.identifier == identifier and one.ver < mark.ver for one in holding.awaits)
    }
    holding = _with_marks(holding, {*holding.awaits}, {*holding.owes} - due, {*holding.early})
    passing = passing or {}
    shipments: list[tuple[str, Parts, int | None]] = [
        (lead, parts, None) for lead, parts in (*leaving.items(), *passing.items()) if lead != NOBODY
    ]
    shipments += [(mark.lead, {}, mark.ver) for mark in sorted(due)]
    rows = [BindingRow.build(since=since, lead_id=lead) for since, lead in known.rows]
    outputs: list[Output] = []
    for lead, parts, final in shipments:
        holding, n = _numbered(holding, lead)
        message = HistoryMoved.build(
            occurred_at=ctx.at,
            lead_id=lead,
            from_lead=lead_id(ctx),
            n=n,
            identifier=identifier,
            kind=known.kind,
            ver=known.ver,
            rows=rows,
            doubted=known.doubted,
            parts=packed(parts),
            final=final,
        )
        outputs.append(Emit(message))
    for gone in (leaving, passing):
        if NOBODY in gone:
            outputs.append(Emit(HistoryErased.build(occurred_at=ctx.at, identifier=identifier, parts=gone[NOBODY])))
    if leaving:
        outputs.append(Emit(HistoryGiven.build(occurred_at=ctx.at, identifier=identifier, rows=known.rows)))
    return holding, outputs


def _numbered(holding: Holding, lead: str) -> tuple[Holding, int]:
    n = holding.sent.get(lead, 0) + 1
    return msgspec.structs.replace(holding, sent={**holding.sent, lead: n}), n


def _announced(
    holding: Holding, message: BindingChanged, shipped: dict[str, Parts], ctx: Context
) -> tuple[Holding, list[Output]]:
    """The merge or split that history leaves by, said once for all identifiers of one decision.

    An erasure is neither, and the binding tells of it.
    """
    outputs: list[Output] = []
    me = lead_id(ctx)
    for into in shipped:
        decision = f"{message.decision}>{into}"
        if message.why in ("revised", "erased") or decision in holding.announced:
            continue
        is_gone = message.why == "merged" or (
            message.why == "login" and message.identifier == me and all(row.lead_id != me for row in message.rows)
        )
        change = LeadMerged if is_gone else LeadSplit
        said = change.build(
            occurred_at=ctx.at,
            lead_id=me,
            into_lead_id=into,
            identifiers=message.identifiers,
            decision=message.decision,
        )
        outputs.append(Emit(said))
        announced = (*holding.announced, decision)[-MAX_ANNOUNCED:]
        holding = msgspec.structs.replace(holding, announced=announced)
    return holding, outputs
