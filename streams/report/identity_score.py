"""How well leads are the people behind them, where these are known: precision and recall over pairs of identifiers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple


class Named(NamedTuple):
    """A person's strong identifiers as hashes: those that are theirs alone today, and all ever written on them.

    An agency's mailbox, a number since given up, and one that a record holds by mistake are written, and not own.
    """

    own: frozenset[str]
    written: frozenset[str]


class Mixed(NamedTuple):
    """A lead with own identifiers of several people, of whom some are joined by no strong identifier at all."""

    lead: str
    people: tuple[str, ...]


@dataclass(frozen=True)
class IdentityScore:
    """Leads against people. A pair is two own identifiers: ``held`` by one lead, ``true`` of one person, or both.

    ``mixing``: leads with own identifiers of several people. ``mixing_by_weak``: those of them in which nothing but a
    weak identifier can have brought two people together. ``conflicts``: open ones by kind.
    """

    people: int
    leads: int
    held: int
    true: int
    both: int
    mixing: int
    mixing_by_weak: list[Mixed]
    conflicts: dict[str, int]

    @property
    def precision(self) -> float:
        """How many of the pairs held by one lead are one person's; 1 where none is held."""
        return self.both / self.held if self.held else 1.0

    @property
    def recall(self) -> float:
        """How many of people's pairs are held by one lead; 1 where there are none."""
        return self.both / self.true if self.true else 1.0

    def to_json(self) -> dict[str, Any]:
        """Plain values, ready for ``json.dumps``."""
        return {
            "people": self.people,
            "leads": self.leads,
            "pairs": {"held": self.held, "true": self.true, "both": self.both},
            "precision": self.precision,
            "recall": self.recall,
            "leads_mixing_people": self.mixing,
            "leads_mixing_by_weak": [{"lead_id": one.lead, "people": list(one.people)} for one in self.mixing_by_weak],
            "conflicts": self.conflicts,
        }


def identity_score(
    people: Mapping[str, Named], leads: Mapping[str, Collection[str]], conflicts: Mapping[str, int] | None = None
) -> IdentityScore:
    """Compare leads with people.

    Args:
        people: by name. An identifier that several call their own is nobody's, and in no pair.
        leads: identifier hashes by lead; those that are nobody's own (shared, weak, not simulated) do not matter.
        conflicts: open conflicts by kind, handed on.
    """
    owner = _owners(people)
    true = {pair for named in people.values() for pair in _pairs(named.own & owner.keys())}
    known = {lead: found for lead, some in leads.items() if (found := owner.keys() & set(some))}
    held = {pair for some in known.values() for pair in _pairs(some)}
    joined = _Joined(people)
    mixed = {lead: who for lead, some in known.items() if len(who := sorted({owner[each] for each in some})) > 1}
    return IdentityScore(
        people=len(set(owner.values())),
        leads=len(known),
        held=len(held),
        true=len(true),
        both=len(held & true),
        mixing=len(mixed),
        mixing_by_weak=[Mixed(lead, tuple(who)) for lead, who in sorted(mixed.items()) if not joined.all(who)],
        conflicts=dict(sorted((conflicts or {}).items())),
    )


def _owners(people: Mapping[str, Named]) -> dict[str, str]:
    """Whose an identifier is, for those that are one person's."""
    owners: dict[str, set[str]] = defaultdict(set)
    for person, named in people.items():
        for identifier in named.own:
            owners[identifier].add(person)
    return {identifier: who.pop() for identifier, who in owners.items() if len(who) == 1}


def _pairs(identifiers: Collection[str]) -> Iterator[tuple[str, str]]:
    return combinations(sorted(identifiers), 2)


class _Joined:
    """People who may be taken for one by strong identifiers: written on both, or on one after another between them."""

    def __init__(self, people: Mapping[str, Named]) -> None:
        self._above = {person: person for person in people}
        first: dict[str, str] = {}
        for person, named in people.items():
            for identifier in named.written | named.own:
                self._above[self._top(person)] = self._top(first.setdefault(identifier, person))

    def _top(self, person: str) -> str:
        while (above := self._above[person]) != person:
            self._above[person] = person = self._above[above]
        return person

    def all(self, people: Collection[str]) -> bool:
        """Whether all of them hang together."""
        return len({self._top(person) for person in people}) == 1
