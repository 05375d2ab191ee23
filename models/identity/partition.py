"""Leads as a pure function of facts: who belongs together, and which links a rule refuses.

Start with every member alone and take the links in order, people's before observed ones; join two groups unless a rule
forbids it (identity specification, section 2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from models.identity.facts import Conflict, Facts, Pair
from models.identity.hashing import KINDS

Limits = Mapping[str, int]
"""How many identifiers of a kind observed links may bring together."""

_RANK = {kind: rank for rank, kind in enumerate(KINDS)}


class Partition(NamedTuple):
    """The lead of each member, and the conflicts that are open, sorted."""

    leads: dict[str, str]
    conflicts: tuple[Conflict, ...]


class _Rules(NamedTuple):
    """What may keep groups apart: the facts, the pairs that are apart, how many of a kind a lead may have."""

    facts: Facts
    apart: set[Pair]
    limits: Limits


@dataclass(slots=True)
class _Group:
    members: set[str]
    anchor: str
    region: str
    kinds: Counter[str]


def partition(facts: Facts, limits: Limits) -> Partition:
    """Leads by member, and conflicts. ``limits`` says how many identifiers of a kind observed links may bring together.

    A lead is named after its anchor, the member seen first (then best kind, then least hash), so it keeps its name when
    newer identifiers join. An identifier that was erased is as old as that.
    """
    group_of = {one: _Group({one}, one, first.region, Counter((first.kind,))) for one, first in facts.first.items()}
    apart = {cut for cut, said in facts.apart.items() if cut not in facts.explicit or facts.explicit[cut][:2] <= said}
    rules = _Rules(facts, apart, limits)
    conflicts = {Conflict("shared", (one,)) for one in facts.shared if one in facts.first}
    for link, observed in _in_order(facts):
        if link[0] not in group_of or link[1] not in group_of or link[0] in facts.shared or link[1] in facts.shared:
            continue
        one, other = group_of[link[0]], group_of[link[1]]
        if one is other:
            continue
        refused = _refused(one, other, link, observed, rules)
        if refused is None:
            _merge(one, other, facts, group_of)
        elif refused:
            conflicts.add(Conflict(refused, link))
    leads = {member: facts.own_name(group.anchor) for member, group in group_of.items()}
    return Partition(leads, tuple(sorted(conflicts)))


def _in_order(facts: Facts) -> Iterator[tuple[Pair, bool]]:
    """Links with whether they were observed only: people's first, each sort by (time, fact, pair)."""
    for link in sorted(facts.explicit, key=lambda link: (facts.explicit[link][:2], link)):
        yield link, False
    for link in sorted(facts.links, key=lambda link: (_observed_at(link, facts), link)):
        yield link, True


def _observed_at(link: Pair, facts: Facts) -> tuple[int, str]:
    """When a link was first seen; of an identifier that was erased every link counts from then.

    Which one was the first since need not be known then, and cannot be where the erasure is heard of late.
    """
    marks = [facts.erased[end][:2] for end in link if end in facts.erased]
    return max(marks) if marks else facts.links[link]


def _refused(one: _Group, other: _Group, link: Pair, observed: bool, rules: _Rules) -> str | None:
    """Why two groups may not be joined; empty where a person's cut of this very pair says it all; none: they may."""
    if link in rules.apart:
        return ""
    if any(_across(cut, one, other) for cut in rules.apart):
        return "apart"
    transfer = not observed and rules.facts.explicit[link].transfer_basis
    if one.region != other.region and not transfer:
        return "region"
    if observed and any(
        count + other.kinds[kind] > rules.limits.get(kind, 1) for kind, count in one.kinds.items() if other.kinds[kind]
    ):
        return "limit"
    return None


def _across(cut: Pair, one: _Group, other: _Group) -> bool:
    first, second = cut
    return (first in one.members and second in other.members) or (first in other.members and second in one.members)


def _merge(one: _Group, other: _Group, facts: Facts, group_of: dict[str, _Group]) -> None:
    anchor = min(one.anchor, other.anchor, key=lambda name: _age(name, facts))
    one.region = one.region if anchor == one.anchor else other.region
    one.anchor = anchor
    one.members |= other.members
    one.kinds += other.kinds
    for member in other.members:
        group_of[member] = one


def _age(name: str, facts: Facts) -> tuple[int, str, int, str]:
    first = facts.first[name]
    return first.at, first.fact_id, _RANK[first.kind], name
