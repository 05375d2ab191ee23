"""Who is who, from the set of all known facts (identity specification, sections 1 to 3): nothing arrives here.

Left out, as they depend on what came first or on sizes that small histories do not reach: the bounds of a cluster
(64), of a weak identifier's logins (64) and companions (8), and of what may hang on one identifier (50, 1,000).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

import phonenumbers

from schemas.events.base import Event, Identified
from schemas.events.bookings import BookingChanged
from schemas.events.governance import ErasureRequested, IdentifierValue, IdentitiesLinked, IdentitiesSplit
from schemas.ids import derived_id
from tests.property.oracles.identity import KINDS, hash_of, named, normal

STRONG = KINDS[:4]
LIMITS = {"crm_id": 1, "email": 5, "phone": 5, "wa_id": 5}
MOST_NEIGHBOURS = 8
NOBODY = "00000000-0000-0000-0000-000000000000"

Stamp = tuple[int, str]
"""(occurred_at, event_id): when, and of two at once which first."""
Pair = tuple[str, str]
"""Two hashes, the smaller first."""
Conflict = tuple[str, tuple[str, ...]]
"""(kind, the hashes of the link or the identifier that it is about)."""
Usable = Callable[[str, str], bool]
"""Whether a normal value of a kind may name a person."""


@cache
def usable(kind: str, value: str) -> bool:
    """Whether a value names a person, and is not what forms are filled with or machines write from."""
    if kind == "email":
        return value != "test@test.com" and value.partition("@")[0] not in ("info", "noreply", "no-reply")
    return kind != "phone" or phonenumbers.parse(value).national_number != 0


class Identifier(NamedTuple):
    """What stands for a value; in order of these, the best comes first."""

    rank: int
    hash: str

    @property
    def kind(self) -> str:
        """Its kind."""
        return KINDS[self.rank]

    @property
    def strong(self) -> bool:
        """Whether it may link leads."""
        return self.kind in STRONG


class First(NamedTuple):
    """The first event that named an identifier; the least of them anchors a lead."""

    at: int
    event_id: str
    identifier: Identifier
    region: str


class Join(NamedTuple):
    """A reason to take two identifiers for one person's, in the order in which reasons are looked at."""

    order: Literal[0, 1]
    stamp: Stamp
    pair: Pair
    transfer: bool

    @property
    def explicit(self) -> bool:
        """Whether somebody said so, rather than one event having named both."""
        return self.order == 0


def identifiers(key: bytes, fact: Identified, usable: Usable = usable) -> list[Identifier]:
    """The usable identifiers of an event, best first: a WhatsApp id comes after the phone even if it is one itself."""
    return [_identifier(key, fact, pair) for pair in named(fact) if usable(*pair)]


def listed(key: bytes, fact: Event, values: Iterable[IdentifierValue], usable: Usable = usable) -> list[Identifier]:
    """The distinct usable identifiers of a list, in its order."""
    pairs = [pair for value in values if (pair := normal(value.kind, value.value)) and usable(*pair)]
    return list(dict.fromkeys(_identifier(key, fact, pair) for pair in pairs))


def _identifier(key: bytes, fact: Event, pair: tuple[str, str]) -> Identifier:
    return Identifier(KINDS.index(pair[0]), hash_of(key, fact.workspace_id, *pair))


def refused(key: bytes, fact: Event, usable: Usable = usable) -> bool:
    """Whether a fact names nobody, or says of identifiers what cannot be; it then counts for nothing."""
    if isinstance(fact, IdentitiesLinked):
        linked = listed(key, fact, fact.identifiers, usable)
        return len(linked) < 2 or _any_weak(fact.identifiers)
    if isinstance(fact, ErasureRequested):
        return not listed(key, fact, fact.identifiers, usable) or _any_weak(fact.identifiers)
    if isinstance(fact, IdentitiesSplit):
        take, keep = listed(key, fact, fact.take, usable), listed(key, fact, fact.keep, usable)
        return not take or not keep or bool({*take} & {*keep}) or _any_weak([*fact.take, *fact.keep])
    if isinstance(fact, Identified) and not isinstance(fact, BookingChanged):
        return not identifiers(key, fact, usable) and bool(named(fact) or not fact.lead_id)
    return False


