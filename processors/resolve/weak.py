"""A weak identifier (device, cookie, click): it belongs to whoever logged in with it, interval by interval.

It never links two people. Until somebody logs in, its history is a lead of its own (identity specification, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from models.identity.binding import Rows, between, collapsed, lead_at
from models.identity.erasure import rows_of
from models.identity.logins import Login as LoggedIn
from models.identity.logins import Logins, runs_of, with_login
from processors.base import Context, Emit, Output
from processors.resolve.accept import accepted, passed_on
from processors.resolve.binding import FIRST, Bound, Decision, Ownership, change, first_bound, owners, rebound
from processors.resolve.keys import Key, key_of, subject_of
from schemas.events.base import Event, Identified
from schemas.events.bookings import BookingChanged
from schemas.events.resolving import Attach, Claim, Companion, Contested, Login, Owner
from schemas.events.routing import Answer as RoutedAnswer

MAX_COMPANIONS = 8
MAX_BOOKINGS = 1_000

_NO_LOGINS = Logins(())


class Owned(NamedTuple):
    """The lead of somebody who logged in, by which version of the binding, and when that identifier was erased."""

    lead_id: str
    ver: int
    erased_at: int | None = None


class Weak(msgspec.Struct, frozen=True, array_like=True):
    """A weak identifier's logins, the leads of those who logged in, and the binding that follows.

    ``companions`` were used together with it; ``claim`` is the earliest of their first logins, as long as there is no
    direct one. ``bookings`` hang here, dated.
    """

    rows: Rows
    logins: Logins = _NO_LOGINS
    leads: dict[str, Owned] = {}
    companions: tuple[str, ...] = ()
    claim: LoggedIn | None = None
    ver: int = 0
    seq: int = 0
    bookings: dict[str, int] = {}


VERSION = 2


class _First(msgspec.Struct, array_like=True):
    """Version 1: it kept the first login of every companion, and the leads of all."""

    rows: Rows
    logins: Logins = _NO_LOGINS
    leads: dict[str, Owned] = {}
    companions: tuple[str, ...] = ()
    claims: dict[str, LoggedIn] = {}
    ver: int = 0
    seq: int = 0
    bookings: dict[str, int] = {}


_decode_first = msgspec.msgpack.Decoder(_First).decode


def upcast(version: int, data: bytes) -> bytes:
    """The slice as stored today, of what an older program stored. Raises ``ValueError`` where a newer one did."""
    if version != 1:
        raise ValueError(f"slice weak is stored as version {version}, this program reads {VERSION}")
    old = _decode_first(data)
    claim = None if old.logins.known else min(old.claims.values(), default=None)
    weak = Weak(old.rows, old.logins, old.leads, old.companions, claim, old.ver, old.seq, old.bookings)
    return msgspec.msgpack.encode(_without_strangers(weak))


def resolve_weak(held: Weak | None, event: Event, ctx: Context) -> tuple[Weak | None, Sequence[Output]]:
    """Take in a fact or a message, where the key is a weak identifier."""
    key = key_of(ctx)
    if not key.is_weak:
        return held, ()
    if held is not None:
        return _answer(held, event, ctx)
    new = Weak(((0, key.hash),))
    weak, outputs = _answer(new, event, ctx)
    if weak.ver:
        return weak, outputs  # it has told of what it is bound to already
    return weak, [*first_bound(Bound(key.hash, key.kind), new.rows, "first", event.occurred_at), *outputs]


def _answer(weak: Weak, event: Event, ctx: Context) -> tuple[Weak, Sequence[Output]]:
    match event:
        case BookingChanged():
            answer = _booking(weak, event, ctx)
        case Identified():
            answer = _fact(weak, event, ctx)
        case Login():
            answer = _login(weak, event, ctx)
        case Owner():
            answer = _owner(weak, event, ctx)
        case Companion():
            answer = _companion(weak, event, ctx)
        case Claim():
            answer = _claim(weak, event, ctx)
        case Attach():
            answer = _attached(weak, event, ctx)
        case _:
            raise TypeError(type(event).__name__)
    return answer


def _booking(weak: Weak, fact: BookingChanged, ctx: Context) -> tuple[Weak, Sequence[Output]]:
    """A booking that hangs here asks for its lead, as of the conversion."""
    key, subject, at = key_of(ctx), f"b:{fact.booking_id}", fact.booked_at or fact.occurred_at
    answer = RoutedAnswer.build(strong=key.subject, lead_id=lead_at(weak.rows, at, key.hash), ver=weak.ver)
    return _with_booking(weak, subject, at), [passed_on(ctx.origin, subject, answer=answer)]


def _attached(weak: Weak, message: Attach, ctx: Context) -> tuple[Weak, Sequence[Output]]:
    key = key_of(ctx)
    owned = Ownership(key.subject, lead_at(weak.rows, message.at, key.hash), weak.ver)
    weak = _with_booking(weak, message.dependent, message.at)
    return weak, owners((message.dependent,), owned, FIRST, message.occurred_at)


def _fact(weak: Weak, fact: Identified, ctx: Context) -> tuple[Weak, Sequence[Output]]:
    """Forward a fact that names nobody; those named together with this one are its companions."""
    key, outputs = key_of(ctx), list[Output]()
    for one in ctx.origin.identifiers:
        subject = subject_of(one)
        if one.hash == key.hash or subject in weak.companions or len(weak.companions) >= MAX_COMPANIONS:
            continue
        weak = msgspec.structs.replace(weak, companions=(*weak.companions, subject))
        outputs.append(Emit(Companion.build(occurred_at=fact.occurred_at, subject=subject, weak=key.subject)))
        outputs += _claims(weak, (subject,), fact.occurred_at, ctx)
    weak = msgspec.structs.replace(weak, seq=weak.seq + 1)
    lead = lead_at(weak.rows, fact.occurred_at, key.hash)
    return weak, [*outputs, accepted(ctx.origin, lead_id=lead, identifier=key.hash, seq=weak.seq, ver=weak.ver)]


def _login(weak: Weak, message: Login, ctx: Context) -> tuple[Weak, Sequence[Output]]:
    before = weak.logins
    logins = with_login(weak.logins, LoggedIn(message.at, message.fact_id, message.strong))
    weak = _with_lead(msgspec.structs.replace(weak, logins=logins, claim=None), message)
    claims = _claims(weak, weak.companions, message.occurred_at, ctx) if logins.known[:1] != before.known[:1] else []
    asked = [
        Emit(Contested.build(occurred_at=message.occurred_at, subject=one, weak=key_of(ctx).subject))
        for one in sorted(_rivals(logins) - _rivals(before))
    ]
    weak, outputs = _rebound(weak, None, message.occurred_at, ctx)
    return weak, [*claims, *asked, *outputs]


def _rivals(logins: Logins) -> set[str]:
    """Those who log in, where it is not one alone."""
    found = {login.strong for login in logins.known}
    return found if len(found) > 1 else set()


def _owner(weak: Weak, message: Owner, ctx: Context) -> tuple[Weak, Sequence[Output]]:
    weak = _with_lead(weak, message)
    decision = Decision(message.why, message.identifiers, message.decision) if message.why != "first" else None
    return _rebound(weak, decision, message.occurred_at, ctx)


def _companion(weak: Weak, message: Companion, ctx: Context) -> tuple[Weak, Sequence[Output]]:
    if message.weak in weak.companions or len(weak.companions) >= MAX_COMPANIONS:
        return weak, ()
    weak = msgspec.structs.replace(weak, companions=(*weak.companions, message.weak))
    return weak, _claims(weak, (message.weak,), message.occurred_at, ctx)


def _claim(weak: Weak, message: Claim, ctx: Context) -> tuple[Weak, Sequence[Output]]:
    """A companion was claimed: if no other earlier, hang on the same identifier, whose lead it will tell.

    That of one companion only becomes earlier, so others need not be kept, however many there are.
    """
    claim = LoggedIn(message.at, message.fact_id, message.strong)
    if weak.logins.known or (weak.claim is not None and weak.claim <= claim):
        return weak, ()
    weak = _without_strangers(msgspec.structs.replace(weak, claim=claim))
    attach = Attach.build(
        occurred_at=message.occurred_at, subject=message.strong, dependent=key_of(ctx).subject, at=message.at
    )
    return weak, [Emit(attach)]


def _claims(weak: Weak, companions: Sequence[str], at: int, ctx: Context) -> list[Output]:
    """The first direct login, if there was one, claims companions, too."""
    if not weak.logins.known:
        return []
    first, me = weak.logins.known[0], key_of(ctx).subject
    return [
        Emit(Claim.build(occurred_at=at, subject=one, weak=me, strong=first.strong, at=first.at, fact_id=first.fact_id))
        for one in companions
    ]


def _with_lead(weak: Weak, message: Login | Owner) -> Weak:
    """With what is newest of the lead of somebody who logged in."""
    held = weak.leads.get(message.strong)
    if held is not None and held.ver >= message.ver:
        return weak
    owned = Owned(message.lead_id, message.ver, message.erased_at)
    return _without_strangers(msgspec.structs.replace(weak, leads={**weak.leads, message.strong: owned}))


def _without_strangers(weak: Weak) -> Weak:
    """Without the leads of those who have nothing to say here any more; if they log in, they tell their lead anew."""
    named = {login.strong for login in weak.logins.known} | ({weak.claim.strong} if weak.claim else set())
    if weak.leads.keys() <= named:
        return weak
    return msgspec.structs.replace(weak, leads={one: lead for one, lead in weak.leads.items() if one in named})


def _with_booking(weak: Weak, booking: str, at: int) -> Weak:
    if booking not in weak.bookings and len(weak.bookings) >= MAX_BOOKINGS:
        return weak
    return msgspec.structs.replace(weak, bookings={**weak.bookings, booking: at})


def _rows(weak: Weak, key: Key) -> Rows:
    """The binding that follows from all that is known: that of each owner, for as long as it was the owner."""
    runs = runs_of(weak.logins) or ([(0, weak.claim.strong)] if weak.claim else [])
    rows: list[tuple[int, str]] = []
    for place, (since, strong) in enumerate(runs):
        until = runs[place + 1][0] if place + 1 < len(runs) else None
        owned = weak.leads.get(strong) if strong is not None else None
        theirs = rows_of(owned.lead_id, owned.erased_at) if owned is not None else ((0, key.hash),)
        rows += between(theirs, since, until)
    return collapsed(rows or [(0, key.hash)])


def _rebound(weak: Weak, decision: Decision | None, at: int, ctx: Context) -> tuple[Weak, Sequence[Output]]:
    """Tell of a new version where the binding has changed; ``decision``: whose doing it was, if not a login's.

    While the identifier has brought no fact, no lead holds history of it and none needs to hear.
    """
    key, before = key_of(ctx), weak.rows
    after = _rows(weak, key)
    if after == before:
        return weak, ()
    weak = msgspec.structs.replace(weak, rows=after, ver=weak.ver + 1)
    because = decision or Decision("login", (key.hash,), f"{key.hash}:{weak.ver}")
    bound = Bound(key.hash, key.kind, weak.ver)
    outputs: list[Output] = (
        [*rebound(bound, change(before, after, brought=True), because, at)]
        if weak.seq
        else [*first_bound(bound, after, because.why, at)]
    )
    for booking, dated in sorted(weak.bookings.items()):
        lead = lead_at(after, dated, key.hash)
        if lead != lead_at(before, dated, key.hash):
            outputs += owners((booking,), Ownership(key.subject, lead, weak.ver), because, at)
    return weak, outputs
