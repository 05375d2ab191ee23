"""What a strong identifier knows: itself, its neighbours, and those that are to be told of its lead."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import msgspec

from models.identity.facts import Facts, Said, Sighting
from processors.base import Context, Drop, Emit, Output
from processors.resolve.conflicts import conflict
from processors.resolve.joined import FactsJoined
from processors.resolve.keys import key_of
from schemas.events.base import DAY
from schemas.events.identity import IdentifierHash, IdentifierSighted

MAX_WEAK = 50
MAX_BOOKINGS = 1_000
UNSEEN = 400 * DAY
"""A weak identifier not seen with this one for so long (13 months) is told no more."""


NOTHING = Facts()


class Neighbour(NamedTuple):
    """An identifier named together with this one: its kind, and the earliest time and fact."""

    kind: str
    at: int
    fact_id: str


class Strong(msgspec.Struct, frozen=True, array_like=True):
    """A strong identifier: its lead, when it was first named (none: it is only spoken of), its neighbours by hash.

    ``ver`` is its binding's version, ``seq`` counts the facts forwarded. ``known`` holds at most one more neighbour of
    a kind than the policy's ``hub_size``: then it is ``shared``. ``weak``: when each attached weak identifier was last
    seen; ``bookings`` hang here. ``spoken_of``: a split named it before any other fact did. ``named``: others belong
    to the lead of its name, which is therefore told of its binding. ``full``: the limits of dependents that people were
    told of. ``doubted``: an open conflict says that it may be another person's.
    """

    lead_id: str
    first: Sighting | None = None
    ver: int = 0
    seq: int = 0
    known: dict[str, Neighbour] = {}
    weak: dict[str, int] = {}
    bookings: dict[str, None] = {}
    shared: bool = False
    spoken_of: bool = False
    named: bool = False
    full: tuple[str, ...] = ()
    doubted: bool = False


class Learned(NamedTuple):
    """What a fact or a message teaches, when (microseconds) and by which fact, and the root to meet for it."""

    facts: Facts
    said: Said
    meet: str | None = None


def sighted(strong: Strong, said: Said, region: str, ctx: Context) -> dict[str, Sighting]:
    """The identifier's first sighting, where this is older than the one known."""
    key = key_of(ctx)
    is_news = strong.first is None or said < strong.first[:2]
    return {key.hash: Sighting(*said, region, key.kind)} if is_news else {}


def with_neighbour(strong: Strong, other: IdentifierHash, said: Said, ctx: Context) -> tuple[Strong, bool]:
    """With a link to a neighbour, and whether it is news, for lack of one from as early on."""
    known = strong.known.get(other.hash)
    if known is not None and known[1:] <= said:
        return strong, False
    if known is None and _of_kind(strong)[other.kind] > ctx.policy.hub_size:
        return strong, True
    neighbours = {**strong.known, other.hash: Neighbour(other.kind, *said)}
    return msgspec.structs.replace(strong, known=neighbours), True


def learned(strong: Strong, news: Learned, ctx: Context) -> tuple[Strong, list[Output]]:
    """Hand what was learned to the group's root, where there is anything."""
    key, facts, outputs = key_of(ctx), news.facts, list[Output]()
    if facts.first:
        if strong.spoken_of:
            outputs.append(conflict(ctx, "unknown", (key.hash,), is_open=False, version=2, at=news.said.at))
        strong = msgspec.structs.replace(strong, first=facts.first[key.hash], spoken_of=False)
        outputs.append(_sighting(key.hash, facts.first[key.hash]))
    hub = ctx.policy.hub_size
    if not strong.shared and len(strong.known) > hub and max(_of_kind(strong).values()) > hub:
        strong = msgspec.structs.replace(strong, shared=True)
        facts = msgspec.structs.replace(facts, shared=(key.hash,))
    if news.meet is not None or facts != NOTHING:
        joined = FactsJoined.build(occurred_at=news.said.at, facts=facts, meet=news.meet, cause=news.said.fact_id)
        outputs.append(Emit(joined))
    return strong, outputs


def _sighting(identifier: str, first: Sighting) -> Emit:
    """For the stores."""
    return Emit(
        IdentifierSighted.build(
            occurred_at=first.at, identifier=identifier, kind=first.kind, fact_id=first.fact_id, home=first.region
        )
    )


def with_dependent(strong: Strong, subject: str, at: int, ctx: Context) -> tuple[Strong, list[Output]]:
    """With a weak identifier or a booking that is to be told of the lead; where there are too many, with why not."""
    if subject.startswith("b:"):
        if subject in strong.bookings or len(strong.bookings) < MAX_BOOKINGS:
            return msgspec.structs.replace(strong, bookings={**strong.bookings, subject: None}), []
        return _refused(strong, "booking_limit", ctx)
    if subject in strong.weak or len(strong.weak) < MAX_WEAK:
        seen = max(at, strong.weak.get(subject, 0))
        return msgspec.structs.replace(strong, weak={**strong.weak, subject: seen}), []
    seen_lately = {one: seen for one, seen in strong.weak.items() if seen >= at - UNSEEN}
    if len(seen_lately) < MAX_WEAK:
        return msgspec.structs.replace(strong, weak={**seen_lately, subject: at}), []
    return _refused(strong, "weak_limit", ctx)


def _refused(strong: Strong, limit: str, ctx: Context) -> tuple[Strong, list[Output]]:
    if limit in strong.full:
        return strong, [Drop(limit)]
    told = conflict(ctx, limit, (key_of(ctx).hash,), is_open=True, version=1, at=ctx.at)
    return msgspec.structs.replace(strong, full=(*strong.full, limit)), [told, Drop(limit)]


def _of_kind(strong: Strong) -> Counter[str]:
    return Counter(neighbour.kind for neighbour in strong.known.values())