def _any_weak(values: Iterable[IdentifierValue]) -> bool:
    return any(value.kind not in STRONG for value in values)


def pair_of(one: str, other: str) -> Pair:
    """Two hashes in order."""
    return (one, other) if one < other else (other, one)


def _erasures(key: bytes, facts: Iterable[Event], usable: Usable) -> dict[str, First]:
    """The newest erasure of each identifier."""
    found: dict[str, First] = {}
    for fact in facts:
        if isinstance(fact, ErasureRequested) and not refused(key, fact, usable):
            for one in listed(key, fact, fact.identifiers, usable):
                mark = First(fact.occurred_at, fact.event_id, one, fact.region)
                found[one.hash] = max(found.get(one.hash, mark), mark)
    return found


class Known:
    """What the facts say, fact by fact: sets, least and greatest, so that their order cannot matter."""

    def __init__(self, key: bytes, facts: Iterable[Event], usable: Usable) -> None:
        self.firsts: dict[str, First] = {}
        self.observed: dict[Pair, Stamp] = {}
        self.explicit: dict[Pair, tuple[Stamp, bool]] = {}
        self.cuts: dict[Pair, Stamp] = {}
        self.taken: set[str] = set()
        self.weak: set[str] = set()
        self.logins: dict[str, list[tuple[Stamp, str]]] = defaultdict(list)
        self.companions: dict[str, set[str]] = defaultdict(set)
        self.bookings: dict[tuple[str, str], list[BookingChanged]] = defaultdict(list)
        facts = list(facts)
        self.erasures = _erasures(key, facts, usable)
        self.firsts.update(self.erasures)
        for fact in {(fact.workspace_id, fact.event_id): fact for fact in facts}.values():
            stamp = fact.occurred_at, fact.event_id
            if refused(key, fact, usable):
                continue
            if isinstance(fact, BookingChanged):
                self.bookings[fact.workspace_id, fact.booking_id].append(fact)
            elif isinstance(fact, IdentitiesLinked):
                self._linked(fact, listed(key, fact, fact.identifiers, usable), stamp)
            elif isinstance(fact, IdentitiesSplit):
                self._split(listed(key, fact, fact.take, usable), listed(key, fact, fact.keep, usable), stamp)
            elif isinstance(fact, Identified):
                self._event(fact, identifiers(key, fact, usable), stamp)

    def _sighted(self, fact: Event, strong: Iterable[Identifier]) -> None:
        for one in strong:
            if one.hash in self.erasures:
                continue  # it begins with its erasure
            here = First(fact.occurred_at, fact.event_id, one, fact.region)
            self.firsts[one.hash] = min(self.firsts.get(one.hash, here), here)

    def _event(self, fact: Event, found: list[Identifier], stamp: Stamp) -> None:
        strong, weak = [one for one in found if one.strong], [one.hash for one in found if not one.strong]
        self._sighted(fact, strong)
        self.weak |= {*weak}
        if strong:
            for one in strong[1:]:
                pair = pair_of(strong[0].hash, one.hash)
                if self.forgotten(stamp, pair):
                    continue
                self.observed[pair] = min(self.observed.get(pair, stamp), stamp)
            for name in weak:
                self.logins[name].append((stamp, strong[0].hash))
        for name in weak[1:] if not strong else []:
            self.companions[weak[0]].add(name)
            self.companions[name].add(weak[0])

    def _linked(self, fact: IdentitiesLinked, found: list[Identifier], stamp: Stamp) -> None:
        self._sighted(fact, found)
        for one in found[1:]:
            pair, said = pair_of(found[0].hash, one.hash), (stamp, fact.transfer_basis is not None)
            if self.forgotten(stamp, pair):
                continue
            self.explicit[pair] = max(self.explicit.get(pair, said), said)

    def _split(self, take: list[Identifier], keep: list[Identifier], stamp: Stamp) -> None:
        self.taken |= {one.hash for one in take}
        for pair in {pair_of(one.hash, other.hash) for one in take for other in keep}:
            if self.forgotten(stamp, pair):
                continue
            self.cuts[pair] = max(self.cuts.get(pair, stamp), stamp)

    def forgotten(self, stamp: Stamp, pair: Pair) -> bool:
        """Whether something was said of two identifiers at or before the erasure of either."""
        return any(one in self.erasures and stamp[0] <= self.erasures[one].at for one in pair)

    def since(self, stamp: Stamp, pair: Pair) -> Stamp:
        """From when on an observed link counts: from the erasure if either of the two was erased."""
        return max((self.erasures[one][:2] for one in pair if one in self.erasures), default=stamp)

    def apart(self, pair: Pair) -> bool:
        """Whether two identifiers are said to be of two people, and nobody said otherwise later."""
        return pair in self.cuts and not (pair in self.explicit and self.explicit[pair][0] > self.cuts[pair])

    def shared(self) -> set[str]:
        """Identifiers with too many neighbours of one kind to be one person's."""
        neighbours: Counter[tuple[str, str]] = Counter()
        for one, other in {*self.observed, *self.explicit}:
            neighbours[one, self.kind(other)] += 1
            neighbours[other, self.kind(one)] += 1
        return {one for (one, _), count in neighbours.items() if count > MOST_NEIGHBOURS}

    def kind(self, strong: str) -> str:
        """The kind of a strong identifier that was seen."""
        return self.firsts[strong].identifier.kind

    def joins(self) -> list[Join]:
        """All links in the order in which a partition looks at them."""
        said = [Join(0, stamp, pair, transfer) for pair, (stamp, transfer) in self.explicit.items()]
        return sorted(
            [*said, *(Join(1, self.since(stamp, pair), pair, False) for pair, stamp in self.observed.items())]
        )


