"""The law of sequences: whoever turns out to be one person, no day comes twice, and one voice goes on."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from processors.lead.sequences import Nurturing
from schemas.events.base import DAY, HOUR, Event, instant
from schemas.events.contact import ConsentChanged
from schemas.events.gate import ContactProposed
from schemas.events.governance import IdentifierValue, IdentitiesLinked, IdentitiesSplit
from schemas.events.leads import LeadCaptured
from streams.driver import Slot
from tests.property.oracles.identity import hash_of
from tests.property.strategies import WORKSPACE, randoms
from tests.support.identities import states
from tests.support.runs import IDENTITY_KEY, Run, bindings, new_run

START = instant("2026-03-01T00:00:00Z")
PEOPLE = tuple(f"{name}@example.com" for name in ("ann", "ben", "cy", "dee"))
LEADS = tuple(hash_of(IDENTITY_KEY, WORKSPACE, "email", one) for one in PEOPLE)
DAYS = [1, 3, 7, 14, 30]


def _fact(random: Random, type_: type[Event], at: int, **fields: object) -> Event:
    number = str(UUID(int=random.getrandbits(128), version=4))
    common = {"event_id": number, "workspace_id": WORKSPACE, "region": "UAE", "source": "test", "occurred_at": at}
    return type_(**common, **fields)  # type: ignore[arg-type]


def _values(*people: str) -> list[IdentifierValue]:
    return [IdentifierValue(kind="email", value=one) for one in people]


def _lives(random: Random, facts: list[tuple[int, Event]], end: int) -> Run:
    """A run in which messages of many keys overtake each other, with a tick every six hours."""

    def any_of(waiting: Sequence[Slot]) -> Slot:
        return random.choice(waiting)

    run, left = new_run(any_of), sorted(facts, key=lambda pair: (pair[0], pair[1].event_id))
    for now in range(START, end, 6 * HOUR):
        while left and left[0][0] <= now:
            run.publish(left.pop(0)[1], settle=random.random() < 0.5)
        run.driver.tick(now)
    return run


def _proposed(run: Run) -> list[tuple[int, str, int]]:
    """(Instant, lead, day) of all that was proposed, in order."""
    said = (one for one in run.said("contact.requests", ContactProposed) if one.purpose == "nurture")
    return sorted((one.occurred_at, one.lead_id, int(str(one.step).split("-")[1])) for one in said)


@given(randoms, st.integers(2, 4))
def test_of_people_who_become_one_nobody_hears_a_day_again(random: Random, size: int) -> None:
    began = {one: START + random.randrange(0, 10 * 24) * HOUR for one in PEOPLE[:size]}
    facts = [(at, _fact(random, LeadCaptured, at, channel="web", email=one)) for one, at in began.items()]
    linked = 0
    for one, other in pairwise(PEOPLE[:size]):
        at = max(began.values()) + random.randrange(1, 20 * 24) * HOUR
        linked = max(linked, at)
        facts.append((at, _fact(random, IdentitiesLinked, at, identifiers=_values(one, other))))
    run = _lives(random, facts, linked + 45 * DAY)
    before = [day for at, _, day in _proposed(run) if at <= linked]
    after = [(at, lead, day) for at, lead, day in _proposed(run) if at > linked + 6 * HOUR]
    first = min(began.values())
    (anchor,) = {rows[0][1] for identifier, rows in bindings(run).items() if identifier in LEADS}
    assert {lead for _, lead, _ in after} <= {anchor}
    assert all(day not in before for _, _, day in after)
    assert after == [(first + day * DAY, anchor, day) for day in DAYS if first + day * DAY > linked + 6 * HOUR]


@given(randoms)
def test_however_they_are_linked_and_split_one_voice_speaks_and_an_objection_holds(random: Random) -> None:
    facts = [(START, _fact(random, LeadCaptured, START, channel="web", email=one)) for one in PEOPLE]
    at, now = START, START
    for _ in range(random.randrange(1, 8)):
        at = now = now + random.randrange(1, 96) * HOUR
        one, other = random.sample(PEOPLE, 2)
        if random.random() < 0.6:
            facts.append((at, _fact(random, IdentitiesLinked, at, identifiers=_values(one, other))))
        else:
            facts.append((at, _fact(random, IdentitiesSplit, at, take=_values(one), keep=_values(other))))
    objector, objected = random.choice(PEOPLE), START + random.randrange(0, 30 * 24) * HOUR
    said = {"consent_id": "c", "channel": "email", "purpose": "marketing", "granted": False, "email": objector}
    facts.append((objected, _fact(random, ConsentChanged, objected, **said)))
    run = _lives(random, facts, now + 45 * DAY)
    owner = {identifier: rows[0][1] for identifier, rows in bindings(run).items() if identifier in LEADS}
    held = {key.partition("/")[2]: slices.get("nurture") for key, slices in states(run, "lead").items()}
    for identifier, lead in owner.items():
        nurturing = held[lead]
        assert isinstance(nurturing, Nurturing)
        assert identifier in nurturing.by, "a sequence lives where its identifier does"
        assert [key for key, other in held.items() if other is not None and identifier in other.by] == [lead]
    silent = owner[hash_of(IDENTITY_KEY, WORKSPACE, "email", objector)]
    late = max(objected, now) + 6 * HOUR
    assert not [one for one in _proposed(run) if one[1] == silent and one[0] > late]
    each = [(lead, day) for at, lead, day in _proposed(run) if at > late]
    assert len(each) == len(set(each))
