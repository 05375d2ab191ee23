"""What makes people hard to tell apart: things that several share, numbers that change hands, records that are wrong.

Drawn over the whole population once everybody is drawn, so that nobody's own story depends on it: only identifiers
change, and few facts are added. Whoever is in one of these stories is in no other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import NamedTuple

from schemas.events.base import DAY, HOUR, SECOND
from schemas.events.governance import IdentifierKind, IdentifierValue, IdentitiesSplit
from schemas.events.leads import LeadUpdated
from streams.sources.simulate.facts import Fact
from streams.sources.simulate.journeys import MINUTE
from streams.sources.simulate.people_facts import person_facts
from streams.sources.simulate.population import Identifiers, Person
from streams.sources.simulate.scenario import Scenario

PEOPLE_PER_OFFICE = 500
"""One office for so many people: a computer on which several colleagues look around and log in, one after another."""
OFFICE_PEOPLE = (3, 6)
"""How many of them use it."""
PEOPLE_PER_AGENCY = 1_500
"""One relocation agency with a mailbox of its own, and one that writes as ``info@``, for so many people."""
AGENCY_CLIENTS = (14, 20)
"""Clients whose forms an agency fills in: more phones and CRM numbers beside one mailbox than any person has."""
INFO_CLIENTS = (4, 9)
"""Clients of an agency that writes as ``info@``: too few to be told from a family, but for the name of the mailbox."""
PEOPLE_PER_RECYCLED_PHONE = 400
"""One phone number for so many people is given up by its owner and later handed to somebody else."""
QUARANTINE = 45 * DAY
"""A number rests so long at least between the last sign of its former owner and the first of the new one."""
TELEPHONY_TELLS = 0.5
"""How often the telephone company says so, before the new owner is known."""
PEOPLE_PER_MISTAKE = 500
"""One CRM record for so many people holds somebody else's phone until a reviewer takes it away; the CRM repeats it."""
RESYNCS = (1, 3)
"""How often the CRM says it again."""
RETURNS_UNKNOWN = 0.25
"""Of known people who come back for a second stay: those in a browser that we have not seen, until they log in."""

_WEB = frozenset({"search", "direct", "social", "display", "portal", "referral"})
"""Channels that meet a browser; all others meet an address or a number."""
_LOOKS = 3
"""Exposures after which somebody who came back has logged in at the latest."""


class Mistake(NamedTuple):
    """A record of one person holds an identifier of another, from a first fact until a reviewer's split."""

    person: int
    kind: IdentifierKind
    value: str
    since: int
    until: int


@dataclass
class Entangled:
    """The population with what makes it hard to tell apart. ``happened`` counts each story and the people in it."""

    people: list[Person]
    facts: list[Fact] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)


def entangle(scenario: Scenario, people: Sequence[Person]) -> Entangled:
    """The same people, some of them harder to tell apart."""
    found = Entangled(list(people))
    cast = _Cast(found)
    for story in (_recycled_phones, _mistakes, _agencies, _offices, _returns):
        story(scenario, scenario.chance(f"identities/{story.__name__}"), cast, found)
    return found


class _Cast:
    """Who is still free to be in a story."""

    def __init__(self, found: Entangled) -> None:
        self._found = found
        self._place = {person.n: place for place, person in enumerate(found.people)}
        self._taken: set[int] = set()

    def free(self, fits: Callable[[Person], bool]) -> list[Person]:
        """Those who fit, in the order in which we first meet them."""
        return [person for person in self._found.people if person.n not in self._taken and fits(person)]

    def groups(
        self, chance: Random, count: int, size: tuple[int, int], fits: Callable[[Person], bool]
    ) -> Iterator[list[Person]]:
        """So many groups of people of one region each, as far as there are enough of them."""
        regions: dict[str, list[Person]] = defaultdict(list)
        for person in self.free(fits):
            regions[person.market.region].append(person)
        for group in regions.values():
            chance.shuffle(group)
        for _ in range(count):
            some = chance.choice(sorted(regions)) if regions else None
            members = chance.randint(*size)
            if some is not None and len(regions[some]) >= members:
                yield [regions[some].pop() for _ in range(members)]

    def play(self, person: Person) -> None:
        """Take somebody into a story, as the person that they are from now on."""
        self._found.people[self._place[person.n]] = person
        self._taken.add(person.n)

    def often(self, people_per_story: int) -> int:
        """How often a story happens that happens once for so many people."""
        return round(len(self._found.people) / people_per_story)


