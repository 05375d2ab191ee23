"""What a strong identifier knows: itself, its neighbours, and those that are to be told of its lead."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import msgspec

from models.identity.binding import Rows
from models.identity.erasure import NOBODY, rows_of
from models.identity.facts import Explicit, Facts, Said, Sighting
from processors.base import Context, Drop, Emit, Output
from processors.resolve.conflicts import conflict
from processors.resolve.joined import FactsJoined
from processors.resolve.keys import key_of, subject_of
from schemas.events.base import DAY
from schemas.events.identity import IdentifierHash, IdentifierSighted
from schemas.events.resolving import Link, Mark

MAX_WEAK = 50
MAX_BOOKINGS = 1_000
MAX_MARKED = 8
UNSEEN = 400 * DAY
"""A weak identifier not seen with this one for so long (13 months) is told no more."""


NOTHING = Facts()


NEVER = Said(1 << 62, "")
"""Later than anything: nothing of the kind has come, or nothing since one of a pair was erased."""

_UNSEEN = Said(-1, "")


class Neighbour(NamedTuple):
    """An identifier named together with this one: its kind, the earliest time and fact, its erasure as far as heard of.

    ``seen`` is the newest fact that named both here, where this is the better one of the two; ``observed`` the earliest
    that did by itself: what people link may be refused, and is no word for what is only observed.
    """

    kind: str
    at: int
    fact_id: str
    seen: Said = _UNSEEN
    mark: Sighting | None = None
    observed: Said = NEVER


class Dependent(msgspec.Struct, frozen=True, array_like=True):
    """A weak identifier that hangs here: when it was last seen, and what it knows of the logins with it.

    ``first`` is the earliest one, which it was told. As long as nobody else logs in with it, later ones say nothing: it
    is told of these, the ``untold``, once it is ``contested``.
    """

    seen: int = 0
    first: Said | None = None
    untold: tuple[Said, ...] = ()
    contested: bool = False


class Strong(msgspec.Struct, frozen=True, array_like=True):
    """A strong identifier: its lead, when it was first named (none: it is only spoken of), its neighbours by hash.

    ``ver`` is its binding's version, ``seq`` counts the facts forwarded. ``known`` holds at most one more neighbour of
    a kind than the policy's ``hub_size``: then it is ``shared``. ``weak`` identifiers and ``bookings`` hang here.
    ``spoken_of``: a split named it before any other fact did. ``named``: others belong to the lead of its name, which
    is therefore told of its binding. ``full``: the limits of dependents that people were told of. ``doubted``: an open
    conflict says that it may be another person's. ``mark``: when it was last erased; what is older than that is
    nobody's, and forgotten here. ``marked``: the newest ``MAX_MARKED`` erasures before that one, each
    of which had given it a name.
    """

    lead_id: str
    first: Sighting | None = None
    ver: int = 0
    seq: int = 0
    known: dict[str, Neighbour] = {}
    weak: dict[str, Dependent] = {}
    bookings: dict[str, None] = {}
    shared: bool = False
    spoken_of: bool = False
    named: bool = False
    full: tuple[str, ...] = ()
    doubted: bool = False
    mark: Sighting | None = None
    marked: tuple[int, ...] = ()

    @property
    def erased_at(self) -> int | None:
        """When the identifier was last erased."""
        return self.mark.at if self.mark is not None else None

    def is_erased(self, at: int) -> bool:
        """Whether what happened then is nobody's."""
        return self.mark is not None and at <= self.mark.at

    def is_older(self, at: int, fact_id: str) -> bool:
        """Whether a fact names the identifier earlier than any known so far; its erasure is the first for good."""
        return self.first is None or (self.mark is None and (at, fact_id) < self.first[:2])

    def lead_at(self, at: int) -> str:
        """Whose it was at an instant."""
        return NOBODY if self.is_erased(at) else self.lead_id

    @property
    def rows(self) -> Rows:
        """Its binding."""
        return rows_of(self.lead_id, self.erased_at)


class Learned(NamedTuple):
    """What a fact or a message teaches, when (microseconds) and by which fact, and the root to meet for it."""

    facts: Facts
    said: Said
    meet: str | None = None


def sighted(strong: Strong, said: Said, region: str, ctx: Context) -> dict[str, Sighting]:
    """The identifier's first sighting, where this is older than the one known."""
    key = key_of(ctx)
    return {key.hash: Sighting(*said, region, key.kind)} if strong.is_older(*said) else {}


