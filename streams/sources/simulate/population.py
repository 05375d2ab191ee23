"""People: who they are, how they can be recognised from when on, and what they go through."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from random import Random

from schemas.events.base import DAY, SECOND
from streams.sources.simulate.campaigns import Audience
from streams.sources.simulate.journeys import MINUTE, Journey, draw_journey
from streams.sources.simulate.markets import MARKETS, Market
from streams.sources.simulate.scenario import Scenario, Weighted

Identifiers = dict[str, str]

_MARKET = Weighted((market, market.share) for market in MARKETS)
_AUDIENCE: Weighted[Audience] = Weighted((("stay", 0.62), ("home", 0.38)))
_KNOWN_FROM: Weighted[int | None] = Weighted(((0, 0.5), (1, 0.14), (2, 0.11), (None, 0.25)))
LEAD_IN = 10 * MINUTE
"""Facts about a person begin no earlier than this before their first exposure: what led to it, how we knew them."""

_LIVE_SHARE = 0.035
_BEGIN = ("Ba", "Do", "Fe", "Ka", "Li", "Mo", "Na", "Ru", "Sa", "Ti", "Vo", "Ze")
_END = ("lan", "mir", "nor", "ra", "rin", "sel", "tal", "ven", "vo", "zan")


@dataclass(frozen=True, slots=True)
class Booked:
    """A booking that happens, of a journey."""

    booking_id: str
    booked_at: int
    journey: Journey


@dataclass(frozen=True, slots=True)
class Person:
    """One person. ``known_at``: when we first learn who they are (none: never).

    ``known`` has one period, two when the CRM gives a number later, three when they come back in an unknown browser.
    ``agency`` is the mailbox of whoever fills in forms for them, ``office`` a device that colleagues use, too;
    ``phone_until`` says when their number became somebody else's, ``logins`` when they told us again who they are.
    """

    n: int
    market: Market
    audience: Audience
    full_name: str
    known_at: int | None
    anonymous: Identifiers
    known: tuple[tuple[int, Identifiers], ...]
    journeys: tuple[Journey, ...]
    bookings: tuple[Booked, ...]
    agency: str | None = None
    office: str | None = None
    phone_until: int | None = None
    logins: tuple[int, ...] = ()

    @property
    def start(self) -> int:
        """When we first meet them."""
        return self.journeys[0].start

    @property
    def registered_at(self) -> int | None:
        """When the CRM gave them a number, if that came later than we learned who they are."""
        return self.known[1][0] if len(self.known) == 2 else None

    def signed(self, at: int) -> Identifiers:
        """What an event carries by which they say who they are, whatever browser they use."""
        carried = self.identifiers(at)
        return carried if not self.logins or carried.keys() & {"email", "phone"} else self.known[0][1]

    def form(self, at: int) -> Identifiers:
        """What a form about them carries: filled in by an agency, its mailbox and none of their devices."""
        carried = self.signed(at)
        if self.agency is None:
            return carried
        return {**{kind: each for kind, each in carried.items() if kind in ("crm_id", "phone")}, "email": self.agency}

    def identifiers(self, at: int) -> Identifiers:
        """What an event at an instant carries."""
        place = bisect_right(self.known, at, key=lambda since: since[0]) - 1
        return self.known[place][1] if place >= 0 else self.anonymous


def draw_person(scenario: Scenario, n: int) -> Person:
    """The ``n``-th person, whoever else there is."""
    chance = scenario.chance(f"person/{n}")
    market, audience = _MARKET.pick(chance), _AUDIENCE.pick(chance)
    live = chance.random() < _LIVE_SHARE
    known_from = 0 if live and chance.random() < 0.7 else _KNOWN_FROM.pick(chance)
    starts = _starts(chance, scenario, audience, live)
    journeys = tuple(
        draw_journey(chance, market, audience, start, known_from=0 if turn and known_from else known_from, live=live)
        for turn, start in enumerate(starts)
    )
    times = [(journey, journey.booked_at()) for journey in journeys]
    booked = tuple(
        Booked(f"bk-{n}-{turn}", at, journey)
        for turn, (journey, at) in enumerate(times, 1)
        if at is not None and at <= scenario.end
    )
    known_at = _known_at(journeys, booked, known_from)
    anonymous, known, name = _identify(chance, market, n, known_at)
    return Person(n, market, audience, name, known_at, anonymous, known, journeys, booked)


def _starts(chance: Random, scenario: Scenario, audience: Audience, live: bool) -> list[int]:
    """When each journey begins: on the last day more and more towards the end, before it evenly."""
    if live:
        return [scenario.end - 1 - int(chance.random() ** 2 * (DAY - 1))]
    first = scenario.start + int(chance.random() * scenario.days * DAY)
    starts = [first]
    while audience == "stay" and chance.random() < 0.3:
        again = starts[-1] + int(chance.uniform(55, 90) * DAY)
        if again >= scenario.end:
            break
        starts.append(again)
    return starts


def _known_at(journeys: tuple[Journey, ...], booked: tuple[Booked, ...], known_from: int | None) -> int | None:
    """A form, a question or a booking tells us who somebody is, whatever comes first."""
    occasions = [step.at for journey in journeys for step in journey.asking]
    for each in booked:
        occasions.append(each.booked_at - max((before for before, _ in each.journey.closing), default=0))
    if known_from is not None:
        exposures = journeys[0].exposures
        occasions.append(exposures[min(known_from, len(exposures) - 1)].at - 5 * MINUTE)
    return min(occasions, default=None)


def _identify(
    chance: Random, market: Market, n: int, known_at: int | None
) -> tuple[Identifiers, tuple[tuple[int, Identifiers], ...], str]:
    """Identifiers before and after we know the person, and their name. Nothing of it could be anybody's."""
    first, last = (chance.choice(_BEGIN) + chance.choice(_END) for _ in range(2))
    anonymous = {"cookie_id": f"ck-{chance.getrandbits(64):016x}"}
    if chance.random() < 0.4:
        anonymous["device_id"] = f"dv-{chance.getrandbits(64):016x}"
    if known_at is None:
        return anonymous, (), f"{first} {last}"
    strong = {}
    phone = market.phone(n)
    has_email = phone is None or chance.random() < 0.96
    if has_email:
        domain = chance.choice(("example.com", "example.org", "example.net"))
        strong["email"] = f"{first}.{last}.{n}@{domain}".lower()
    if phone is not None and (not has_email or chance.random() < 0.7):
        strong["phone"] = phone
    known = []
    late = chance.random()
    if late < 0.6:
        strong["crm_id"] = f"crm-{n:07d}"
    known.append((known_at, {**strong, **anonymous}))
    if late > 0.96:
        registered = known_at + int(chance.uniform(0.5, 6) * DAY) + SECOND
        known.append((registered, {**strong, "crm_id": f"crm-{n:07d}", **anonymous}))
    return anonymous, tuple(known), f"{first} {last}"