def _offices(scenario: Scenario, chance: Random, cast: _Cast, found: Entangled) -> None:
    """Colleagues use one device, each with a browser profile of their own."""
    groups = cast.groups(chance, cast.often(PEOPLE_PER_OFFICE), OFFICE_PEOPLE, lambda person: True)
    for number, group in enumerate(groups, 1):
        device = f"dv-office-{number}-{chance.getrandbits(32):08x}"
        for person in group:
            known = tuple((since, {**carried, "device_id": device}) for since, carried in person.known)
            anonymous = {**person.anonymous, "device_id": device}
            cast.play(replace(person, anonymous=anonymous, known=known, office=device))
        found.happened.update(offices=1, office_people=len(group))


def _agencies(scenario: Scenario, chance: Random, cast: _Cast, found: Entangled) -> None:
    """An agency fills in forms for its clients: its own mailbox, the client's phone."""
    count = cast.often(PEOPLE_PER_AGENCY)
    for user, size, name in (("desk", AGENCY_CLIENTS, "agency"), ("info", INFO_CLIENTS, "info_agency")):
        for number, group in enumerate(cast.groups(chance, count, size, _has(scenario, "phone")), 1):
            mailbox = f"{user}@{name.replace('_', '-')}-{number}.example.com"
            for person in group:
                cast.play(replace(person, agency=mailbox))
            found.happened.update({"agencies" if user == "desk" else "info_agencies": 1, f"{name}_clients": len(group)})


def _has(scenario: Scenario, *kinds: str) -> Callable[[Person], bool]:
    """Known a while before the end, with identifiers of these kinds."""
    latest = scenario.end - DAY

    def fits(person: Person) -> bool:
        return bool(person.known) and person.known[-1][0] < latest and person.known[-1][1].keys() >= set(kinds)

    return fits


def _recycled_phones(scenario: Scenario, chance: Random, cast: _Cast, found: Entangled) -> None:
    """A number is given up and, when it has rested, belongs to somebody else of the same region."""
    wanted = cast.often(PEOPLE_PER_RECYCLED_PHONE)
    owners = [person for person in cast.free(_has(scenario, "phone", "email")) if _seems_gone(scenario, person)]
    chance.shuffle(owners)
    for former in owners[: wanted * 6]:
        if found.happened["recycled_phones"] == wanted:
            return
        gone = max(max(fact.occurred_at, fact.published_at) for fact in person_facts(scenario, former))
        heirs = _neighbours(scenario, cast, former, after=gone + QUARANTINE)
        if not heirs:
            continue
        heir, phone = chance.choice(heirs), former.known[-1][1]["phone"]
        handed = gone + (heir.known[0][0] - gone) // 2
        cast.play(replace(former, phone_until=handed))
        cast.play(replace(heir, known=tuple((since, {**carried, "phone": phone}) for since, carried in heir.known)))
        found.happened["recycled_phones"] += 1
        if chance.random() < TELEPHONY_TELLS:
            keep = {kind: each for kind, each in former.known[-1][1].items() if kind in ("crm_id", "email")}
            found.facts.append(_split(handed, former, "telephony", {"phone": phone}, keep))
            found.happened["phones_told_by_telephony"] += 1


def _seems_gone(scenario: Scenario, person: Person) -> bool:
    """Whether what somebody does is over early enough for their number to rest and be heard of again."""
    last = max(journey.exposures[-1].at for journey in person.journeys)
    for booked in person.bookings:
        last = max(last, booked.booked_at + booked.journey.plan.revisions[-1].after)
    return last < scenario.end - QUARANTINE - DAY


