"""Who is who, put together from rows of the store: what holds when, what an act would move, what a picture shows.

Pure: the rows are fetched by others. Identifiers are hashes here, and nobody's values come near.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby, product
from math import cos, pi, sin
from typing import Any

from models.identity.erasure import NOBODY, somebody

Row = Mapping[str, Any]

NO_IDENTIFIERS = ("booking", "name")
"""Kinds of what has a binding and is no identifier: bookings, and names borne since an erasure."""
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
"""Since when a binding holds that has held for ever."""


@dataclass(frozen=True)
class Held:
    """From ``since`` until before ``until`` (none: still) an identifier's history belongs to a lead."""

    identifier: str
    kind: str
    lead_id: str
    since: datetime
    until: datetime | None
    version: int
    why: str


def held(bindings: Iterable[Row]) -> list[Held]:
    """What holds when, of all binding rows of some identifiers: at t of the rows with since <= t the highest
    (version, since)."""
    found: list[Held] = []
    ordered = sorted(bindings, key=lambda row: (row["identifier"], row["since"]))
    for _, rows in groupby(ordered, key=lambda row: row["identifier"]):
        found += _intervals(list(rows))
    return found


def _intervals(rows: Sequence[Row]) -> list[Held]:
    """Of one identifier's rows by since."""
    changes: list[Row] = []
    newest = -1
    for row in rows:
        if row["version"] < newest:
            continue  # of an older version than what holds already, so it never holds
        newest = row["version"]
        if not changes or changes[-1]["lead_id"] != row["lead_id"]:
            changes.append(row)
    ends = [row["since"] for row in changes[1:]]
    return [
        Held(row["identifier"], row["kind"], row["lead_id"], row["since"], until, row["version"], row["why"])
        for row, until in zip(changes, [*ends, None], strict=True)
    ]


def of_lead(holds: Iterable[Held], lead_id: str) -> list[Held]:
    """A lead's own identifiers of what holds."""
    return [one for one in holds if one.lead_id == lead_id and one.kind not in NO_IDENTIFIERS]


def lives_on(holds: Collection[Held], lead_id: str) -> list[str]:
    """The leads that a lead lives on in when it stands for nobody any more.

    A lead bears the hash of the identifier that it was named after, whose binding knows. Usually that is one lead; the
    history of a cookie that several people used went to each of them.
    """
    if any(one.lead_id == lead_id for one in holds):
        return []
    return sorted(somebody(one.lead_id for one in holds if one.identifier == lead_id))


def erased(holds: Collection[Held], lead_id: str) -> datetime | None:
    """When what a lead was named after was last erased: what happened before that instant is nobody's."""
    return next((one.until for one in holds if one.identifier == lead_id and one.lead_id == NOBODY), None)


def came_from(changes: Iterable[Row], identifier: str, lead_id: str) -> Row | None:
    """The newest change that brought an identifier to a lead."""
    brought = [row for row in changes if row["into_lead_id"] == lead_id and identifier in row["identifiers"]]
    return max(brought, key=lambda row: (row["occurred_at"], row["decision"]), default=None)


@dataclass(frozen=True)
class Stake:
    """A lead that an act is about: what it holds, and which of its identifiers were named, in words."""

    lead_id: str
    region: str
    identifiers: int
    named: list[str] = field(default_factory=list)
    bookings: int = 0
    worth: dict[str, int] = field(default_factory=dict)
    """Net revenue of its bookings in minor units, by currency."""


@dataclass(frozen=True)
class Preview:
    """What an act is about, as far as the store knows."""

    stakes: list[Stake]
    unseen: list[str]
    """Named, and never seen."""

    @property
    def regions(self) -> list[str]:
        """Home regions of the leads."""
        return sorted({one.region for one in self.stakes})


def preview(
    named: Mapping[str, str], holds: Sequence[Held], regions: Mapping[str, str], bookings: Sequence[Row]
) -> Preview:
    """What an act on some identifiers is about.

    Args:
        named: in words, by hash.
        holds: of every identifier that is or was of a lead of theirs.
        regions: home region by lead.
        bookings: lead_id, currency, bookings, net_minor.
    """
    leads = sorted(somebody(one.lead_id for one in holds if one.identifier in named))
    known = {one.identifier for one in holds}
    sums = {lead: [row for row in bookings if row["lead_id"] == lead] for lead in leads}
    stakes = [
        Stake(
            lead,
            regions[lead],
            len({one.identifier for one in of_lead(holds, lead)}),
            sorted({named[one.identifier] for one in holds if one.lead_id == lead and one.identifier in named}),
            sum(row["bookings"] for row in sums[lead]),
            {row["currency"]: row["net_minor"] for row in sums[lead] if row["net_minor"]},
        )
        for lead in leads
    ]
    return Preview(stakes, [text for hash_, text in named.items() if hash_ not in known])


