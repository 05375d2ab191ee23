"""A strong identifier: it forwards facts to its lead and tells the identifiers that a fact names together.

What it learns of itself and its neighbours goes to the root of its group (step ``root``), whose decisions come back as
``Assign``. Its binding is its own: nobody is asked when a fact passes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import msgspec

from models.identity import facts as known_facts
from models.identity.facts import Explicit, Facts, Said, Sighting
from processors.base import Context, DeadLetter, Drop, Emit, Forward, Output
from processors.resolve.accept import accepted, passed_on
from processors.resolve.binding import Decision, bound, owner, owners, rebound
from processors.resolve.conflicts import conflict
from processors.resolve.joined import FactsJoined
from processors.resolve.keys import Key, is_strong, key_of, subject_of
from processors.resolve.usable import usable
from schemas.events.base import DAY, Event, Identified
from schemas.events.bookings import BookingChanged
from schemas.events.governance import IdentitiesLinked, IdentitiesSplit
from schemas.events.identity import IdentifierHash
from schemas.events.resolving import Apart, Assign, Attach, Link, Login
from schemas.events.routing import Answer

MAX_WEAK = 50
MAX_BOOKINGS = 1_000
UNSEEN = 400 * DAY
"""A weak identifier not seen with this one for so long (13 months) is told no more."""

_FIRST = Decision("first", (), "")


class Strong(msgspec.Struct, frozen=True, array_like=True):
    """A strong identifier: when it was first named (none: not yet, it is only spoken of), its lead, its neighbours.

    ``ver`` is its binding's version, ``seq`` counts the facts forwarded. ``known``: earliest link by neighbour, at most
    one more of a kind than the policy's ``hub_size``. ``weak``: when each attached weak identifier was last seen;
    ``bookings`` hang here. ``spoken_of``: a split has named it before any other fact did. ``full``: limits of dependents
    that were told to people.
    """

    lead_id: str
    first: Sighting | None = None
    ver: int = 0
    seq: int = 0
    known: dict[str, tuple[str, int, str]] = {}
    weak: dict[str, int] = {}
    bookings: dict[str, None] = {}
    shared: bool = False
    spoken_of: bool = False
    full: tuple[str, ...] = ()


def resolve_strong(held: Strong | None, event: Event, ctx: Context) -> tuple[Strong | None, Sequence[Output]]:
    """Take in a fact or a message, where the key is a strong identifier."""
    key = key_of(ctx)
    if not key.is_strong:
        return held, ()
    outputs: list[Output] = []
    if held is None:
        held = Strong(key.hash)
        outputs += bound(key.hash, key.kind, ((0, key.hash),), 0, "first", event.occurred_at)
    strong, more = _answer(held, event, key, ctx)
    return strong, [*outputs, *more]


def _answer(strong: Strong, event: Event, key: Key, ctx: Context) -> tuple[Strong, Sequence[Output]]:
    match event:
        case BookingChanged():
            return _booking(strong, event, key, ctx)
        case Identified():
            return _fact(strong, event, key, ctx)
        case IdentitiesLinked():
            return _linked_on_purpose(strong, event, key, ctx)
        case IdentitiesSplit():
            return _split(strong, event, key, ctx)
        case Link():
            return _link(strong, event, key, ctx)
        case Assign():
            return _assigned(strong, event, key)
        case Apart():
            return _apart(strong, event.keep, Said(event.at, event.fact_id), key, ctx)
        case Attach():
            return _attached(strong, event, key, ctx)
    raise TypeError(type(event).__name__)


# -- facts


def _fact(strong: Strong, fact: Identified, key: Key, ctx: Context) -> tuple[Strong, Sequence[Output]]:
    origin = ctx.origin
    identifiers = usable(origin.identifiers, fact, ctx.policy)
    if identifiers is not origin.identifiers and all(one.hash != key.hash for one in identifiers):
        if not identifiers:
            why = "every identifier is one that the workspace's policy blocks: name the person by another"
            return strong, [DeadLetter("no_usable_identifier", why)]
        return strong, [passed_on(origin, subject_of(identifiers[0]), identifiers=identifiers)]
    others = [one for one in identifiers if is_strong(one) and one.hash != key.hash]
    said = Said(fact.occurred_at, fact.event_id)
    links: list[Output] = []
    learned = _sighted(strong, Sighting(*said, fact.region, key.kind), key)
    if not origin.linked:
        for other in others:
            new = _neighbour(strong, other, said, ctx)
            if new is not None:
                strong = new
                learned.links[known_facts.pair(key.hash, other.hash)] = said
                links.append(_link_to(other, said, fact.region, key, ctx))
    strong, joined = _joined(strong, learned, key, ctx, fact.event_id, at=fact.occurred_at)
    onward = _next_of_hub(strong, identifiers, key) if strong.shared else None
    if onward is not None:
        return strong, [*links, *joined, passed_on(origin, subject_of(onward), identifiers=identifiers, linked=True)]
    strong, logins = _logins(strong, [one for one in identifiers if not is_strong(one)], said, key, ctx)
    strong = msgspec.structs.replace(strong, seq=strong.seq + 1)
    return strong, [*links, *joined, *logins, _accepted(strong, key, ctx)]


def _next_of_hub(strong: Strong, identifiers: list[IdentifierHash], key: Key) -> IdentifierHash | None:
    """The next best strong identifier after this one, which is shared by too many to mean one person."""
    place = next(place for place, one in enumerate(identifiers) if one.hash == key.hash)
    return next((one for one in identifiers[place + 1 :] if is_strong(one)), None)


def _accepted(strong: Strong, key: Key, ctx: Context) -> Forward:
    return accepted(ctx.origin, lead_id=strong.lead_id, identifier=key.hash, seq=strong.seq, ver=strong.ver)


def _logins(
    strong: Strong, weak: Sequence[IdentifierHash], said: Said, key: Key, ctx: Context
) -> tuple[Strong, Sequence[Output]]:
    """Tell weak identifiers who was named together with them."""
    outputs: list[Output] = []
    for one in weak:
        strong, refused = _with_dependent(strong, subject_of(one), said.at, key, ctx)
        if refused:
            outputs += refused
            continue
        login = Login.build(
            occurred_at=said.at,
            subject=subject_of(one),
            strong=key.subject,
            at=said.at,
            fact_id=said.fact_id,
            lead_id=strong.lead_id,
            ver=strong.ver,
        )
        outputs.append(Emit(login))
    return strong, outputs


def _linked_on_purpose(
    strong: Strong, fact: IdentitiesLinked, key: Key, ctx: Context
) -> tuple[Strong, Sequence[Output]]:
    said = Said(fact.occurred_at, fact.event_id)
    learned = _sighted(strong, Sighting(*said, fact.region, key.kind), key)
    outputs: list[Output] = []
    for other in ctx.origin.identifiers:
        if other.hash == key.hash:
            continue
        strong = _neighbour(strong, other, said, ctx) or strong
        explicit = Explicit(*said, fact.transfer_basis is not None)
        learned.explicit[known_facts.pair(key.hash, other.hash)] = explicit
        outputs.append(_link_to(other, said, fact.region, key, ctx, explicit))
    strong, joined = _joined(strong, learned, key, ctx, fact.event_id, at=fact.occurred_at)
    strong = msgspec.structs.replace(strong, seq=strong.seq + 1)
    return strong, [*outputs, *joined, _accepted(strong, key, ctx)]


def _split(strong: Strong, fact: IdentitiesSplit, key: Key, ctx: Context) -> tuple[Strong, Sequence[Output]]:
    taken, kept = ctx.origin.identifiers[: len(fact.take)], ctx.origin.identifiers[len(fact.take) :]
    said = Said(fact.occurred_at, fact.event_id)
    told = [
        Emit(Apart.build(occurred_at=said.at, subject=subject_of(one), at=said.at, fact_id=said.fact_id, keep=kept))
        for one in taken
        if one.hash != key.hash
    ]
    strong, joined = _apart(strong, kept, said, key, ctx)
    strong = msgspec.structs.replace(strong, seq=strong.seq + 1)
    return strong, [*told, *joined, _accepted(strong, key, ctx)]


def _booking(strong: Strong, fact: BookingChanged, key: Key, ctx: Context) -> tuple[Strong, Sequence[Output]]:
    """A booking that hangs here asks for its lead, and is told of it from now on."""
    booking = f"b:{fact.booking_id}"
    strong, refused = _with_dependent(strong, booking, fact.occurred_at, key, ctx)
    answer = Answer.build(strong=key.subject, lead_id=strong.lead_id, ver=strong.ver)
    return strong, [*refused, passed_on(ctx.origin, booking, answer=answer)]


# -- messages


def _link(strong: Strong, message: Link, key: Key, ctx: Context) -> tuple[Strong, Sequence[Output]]:
    said = Said(message.at, message.fact_id)
    learned = _sighted(strong, Sighting(*said, message.home, key.kind), key)
    link = known_facts.pair(key.hash, message.other.hash)
    strong = _neighbour(strong, message.other, said, ctx) or strong
    if message.explicit:
        learned.explicit[link] = Explicit(*said, message.transfer_basis)
    else:
        learned.links[link] = said
    meet = None if strong.shared and not message.explicit else message.root
    return _joined(strong, learned, key, ctx, message.fact_id, at=message.at, meet=meet)


def _assigned(strong: Strong, message: Assign, key: Key) -> tuple[Strong, Sequence[Output]]:
    if message.version <= strong.ver:
        return strong, ()
    before, at = ((0, strong.lead_id),), message.occurred_at
    strong = msgspec.structs.replace(strong, lead_id=message.lead_id, ver=message.version)
    decision = Decision(message.why, message.identifiers, message.decision)
    outputs = rebound(key.hash, key.kind, before, ((0, strong.lead_id),), strong.ver, decision, at)
    dependents = (*strong.weak, *strong.bookings)
    return strong, [*outputs, *owners(dependents, key.subject, strong.lead_id, strong.ver, decision, at)]


def _apart(
    strong: Strong, keep: Sequence[IdentifierHash], said: Said, key: Key, ctx: Context
) -> tuple[Strong, Sequence[Output]]:
    outputs: list[Output] = []
    if strong.first is None and not strong.spoken_of:
        strong = msgspec.structs.replace(strong, spoken_of=True)
        outputs.append(conflict(ctx, "unknown", (key.hash,), is_open=True, version=1, at=said.at))
    learned = Facts(apart={known_facts.pair(key.hash, one.hash): said for one in keep})
    strong, joined = _joined(strong, learned, key, ctx, said.fact_id, at=said.at)
    return strong, [*outputs, *joined]


def _attached(strong: Strong, message: Attach, key: Key, ctx: Context) -> tuple[Strong, Sequence[Output]]:
    strong, refused = _with_dependent(strong, message.dependent, message.at, key, ctx)
    told = owner(message.dependent, key.subject, strong.lead_id, strong.ver, _FIRST, message.occurred_at)
    return strong, [*refused, told]


# -- parts of the above


def _sighted(strong: Strong, sighting: Sighting, key: Key) -> Facts:
    """What a sighting teaches of the identifier itself; nothing where an older one is known."""
    is_news = strong.first is None or sighting[:2] < strong.first[:2]
    return Facts(first={key.hash: sighting} if is_news else {}, links={}, explicit={})


def _neighbour(strong: Strong, other: IdentifierHash, said: Said, ctx: Context) -> Strong | None:
    """With a link to a neighbour; none where it is known from as early on."""
    known = strong.known.get(other.hash)
    if known is not None and known[1:] <= said:
        return None
    counted = Counter(kind for kind, _, _ in strong.known.values())[other.kind]
    if known is None and counted > ctx.policy.hub_size:
        return strong
    return msgspec.structs.replace(strong, known={**strong.known, other.hash: (other.kind, *said)})


def _joined(
    strong: Strong, learned: Facts, key: Key, ctx: Context, cause: str, *, at: int, meet: str | None = None
) -> tuple[Strong, list[Output]]:
    """Hand what was learned to the group's root, where there is anything."""
    outputs: list[Output] = []
    if learned.first:
        if strong.spoken_of:
            outputs.append(conflict(ctx, "unknown", (key.hash,), is_open=False, version=2, at=at))
        strong = msgspec.structs.replace(strong, first=learned.first[key.hash], spoken_of=False)
    if not strong.shared and len(strong.known) > ctx.policy.hub_size:
        counts = Counter(kind for kind, _, _ in strong.known.values())
        if max(counts.values()) > ctx.policy.hub_size:
            strong = msgspec.structs.replace(strong, shared=True)
            learned = msgspec.structs.replace(learned, shared=(key.hash,))
    if meet is not None or learned != Facts():
        outputs.append(Emit(FactsJoined.build(occurred_at=at, facts=learned, meet=meet, cause=cause)))
    return strong, outputs


