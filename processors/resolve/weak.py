"""A weak identifier (device, cookie, click): it belongs to whoever logged in with it, interval by interval.

It never links two people. Until somebody logs in, its history is a lead of its own (identity specification, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from models.identity.binding import Rows, collapsed, lead_at
from models.identity.logins import Login as LoggedIn
from models.identity.logins import Logins, owners, with_login
from processors.base import Context, Emit, Output
from processors.resolve.accept import accepted, passed_on
from processors.resolve.binding import Decision, bound, owner, rebound
from processors.resolve.keys import Key, key_of, subject_of
from schemas.events.base import Event, Identified
from schemas.events.bookings import BookingChanged
from schemas.events.resolving import Attach, Claim, Companion, Login, Owner
from schemas.events.routing import Answer

MAX_COMPANIONS = 8
MAX_BOOKINGS = 1_000

_NO_LOGINS = Logins(())


class Weak(msgspec.Struct, frozen=True, array_like=True):
    """A weak identifier's logins, the leads of those who logged in (with version), and the binding that follows.

    ``companions`` were used together with it, ``claims`` are their first logins; ``bookings`` hang here, dated.
    """

    rows: Rows
    logins: Logins = _NO_LOGINS
    leads: dict[str, tuple[str, int]] = {}
    companions: tuple[str, ...] = ()
    claims: dict[str, LoggedIn] = {}
    ver: int = 0
    seq: int = 0
    bookings: dict[str, int] = {}


def resolve_weak(held: Weak | None, event: Event, ctx: Context) -> tuple[Weak | None, Sequence[Output]]:
    """Take in a fact or a message, where the key is a weak identifier."""
    key = key_of(ctx)
    if not key.is_weak:
        return held, ()
    outputs: list[Output] = []
    if held is None:
        held = Weak(((0, key.hash),))
        outputs += bound(key.hash, key.kind, held.rows, 0, "first", event.occurred_at)
    weak, more = _answer(held, event, key, ctx)
    return weak, [*outputs, *more]


def _answer(weak: Weak, event: Event, key: Key, ctx: Context) -> tuple[Weak, Sequence[Output]]:
    match event:
        case BookingChanged():
            weak = _with_booking(weak, f"b:{event.booking_id}", event.booked_at or event.occurred_at)
            lead = lead_at(weak.rows, event.booked_at or event.occurred_at, key.hash)
            answer = Answer.build(strong=key.subject, lead_id=lead, ver=weak.ver)
            return weak, [passed_on(ctx.origin, f"b:{event.booking_id}", answer=answer)]
        case Identified():
            return _fact(weak, event, key, ctx)
        case Login():
            return _login(weak, event, key)
        case Owner():
            return _owner(weak, event, key)
        case Companion():
            return _companion(weak, event, key)
        case Claim():
            return _claim(weak, event, key)
        case Attach():
            weak = _with_booking(weak, event.dependent, event.at)
            lead = lead_at(weak.rows, event.at, key.hash)
            told = owner(event.dependent, key.subject, lead, weak.ver, Decision("first", (), ""), event.occurred_at)
            return weak, [told]
    raise TypeError(type(event).__name__)


def _fact(weak: Weak, fact: Identified, key: Key, ctx: Context) -> tuple[Weak, Sequence[Output]]:
    """Forward a fact that names nobody; those named together with this one are its companions."""
    outputs: list[Output] = []
    for one in ctx.origin.identifiers:
        subject = subject_of(one)
        if one.hash == key.hash or subject in weak.companions or len(weak.companions) >= MAX_COMPANIONS:
            continue
        weak = msgspec.structs.replace(weak, companions=(*weak.companions, subject))
        outputs.append(Emit(Companion.build(occurred_at=fact.occurred_at, subject=subject, weak=key.subject)))
        outputs += _claims(weak, (subject,), key, fact.occurred_at)
    weak = msgspec.structs.replace(weak, seq=weak.seq + 1)
    lead = lead_at(weak.rows, fact.occurred_at, key.hash)
    return weak, [*outputs, accepted(ctx.origin, lead_id=lead, identifier=key.hash, seq=weak.seq, ver=weak.ver)]


def _login(weak: Weak, message: Login, key: Key) -> tuple[Weak, Sequence[Output]]:
    first = weak.logins.known[:1]
    logins = with_login(weak.logins, LoggedIn(message.at, message.fact_id, message.strong))
    weak = _with_lead(msgspec.structs.replace(weak, logins=logins), message.strong, message.lead_id, message.ver)
    told = _claims(weak, weak.companions, key, message.occurred_at) if logins.known[:1] != first else []
    weak, outputs = _rebound(weak, key, None, message.occurred_at)
    return weak, [*told, *outputs]


def _owner(weak: Weak, message: Owner, key: Key) -> tuple[Weak, Sequence[Output]]:
    weak = _with_lead(weak, message.strong, message.lead_id, message.ver)
    decision = Decision(message.why, message.identifiers, message.decision) if message.why != "first" else None
    return _rebound(weak, key, decision, message.occurred_at)


def _companion(weak: Weak, message: Companion, key: Key) -> tuple[Weak, Sequence[Output]]:
    if message.weak in weak.companions or len(weak.companions) >= MAX_COMPANIONS:
        return weak, ()
    weak = msgspec.structs.replace(weak, companions=(*weak.companions, message.weak))
    return weak, _claims(weak, (message.weak,), key, message.occurred_at)


def _claim(weak: Weak, message: Claim, key: Key) -> tuple[Weak, Sequence[Output]]:
    """A companion was claimed first: hang on the same identifier, whose lead it will tell."""
    claim = LoggedIn(message.at, message.fact_id, message.strong)
    weak = msgspec.structs.replace(weak, claims={**weak.claims, message.weak: claim})
    attach = Attach.build(occurred_at=message.occurred_at, subject=message.strong, dependent=key.subject, at=message.at)
    return weak, [Emit(attach)]


def _claims(weak: Weak, companions: Sequence[str], key: Key, at: int) -> list[Output]:
    """The first direct login, if there was one, claims companions, too."""
    if not weak.logins.known:
        return []
    first = weak.logins.known[0]
    return [
        Emit(
            Claim.build(
                occurred_at=at, subject=one, weak=key.subject, strong=first.strong, at=first.at, fact_id=first.fact_id
            )
        )
        for one in companions
    ]


def _with_lead(weak: Weak, strong: str, lead_id: str, ver: int) -> Weak:
    """With what is newest of the lead of somebody who logged in."""
    held = weak.leads.get(strong)
    if held is not None and held[1] >= ver:
        return weak
    return msgspec.structs.replace(weak, leads={**weak.leads, strong: (lead_id, ver)})


def _with_booking(weak: Weak, booking: str, at: int) -> Weak:
    if booking not in weak.bookings and len(weak.bookings) >= MAX_BOOKINGS:
        return weak
    return msgspec.structs.replace(weak, bookings={**weak.bookings, booking: at})


def _rows(weak: Weak, key: Key) -> Rows:
    """The binding that follows from all that is known."""
    claimed = min(weak.claims.values(), default=None)
    runs = owners(weak.logins) or ([(0, claimed.strong)] if claimed else [])
    rows = [(since, weak.leads[strong][0] if strong in weak.leads else key.hash) for since, strong in runs]
    return collapsed(rows or [(0, key.hash)])


def _rebound(weak: Weak, key: Key, decision: Decision | None, at: int) -> tuple[Weak, Sequence[Output]]:
    """Tell of a new version where the binding has changed; ``decision``: whose doing it was, if not a login's."""
    before, after = weak.rows, _rows(weak, key)
    if after == before:
        return weak, ()
    weak = msgspec.structs.replace(weak, rows=after, ver=weak.ver + 1)
    because = decision or Decision("login", (key.hash,), f"{key.hash}:{weak.ver}")
    outputs: list[Output] = [*rebound(key.hash, key.kind, before, after, weak.ver, because, at)]
    for booking, dated in sorted(weak.bookings.items()):
        lead = lead_at(after, dated, key.hash)
        if lead != lead_at(before, dated, key.hash):
            outputs.append(owner(booking, key.subject, lead, weak.ver, because, at))
    return weak, outputs