def partition(
    known: Known, shared: set[str], limits: Mapping[str, int] = LIMITS
) -> tuple[dict[str, set[str]], set[Conflict]]:
    """The group of each strong identifier, and what kept others from being joined."""
    group = {one: {one} for one in known.firsts}
    conflicts: set[Conflict] = set()
    for join in known.joins():
        here, there = (group[one] for one in join.pair)
        if here is there or shared & {*join.pair}:
            continue
        refusal = _refusal(known, join, (here, there), limits)
        if refusal == "":
            here |= there
            group.update((one, here) for one in there)
        elif refusal != "cut":
            conflicts.add((refusal, join.pair))
    return group, conflicts


def _refusal(known: Known, join: Join, groups: tuple[set[str], set[str]], limits: Mapping[str, int]) -> str:
    """Why two groups must not be joined; nothing if they may."""
    here, there = groups
    if known.apart(join.pair):
        return "cut"
    if any(known.apart(pair_of(one, other)) for one in here for other in there):
        return "apart"
    if anchor(known, here).region != anchor(known, there).region and not join.transfer:
        return "region"
    ours, theirs = (Counter(known.kind(one) for one in group) for group in (here, there))
    if not join.explicit and any(ours[kind] + theirs[kind] > limits[kind] for kind in ours.keys() & theirs.keys()):
        return "limit"  # what people have linked beyond a limit grows by other kinds
    return ""


def anchor(known: Known, group: set[str]) -> First:
    """The first sight of the identifier that a group is named after, and that tells its home region."""
    return min(known.firsts[one] for one in group)