@dataclass(frozen=True)
class Node:
    """A place in a picture: the lead, an identifier of it (``kind`` says which), or a lead that became part of it."""

    name: str
    kind: str
    label: str
    x: float
    y: float


@dataclass(frozen=True)
class Edge:
    """A line in a picture, by the names of its ends: ``holds``, ``came`` (from a former lead), ``observed`` (a fact
    named both), ``linked`` (somebody said so)."""

    start: str
    end: str
    style: str
    label: str


@dataclass(frozen=True)
class Picture:
    """A lead's identifiers around it, those with one origin side by side, and further out the leads they came from."""

    nodes: list[Node]
    edges: list[Edge]


LEAD, FORMER = "lead", "former lead"
_FORMER_AT = 1.8


def observed(links: Iterable[Row]) -> list[Edge]:
    """Lines for pairs that a fact named together, with when and which fact."""
    return [
        Edge(row["identifier"], row["other"], "observed", _said(row, row["fact_topic"], row["fact_id"]))
        for row in links
    ]


def stated(statements: Iterable[Row]) -> list[Edge]:
    """Lines for pairs that somebody linked on purpose, with when and who said so; a later word replaces an earlier."""
    lines: dict[tuple[str, str], Edge] = {}
    for row in statements:
        for pair in product(row["identifiers"], row["others"]):
            start, end = sorted(pair)
            if row["says"] == "linked":
                lines[start, end] = Edge(
                    start, end, "linked", _said(row, f"linked by {row['source']}", row["event_id"])
                )
            else:
                lines.pop((start, end), None)
    return list(lines.values())


def _said(row: Row, what: str, event_id: str) -> str:
    return f"{row['occurred_at']:%d %b %Y}\n{what} {event_id[:8]}"


def picture(lead_id: str, holds: Sequence[Held], changes: Sequence[Row], links: Iterable[Edge]) -> Picture:
    """What to draw of a lead.

    Args:
        holds: what its identifiers hold.
        changes: merges and splits into it.
        links: between identifiers, of which those with both ends here are drawn.
    """
    own = {one.identifier: one for one in of_lead(holds, lead_id)}
    origin = {name: came_from(changes, name, lead_id) for name in own}
    former = {name: "" if row is None else str(row["lead_id"]) for name, row in origin.items()}
    order = sorted(own, key=lambda name: (former[name], own[name].kind, name))
    turn = {name: 2 * pi * number / max(len(order), 1) for number, name in enumerate(order)}
    # A lead bears the name of an identifier, which is another place in the picture.
    centre = f"lead {lead_id}"
    nodes = [Node(centre, LEAD, f"lead\n{lead_id[:8]}", 0.0, 0.0)]
    edges: list[Edge] = []
    for name in order:
        nodes.append(Node(name, own[name].kind, f"{own[name].kind}\n{name[:8]}", cos(turn[name]), sin(turn[name])))
        edges.append(Edge(centre, name, "holds", _since(own[name])))
    groups: dict[str, list[str]] = defaultdict(list)
    for name in order:
        if former[name]:
            groups[former[name]].append(name)
    for lead, names in groups.items():
        middle = sum(turn[name] for name in names) / len(names)
        at = (_FORMER_AT * cos(middle), _FORMER_AT * sin(middle))
        nodes.append(Node(f"former {lead}", FORMER, f"was lead\n{lead[:8]}", *at))
        for name in names:
            edges.append(Edge(f"former {lead}", name, "came", f"{_change(origin[name]):%d %b %Y}"))
    edges += [link for link in links if link.start in own and link.end in own]
    return Picture(nodes, edges)


def _since(one: Held) -> str:
    return one.why if one.since <= BEGINNING else f"{one.why}, {one.since:%d %b %Y}"


def _change(row: Row | None) -> datetime:
    assert row is not None, "it came from a former lead"
    at: datetime = row["occurred_at"]
    return at