def with_neighbour(
    strong: Strong, other: IdentifierHash, said: Said, ctx: Context, *, explicit: bool = False, seen: Said = _UNSEEN
) -> tuple[Strong, bool]:
    """With a link to a neighbour, and whether it is news, for lack of one observed from as early on.

    What was said of either up to its erasure is none.
    """
    known = strong.known.get(other.hash)
    if known is None:
        if _of_kind(strong)[other.kind] > ctx.policy.hub_size:
            return strong, True
        known = Neighbour(other.kind, *NEVER)
    elif known.mark is not None and said.at <= known.mark.at:
        return strong, False
    is_news = not explicit and said < known.observed
    at, fact_id = min(said, Said(*known[1:3]))
    observed = said if is_news else known.observed
    after = known._replace(at=at, fact_id=fact_id, seen=max(known.seen, seen), observed=observed)
    if after == known:
        return strong, False
    return msgspec.structs.replace(strong, known={**strong.known, other.hash: after}), is_news


def learned(strong: Strong, news: Learned, ctx: Context) -> tuple[Strong, list[Output]]:
    """Hand what was learned to the group's root, where there is anything."""
    key, facts, outputs = key_of(ctx), news.facts, list[Output]()
    if facts.first:
        if strong.spoken_of:
            outputs.append(conflict(ctx, "unknown", (key.hash,), is_open=False, version=2, at=news.said.at))
        strong = msgspec.structs.replace(strong, first=facts.first[key.hash], spoken_of=False)
        if key.hash not in facts.erased:
            outputs.append(_sighting(key.hash, facts.first[key.hash]))
    hub = ctx.policy.hub_size
    if not strong.shared and len(strong.known) > hub and max(_of_kind(strong).values()) > hub:
        strong = msgspec.structs.replace(strong, shared=True)
        facts = msgspec.structs.replace(facts, shared=(key.hash,))
    if news.meet is not None or facts != NOTHING:
        facts = msgspec.structs.replace(facts, erased={**_marks(strong, facts, key.hash), **facts.erased})
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


def _marks(strong: Strong, facts: Facts, me: str) -> dict[str, Sighting]:
    """The erasures, as far as known here, of all that some facts are about."""
    marks = {me: strong.mark} if strong.mark is not None else {}
    for end in sorted({end for ends in (*facts.links, *facts.explicit, *facts.apart) for end in ends}):
        known = strong.known.get(end)
        if known is not None and known.mark is not None:
            marks[end] = known.mark
    return marks


def link_to(
    other: IdentifierHash, seen: Sighting, strong: Strong, ctx: Context, explicit: Explicit | None = None
) -> Link:
    """To the other end of a link, which a fact names as well."""
    key, root = key_of(ctx), ctx.slices.get("root")
    return Link.build(
        occurred_at=seen.at,
        subject=subject_of(other),
        other=IdentifierHash.build(kind=key.kind, hash=key.hash),
        at=seen.at,
        fact_id=seen.fact_id,
        home=seen.region,
        root=root.points_to if root is not None and root.points_to else key.subject,
        explicit=explicit is not None,
        transfer_basis=explicit is not None and explicit.transfer_basis,
        erased=as_mark(strong.mark) if strong.mark is not None else None,
    )


def as_mark(mark: Sighting) -> Mark:
    """An erasure as messages tell it."""
    return Mark.build(at=mark.at, fact_id=mark.fact_id, home=mark.region)


def with_dependent(strong: Strong, subject: str, at: int, ctx: Context) -> tuple[Strong, list[Output]]:
    """With a weak identifier or a booking that is to be told of the lead; where there are too many, with why not."""
    if subject.startswith("b:"):
        if subject in strong.bookings or len(strong.bookings) < MAX_BOOKINGS:
            return msgspec.structs.replace(strong, bookings={**strong.bookings, subject: None}), []
        return _refused(strong, "booking_limit", ctx)
    if subject in strong.weak or len(strong.weak) < MAX_WEAK:
        held = strong.weak.get(subject, Dependent())
        held = msgspec.structs.replace(held, seen=max(at, held.seen))
        return msgspec.structs.replace(strong, weak={**strong.weak, subject: held}), []
    seen_lately = {one: held for one, held in strong.weak.items() if held.seen >= at - UNSEEN}
    if len(seen_lately) < MAX_WEAK:
        return msgspec.structs.replace(strong, weak={**seen_lately, subject: Dependent(at)}), []
    return _refused(strong, "weak_limit", ctx)


def _refused(strong: Strong, limit: str, ctx: Context) -> tuple[Strong, list[Output]]:
    if limit in strong.full:
        return strong, [Drop(limit)]
    told = conflict(ctx, limit, (key_of(ctx).hash,), is_open=True, version=1, at=ctx.at)
    return msgspec.structs.replace(strong, full=(*strong.full, limit)), [told, Drop(limit)]


def _of_kind(strong: Strong) -> Counter[str]:
    return Counter(neighbour.kind for neighbour in strong.known.values())