@dataclass(frozen=True)
class Resolved:
    """Whose everything is.

    ``lead_of_identifier``: the lead of every strong identifier that was seen. ``leads``: all identifiers of a lead:
    strong ones, and weak ones that are its own for some time. ``conflicts``: what is open once all is known.
    """

    lead_of_identifier: Mapping[str, str]
    leads: Mapping[str, frozenset[str]]
    conflicts: frozenset[Conflict]
    shared: frozenset[str]
    key: bytes
    known: Known
    usable: Usable

    def lead_of_event(self, fact: Event) -> frozenset[str]:
        """Where an event may be: one lead; none if it is nobody's history; several if its best identifier is shared.

        What was judged before a shared identifier was known as such stays with it.
        """
        return frozenset(self._passed(fact)) - {NOBODY}

    def lead_of(self, fact: Event) -> str | None:
        """Where an event is if all was known before it came."""
        last = next(iter(reversed(self._passed(fact))), None)
        return None if last == NOBODY else last

    def _passed(self, fact: Event) -> list[str]:
        if not isinstance(fact, Identified) or refused(self.key, fact, self.usable):
            return []
        if isinstance(fact, BookingChanged):
            return [self.lead_of_booking(fact.workspace_id, fact.booking_id)]
        found = identifiers(self.key, fact, self.usable)
        if not found:
            return [self.lead_at(fact.lead_id or "", fact.occurred_at)]
        passed = [found[0].hash]
        strong = [one.hash for one in found if one.strong]
        for one in strong[1:]:
            if passed[-1] in self.shared:
                passed.append(one)
        if passed[-1] in self.shared:
            passed.append(passed[0])  # nobody to pass it on to
        return [self.lead_at(one, fact.occurred_at) for one in passed]

    def lead_of_booking(self, workspace: str, booking_id: str) -> str:
        """The lead of what the booking's highest revision names, when it converted."""
        revisions = self.known.bookings[workspace, booking_id]
        found = identifiers(self.key, max(revisions, key=lambda one: one.revision), self.usable)
        nobodys = derived_id("lead of booking", f"{workspace}/b:{booking_id}")
        if not found:
            return nobodys
        dated = [one for one in revisions if one.booked_at is not None]
        converted = max(dated, key=lambda one: one.revision).booked_at if dated else None
        lead = self.lead_at(
            found[0].hash, converted if converted is not None else min(one.occurred_at for one in revisions)
        )
        return nobodys if lead == NOBODY else lead

    def lead_at(self, name: str, at: int) -> str:
        """The lead of an identifier at an instant; of a lead's name, that of the identifier it is named after."""
        strong = name if name in self.lead_of_identifier else self.owner(name, at)
        if strong in self.known.erasures and at <= self.known.erasures[strong].at:
            return NOBODY
        return self.lead_of_identifier[strong] if strong else name

    def owner(self, weak: str, at: int) -> str | None:
        """The strong identifier that a weak one belongs to at an instant, if any."""
        logins = sorted(self.known.logins.get(weak, ()))
        before = [login for login in logins if login[0][0] <= at]
        if logins:
            return (before[-1] if before else logins[0])[1]
        companions = self.known.companions.get(weak, ())
        claims = [min(self.known.logins[one]) for one in companions if one in self.known.logins]
        return min(claims)[1] if claims else None

    def intervals(self, weak: str) -> list[tuple[int, str]]:
        """(Since, lead) of a weak identifier, from the beginning of time; neighbours differ."""
        found: list[tuple[int, str]] = []
        logins = {at for (at, _), _ in self.known.logins.get(weak, ())}
        for since in sorted({0, *logins, *(erasure.at + 1 for erasure in self.known.erasures.values())}):
            lead = self.lead_at(weak, since)
            if not found or found[-1][1] != lead:
                found.append((since, lead))
        return found


def _name(known: Known, founder: str) -> str:
    """The name of a lead: its founder's own, or the one that this bears since its last erasure."""
    erasure = known.erasures.get(founder)
    return founder if erasure is None else derived_id("erased", founder, erasure.at)


def resolved(
    identity_key: bytes, facts: Iterable[Event], usable: Usable = usable, limits: Mapping[str, int] = LIMITS
) -> Resolved:
    """Who is who once all these facts are known, in whatever order and however often they came."""
    known = Known(identity_key, facts, usable)
    shared = known.shared()
    group, conflicts = partition(known, shared, limits)
    lead_of_identifier = {one: _name(known, anchor(known, group[one]).identifier.hash) for one in group}
    conflicts |= {("shared", (one,)) for one in shared}
    conflicts |= {("unknown", (one,)) for one in known.taken - known.firsts.keys()}
    leads: dict[str, frozenset[str]] = {}
    answer = Resolved(lead_of_identifier, leads, frozenset(conflicts), frozenset(shared), identity_key, known, usable)
    of_lead: dict[str, set[str]] = defaultdict(set)
    for one, lead in lead_of_identifier.items():
        of_lead[lead].add(one)
    for weak in known.weak:
        for _, lead in answer.intervals(weak):
            if lead == NOBODY:
                continue
            of_lead[lead].add(weak)
    leads.update((lead, frozenset(found)) for lead, found in of_lead.items())
    return answer
