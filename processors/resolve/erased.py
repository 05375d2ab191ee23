"""Erasure at a strong identifier: of itself, or of one that it was named together with.

The mark goes to the group's root, which voids what was said up to it (``models.identity.facts``) and answers with a
binding. Neighbours hear, because a pair that they know sends nothing: who has seen the two together since the erasure
says so anew.
"""

from __future__ import annotations

import msgspec

from models.identity.facts import Facts, Said, Sighting, pair
from processors.base import Context, Emit, Output
from processors.resolve.keys import key_of, subject_of
from processors.resolve.known import MAX_MARKED, NEVER, Learned, Neighbour, Strong, as_mark, learned, link_to
from schemas.events.governance import ErasureRequested
from schemas.events.identity import IdentifierHash
from schemas.events.resolving import Erased, Mark

Answer = tuple[Strong, list[Output]]


def requested(strong: Strong, fact: ErasureRequested, ctx: Context) -> Answer:
    """An erasure as somebody asked for it, at the first of its identifiers, which tells the others."""
    key, mark = key_of(ctx), Mark.build(at=fact.occurred_at, fact_id=fact.event_id, home=fact.region)
    others: list[Output] = [
        Emit(Erased.build(occurred_at=mark.at, subject=subject_of(one), identifier=one, mark=mark))
        for one in ctx.origin.identifiers
        if one.hash != key.hash
    ]
    strong, outputs = _begun_anew(strong, mark, ctx)
    return strong, [*others, *outputs]


def erased(strong: Strong, message: Erased, ctx: Context) -> Answer:
    """This identifier, or a neighbour, was erased."""
    if message.identifier.hash == key_of(ctx).hash:
        return _begun_anew(strong, message.mark, ctx)
    return neighbour_erased(strong, message.identifier, message.mark, ctx)


def _begun_anew(strong: Strong, erasure: Mark, ctx: Context) -> Answer:
    """This identifier from its erasure on, if it is the newest one."""
    key = key_of(ctx)
    mark = _sighting(erasure, key.kind)
    if strong.mark is not None and mark <= strong.mark:
        return strong, []
    told = [
        tell_erased(IdentifierHash.build(kind=one.kind, hash=name), mark, ctx) for name, one in strong.known.items()
    ]
    known = {name: since for name, one in strong.known.items() if (since := _since(one, mark))[1:3] < NEVER}
    marked = strong.marked if strong.mark is None else (*strong.marked, strong.mark.at)[-MAX_MARKED:]
    strong = msgspec.structs.replace(strong, mark=mark, marked=marked, known=known)
    strong, outputs = _said_anew(strong, {*known}, Facts(first={key.hash: mark}, erased={key.hash: mark}), mark, ctx)
    return strong, [*told, *outputs]


def neighbour_erased(strong: Strong, other: IdentifierHash, erasure: Mark, ctx: Context) -> Answer:
    """With a neighbour's erasure, if it is news; of what is no neighbour nothing is known."""
    mark, known = _sighting(erasure, other.kind), strong.known.get(other.hash)
    if known is None or (known.mark is not None and mark <= known.mark):
        return strong, []
    since = _since(known, mark)._replace(mark=mark)
    strong = msgspec.structs.replace(strong, known={**strong.known, other.hash: since})
    return _said_anew(strong, {other.hash}, Facts(erased={other.hash: mark}), mark, ctx)


def tell_erased(to: IdentifierHash, mark: Sighting, ctx: Context) -> Emit:
    """To a neighbour: this identifier was erased."""
    me = IdentifierHash.build(kind=key_of(ctx).kind, hash=key_of(ctx).hash)
    return Emit(Erased.build(occurred_at=mark.at, subject=subject_of(to), identifier=me, mark=as_mark(mark)))


def _sighting(erasure: Mark, kind: str) -> Sighting:
    return Sighting(erasure.at, erasure.fact_id, erasure.home, kind)


def _since(known: Neighbour, mark: Sighting) -> Neighbour:
    """A neighbour as it is known after an erasure of either end."""
    if known.at > mark.at:
        return known
    observed = next((said for said in (known.observed, known.seen) if mark.at < said.at < NEVER.at), NEVER)
    return known._replace(at=observed.at, fact_id=observed.fact_id, observed=observed)


def _said_anew(strong: Strong, pairs: set[str], facts: Facts, mark: Sighting, ctx: Context) -> Answer:
    """The mark to the root, and once more the links of some pairs that were seen here since it."""
    me, outputs = key_of(ctx).hash, list[Output]()
    links = {name: seen for name in sorted(pairs) if (seen := strong.known[name].seen).at > mark.at}
    for name, seen in links.items():
        other = IdentifierHash.build(kind=strong.known[name].kind, hash=name)
        outputs.append(Emit(link_to(other, Sighting(*seen, mark.region, other.kind), strong, ctx)))
    facts = msgspec.structs.replace(facts, links={pair(me, name): seen for name, seen in links.items()})
    strong, joined = learned(strong, Learned(facts, Said(mark.at, mark.fact_id)), ctx)
    return strong, [*outputs, *joined]
