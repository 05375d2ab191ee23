"""Facts at a strong identifier: what they witness of identities, and on to the lead."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from models.identity.erasure import NOBODY
from models.identity.facts import Explicit, Facts, Said, Sighting, pair
from processors.base import Context, DeadLetter, Drop, Emit, Output
from processors.resolve.accept import accepted, passed_on
from processors.resolve.keys import Key, is_strong, key_of, subject_of
from processors.resolve.known import Learned, Strong, learned, link_to, sighted, with_dependent, with_neighbour
from processors.resolve.login import logged_in
from processors.resolve.told import set_apart
from processors.resolve.usable import usable
from schemas.events.base import Event, Identified
from schemas.events.bookings import BookingChanged
from schemas.events.governance import IdentitiesLinked, IdentitiesSplit
from schemas.events.identity import IdentifierHash, LinkObserved
from schemas.events.resolving import Apart
from schemas.events.routing import Answer, Routed


def witness(strong: Strong, fact: Identified, ctx: Context) -> tuple[Strong, Sequence[Output]]:
    """Link those that the fact names together, tell weak ones of the login, and forward it to the lead.

    A blocked identifier passes the fact on to the next one; so does one that is shared by too many, after it has linked
    the others. What it says of a time before an erasure links nothing and is nobody's; yet the others were seen.
    """
    key, origin = key_of(ctx), ctx.origin
    identifiers = usable(origin.identifiers, fact, ctx.policy)
    others = [one for one in identifiers if one.hash != key.hash]
    if len(others) == len(identifiers):
        return strong, [_not_here(identifiers, origin)]
    outputs: list[Output] = []
    beside = others if not origin.linked else []
    if beside or strong.is_older(fact.occurred_at, fact.event_id):
        strong, outputs = _seen(strong, beside, fact, ctx)
    next_ = _next_strong(identifiers, key) if strong.shared else None
    if next_ is not None:
        return strong, [*outputs, passed_on(origin, subject_of(next_), identifiers=identifiers, linked=True)]
    strong, onward = forwarded(strong, fact, ctx)
    return strong, outputs + onward


def _not_here(identifiers: list[IdentifierHash], origin: Routed) -> Output:
    """A fact that came to a blocked identifier: on to the best that is not, or back to whoever published it."""
    if identifiers:
        return passed_on(origin, subject_of(identifiers[0]), identifiers=identifiers)
    why = "every identifier is one that the workspace's policy blocks: name the person by another"
    return DeadLetter("no_usable_identifier", why)


def _seen(strong: Strong, beside: list[IdentifierHash], fact: Identified, ctx: Context) -> tuple[Strong, list[Output]]:
    """Seen by a fact beside others: the strong ones are linked, the weak ones told of the login."""
    key, said = key_of(ctx), Said(fact.occurred_at, fact.event_id)
    seen = Sighting(*said, fact.region, key.kind)
    facts = Facts(first=sighted(strong, said, fact.region, ctx), links={})
    outputs: list[Output] = []
    for other in beside:
        if is_strong(other):
            is_news = is_void = strong.is_erased(said.at)
            if not is_void:
                strong, is_news = with_neighbour(strong, other, said, ctx, seen=said)
            if is_news:
                if not strong.shared and not is_void:
                    facts.links[pair(key.hash, other.hash)] = said
                    outputs.append(_observed(other, fact, ctx))
                outputs.append(Emit(link_to(other, seen, strong, ctx)))
    joined: list[Output] = []
    if facts.first or facts.links:
        strong, joined = learned(strong, Learned(facts, said), ctx)
    for one in beside:
        if not is_strong(one):
            strong, told = logged_in(strong, subject_of(one), said, ctx)
            outputs += told
    return strong, [*outputs, *joined]


def linked_on_purpose(strong: Strong, fact: IdentitiesLinked, ctx: Context) -> tuple[Strong, Sequence[Output]]:
    """Link the first identifier to each of the others, whatever their number."""
    key = key_of(ctx)
    said = Said(fact.occurred_at, fact.event_id)
    facts = Facts(first=sighted(strong, said, fact.region, ctx), explicit={})
    seen, explicit = Sighting(*said, fact.region, key.kind), Explicit(*said, fact.transfer_basis is not None)
    outputs: list[Output] = []
    for other in ctx.origin.identifiers:
        if other.hash != key.hash:
            if not strong.is_erased(said.at):
                strong, _ = with_neighbour(strong, other, said, ctx, explicit=True)
                facts.explicit[pair(key.hash, other.hash)] = explicit
            outputs.append(Emit(link_to(other, seen, strong, ctx, explicit)))
    strong, joined = learned(strong, Learned(facts, said), ctx)
    strong, onward = forwarded(strong, fact, ctx)
    return strong, [*outputs, *joined, *onward]


def split(strong: Strong, fact: IdentitiesSplit, ctx: Context) -> tuple[Strong, Sequence[Output]]:
    """Tell each taken identifier whom it is apart from; this is the first of them."""
    key, said = key_of(ctx), Said(fact.occurred_at, fact.event_id)
    taken, kept = ctx.origin.identifiers[: len(fact.take)], ctx.origin.identifiers[len(fact.take) :]
    told = [
        Emit(Apart.build(occurred_at=said.at, subject=subject_of(one), at=said.at, fact_id=said.fact_id, keep=kept))
        for one in taken
        if one.hash != key.hash
    ]
    strong, joined = set_apart(strong, kept, said, ctx)
    strong, onward = forwarded(strong, fact, ctx)
    return strong, [*told, *joined, *onward]


def booking(strong: Strong, fact: BookingChanged, ctx: Context) -> tuple[Strong, Sequence[Output]]:
    """A booking that hangs here asks for its lead; it is told of it from now on."""
    subject = f"b:{fact.booking_id}"
    strong, refused = with_dependent(strong, subject, fact.occurred_at, ctx)
    answer = Answer.build(
        strong=key_of(ctx).subject, lead_id=strong.lead_id, ver=strong.ver, erased_at=strong.erased_at
    )
    return strong, [*refused, passed_on(ctx.origin, subject, answer=answer)]


def _next_strong(identifiers: list[IdentifierHash], key: Key) -> IdentifierHash | None:
    """Who takes the fact instead of an identifier that is shared by too many: the next strong one, if there is any."""
    place = next(place for place, one in enumerate(identifiers) if one.hash == key.hash)
    return next((one for one in identifiers[place + 1 :] if is_strong(one)), None)


def _observed(other: IdentifierHash, fact: Identified, ctx: Context) -> Emit:
    """For the stores, from the end that the fact came to: the other hears of it from here, so nobody says it twice."""
    key, origin = key_of(ctx), ctx.origin
    (one, kind), (two, its_kind) = sorted(((key.hash, key.kind), (other.hash, str(other.kind))))
    return Emit(
        LinkObserved.build(
            occurred_at=fact.occurred_at,
            identifier=one,
            kind=kind,
            other=two,
            other_kind=its_kind,
            fact_id=fact.event_id,
            fact_topic=origin.topic,
            fact_source=fact.source,
        )
    )


def forwarded(strong: Strong, fact: Event, ctx: Context) -> tuple[Strong, list[Output]]:
    """The fact on to the lead of then; what is nobody's is accepted all the same."""
    seq, lead = strong.seq + 1, strong.lead_at(fact.occurred_at)
    onward = accepted(ctx.origin, lead_id=lead, identifier=key_of(ctx).hash, seq=seq, ver=strong.ver)
    strong = msgspec.structs.replace(strong, seq=seq)
    return strong, [Drop("erased"), onward] if lead == NOBODY else [onward]