def _mistakes(scenario: Scenario, chance: Random, cast: _Cast, found: Entangled) -> None:
    """A CRM record gets somebody else's phone; a reviewer takes it away, and the CRM repeats what it holds."""
    victims = cast.free(_has(scenario, "crm_id", "email"))
    chance.shuffle(victims)
    for person in victims:
        if found.happened["mistaken_records"] == cast.often(PEOPLE_PER_MISTAKE):
            return
        at = person.known[-1][0] + int(chance.uniform(0.5, 5) * DAY)
        split_at = at + int(chance.uniform(0.5, 4) * DAY)
        resyncs = [split_at + n * DAY + int(chance.uniform(1, 5) * HOUR) for n in range(chance.randint(*RESYNCS))]
        others = _neighbours(scenario, cast, person, before=at)
        if not others or resyncs[-1] > scenario.end - HOUR:
            continue
        other = chance.choice(others)
        phone = {"phone": other.known[-1][1]["phone"]}
        record = {kind: each for kind, each in person.known[-1][1].items() if kind in ("crm_id", "email")}
        for when in (at, *resyncs):
            named = {**record, **phone}
            seen = when + int(chance.uniform(1, 15) * SECOND)
            fields = {"channel": "direct", "full_name": person.full_name}
            found.facts.append(Fact(seen, when, LeadUpdated, person.market.region, "crm", named, fields))
        found.facts.append(_split(split_at, person, "review", phone, record))
        found.mistakes.append(Mistake(person.n, "phone", phone["phone"], at, split_at))
        found.happened.update(mistaken_records=1, resyncs_after_split=len(resyncs))
        cast.play(person)
        cast.play(other)


def _neighbours(scenario: Scenario, cast: _Cast, person: Person, after: int = 0, before: int = 1 << 62) -> list[Person]:
    """Others of the same region with a phone whom we got to know between two instants."""
    market, fits = person.market, _has(scenario, "phone")
    return cast.free(
        lambda one: (
            one.market is market
            and one.n != person.n
            and bool(one.known)
            and after < one.known[0][0] < before
            and fits(one)
        )
    )


def _split(at: int, person: Person, source: str, take: Identifiers, keep: Identifiers) -> Fact:
    fields = {
        side: [IdentifierValue.build(kind=kind, value=each) for kind, each in some.items()]
        for side, some in (("take", take), ("keep", keep))
    }
    return Fact(at + 20 * SECOND, at, IdentitiesSplit, person.market.region, source, {}, fields)


def _returns(scenario: Scenario, chance: Random, cast: _Cast, found: Entangled) -> None:
    """Somebody known looks around in a new browser for a while, then logs in: what came before is theirs, too."""
    for person in cast.free(lambda one: len(one.known) == 1 and len(one.journeys) > 1):
        login = _login(person)
        if login is None or login >= scenario.end or chance.random() >= RETURNS_UNKNOWN:
            continue
        browser = {"cookie_id": f"ck-{chance.getrandbits(64):016x}"}
        (first,) = person.known
        back = person.journeys[1].start - 5 * MINUTE
        strong = {kind: each for kind, each in first[1].items() if kind not in person.anonymous}
        cast.play(replace(person, known=(first, (back, browser), (login, {**strong, **browser})), logins=(login,)))
        found.happened["returned_unknown"] += 1


def _login(person: Person) -> int | None:
    """When somebody who looks around anew would log in, if there is anything to look at before."""
    again = person.journeys[1]
    if person.known[0][0] >= again.start - DAY:
        return None
    looks = [each.at for n, each in enumerate(again.exposures) if n == _LOOKS or each.campaign.channel not in _WEB]
    steps = [step.at for step in again.asking]
    decisions = [each.booked_at - each.journey.lag for each in person.bookings if each.journey is again]
    first = min([*looks, *steps, *decisions], default=None)
    login = None if first is None else first - 5 * MINUTE
    seen = sum(login is not None and each.at < login for each in again.exposures)
    return login if seen else None
