"""What deciding everybody anew would change: leads by the rules in force, of all facts that the store holds, beside
those of today.

Pure: the rows are fetched by others. Identifiers are hashes here, and nobody's values come near.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from models.identity.facts import Explicit, Facts, Said, Sighting, join, pair
from models.identity.partition import Limits, partition
from schemas.events.base import instant
from streams.report.identity import Row


class Held(NamedTuple):
    """What the store holds of a workspace's identifiers.

    ``sightings``, ``links`` and ``statements`` are rows of the tables ``identifier_sightings``, ``identifier_links``
    and ``identity_statements``; ``shared`` the identifiers that too many have; ``leads`` today's by strong identifier.
    """

    sightings: Iterable[Row]
    links: Iterable[Row]
    statements: Iterable[Row]
    shared: Iterable[str]
    leads: Mapping[str, str]


@dataclass(frozen=True)
class Regrouping:
    """Leads of today that would be other leads, each with how many strong identifiers it has.

    ``worth``: net revenue of the bookings of them all in minor units, by currency.
    """

    before: Mapping[str, int]
    after: Mapping[str, int]
    bookings: int
    worth: Mapping[str, int]

    @property
    def what(self) -> str:
        """In a word: ``merge``, ``split``, or ``regroup`` where neither alone says it."""
        more, fewer = self.after.keys() - self.before.keys(), self.before.keys() - self.after.keys()
        if fewer and not more:
            return "merge"
        return "split" if more and not fewer else "regroup"


def facts_of(held: Held) -> Facts:
    """The facts that roots decide by, of a whole workspace as if it were one group."""
    facts = Facts(
        first={
            row["identifier"]: Sighting(instant(row["occurred_at"]), row["fact_id"], row["region"], row["kind"])
            for row in held.sightings
        },
        links={
            (row["identifier"], row["other"]): Said(instant(row["occurred_at"]), row["fact_id"]) for row in held.links
        },
        shared=tuple(sorted(held.shared)),
    )
    explicit: dict[tuple[str, str], Explicit] = {}
    apart: dict[tuple[str, str], Said] = {}
    for row in held.statements:
        said = Said(instant(row["occurred_at"]), row["event_id"])  # an erasure is of no pair
        for one, other in product(row["identifiers"], row["others"]):
            if row["says"] == "split":
                apart[pair(one, other)] = max(said, apart.get(pair(one, other), said))
            elif one != other:
                linked = Explicit(*said, row["transfer_basis"] is not None)
                explicit[pair(one, other)] = max(linked, explicit.get(pair(one, other), linked))
    return join(facts, Facts(explicit=explicit, apart=apart))


def moved(held: Held, limits: Limits) -> list[dict[str, tuple[str, str]]]:
    """Each set of leads that would change: lead of today and lead to be, by identifier.

    Left out are those with an identifier that was erased: which facts name it since the store does not know.
    """
    facts = facts_of(held)
    erased = {one for row in held.statements if row["says"] == "erased" for one in row["identifiers"]}
    of_erased = {held.leads[one] for one in erased if one in held.leads}
    after = partition(facts, limits).leads
    both = {one: (held.leads.get(one, one), lead) for one, lead in after.items()}
    of_today, to_be = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for one, (today, lead) in both.items():
        of_today[today].add(one)
        to_be[lead].add(one)
    found: list[dict[str, tuple[str, str]]] = []
    done = set[str]()
    for start in sorted(one for one, (today, lead) in both.items() if today != lead):
        together, fresh = set[str](), {start} - done
        while fresh:
            together |= fresh
            fresh = {
                near for one in fresh for near in of_today[both[one][0]] | to_be[both[one][1]] if near not in together
            }
        if together and not together & erased and all(both[one][0] not in of_erased for one in together):
            found.append({one: both[one] for one in sorted(together)})
        done |= together
    return found


def regroupings(moves: Iterable[Mapping[str, tuple[str, str]]], bookings: Sequence[Row]) -> list[Regrouping]:
    """What would change, that with most bookings first. ``bookings``: lead_id, currency, bookings, net_minor."""
    of_lead = defaultdict[str, list[Row]](list)
    for row in bookings:
        of_lead[row["lead_id"]].append(row)
    found = []
    for move in moves:
        before, after = (dict(Counter(leads[side] for leads in move.values())) for side in (0, 1))
        own = [row for lead in before for row in of_lead[lead]]
        worth = Counter[str]()
        for row in own:
            worth[row["currency"]] += row["net_minor"]
        counted = sum(row["bookings"] for row in own)
        found.append(Regrouping(before, after, counted, {currency: net for currency, net in worth.items() if net}))
    return sorted(found, key=lambda one: (-one.bookings, sorted(one.before)))