def _link_to(
    other: IdentifierHash, said: Said, home: str, key: Key, ctx: Context, explicit: Explicit | None = None
) -> Emit:
    root = ctx.slices.get("root")
    link = Link.build(
        occurred_at=said.at,
        subject=subject_of(other),
        other=IdentifierHash.build(kind=key.kind, hash=key.hash),
        at=said.at,
        fact_id=said.fact_id,
        home=home,
        root=root.points_to if root is not None and root.points_to else key.subject,
        explicit=explicit is not None,
        transfer_basis=explicit is not None and explicit.transfer_basis,
    )
    return Emit(link)


def _with_dependent(strong: Strong, subject: str, at: int, key: Key, ctx: Context) -> tuple[Strong, list[Output]]:
    """With a weak identifier or a booking that is to be told of the lead; a conflict, once, where there are too many."""
    if subject.startswith("b:"):
        if subject in strong.bookings:
            return strong, []
        if len(strong.bookings) < MAX_BOOKINGS:
            return msgspec.structs.replace(strong, bookings={**strong.bookings, subject: None}), []
        return _refused(strong, "booking_limit", key, ctx)
    if subject in strong.weak or len(strong.weak) < MAX_WEAK:
        seen = max(at, strong.weak.get(subject, 0))
        return msgspec.structs.replace(strong, weak={**strong.weak, subject: seen}), []
    seen_lately = {one: seen for one, seen in strong.weak.items() if seen >= at - UNSEEN}
    if len(seen_lately) < MAX_WEAK:
        return msgspec.structs.replace(strong, weak={**seen_lately, subject: at}), []
    return _refused(strong, "weak_limit", key, ctx)


def _refused(strong: Strong, limit: str, key: Key, ctx: Context) -> tuple[Strong, list[Output]]:
    if limit in strong.full:
        return strong, [Drop(limit)]
    told = conflict(ctx, limit, (key.hash,), is_open=True, version=1, at=ctx.at)
    return msgspec.structs.replace(strong, full=(*strong.full, limit)), [told, Drop(limit)]
