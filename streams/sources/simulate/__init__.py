"""A simulated real-estate and hospitality agency: every record it publishes, and the truth behind them.

    simulation = simulate(Scenario(end=now))
    for record in simulation: ...
    simulation.truth.to_json()
    simulation.who

The same scenario gives the same bytes. Records come in their order of publishing and end at ``end``; the truth is
complete once all of them have been taken.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from operator import attrgetter
from typing import Any

from schemas.events.base import DAY
from streams.sources.simulate.agency import Rates, agency_facts
from streams.sources.simulate.effects import Effects
from streams.sources.simulate.facts import Fact
from streams.sources.simulate.identities import entangle
from streams.sources.simulate.imperfections import publish
from streams.sources.simulate.people_facts import least_facts, person_facts
from streams.sources.simulate.population import LEAD_IN, Person, draw_person
from streams.sources.simulate.scenario import Published, Scenario
from streams.sources.simulate.truth import Tally, Truth, truth_of
from streams.sources.simulate.who import WhoIsWho

__all__ = ["Published", "Scenario", "Simulation", "Truth", "simulate"]


class Simulation:
    """One run of a scenario: iterate once over its records, then ask for the truth."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._rates = Rates(scenario)
        self._agency = agency_facts(scenario, self._rates)
        self._entangled = entangle(scenario, _population(scenario, scenario.events - len(self._agency)))
        self.people = self._entangled.people
        self._who = WhoIsWho(self._entangled.mistakes)
        self._records = self._publish()
        self._truth: Truth | None = None

    def __iter__(self) -> Iterator[Published]:
        return self._records

    @property
    def truth(self) -> Truth:
        """What was drawn; complete, and available, once the records have all been taken."""
        if self._truth is None:
            raise RuntimeError("the truth is complete when all records have been taken: iterate to the end first")
        return self._truth

    @property
    def who(self) -> dict[str, Any]:
        """Who is who (``WhoIsWho.to_json``), as far as the published facts tell; like the truth only at the end."""
        if self._truth is None:
            raise RuntimeError("who is who is known when all records have been taken: iterate to the end first")
        return self._who.to_json(self.scenario)

    def _publish(self) -> Iterator[Published]:
        tally = Tally()
        facts = [*self._agency, *self._entangled.facts]
        yield from publish(self.scenario, _in_order(self.scenario, facts, self.people, self._who), tally)
        effects = Effects(self._rates, self.scenario.end)
        for person in self.people:
            effects.add(person)
        self._truth = truth_of(self.scenario, tally, effects, self._rates, self._entangled)


def simulate(scenario: Scenario) -> Simulation:
    """Draw the population of a scenario; its records are made as they are taken."""
    return Simulation(scenario)


def _population(scenario: Scenario, facts: int) -> list[Person]:
    """As many people as leave at least so many facts behind, in the order in which we first meet them."""
    people: list[Person] = []
    while facts > 0 or not people:
        person = draw_person(scenario, len(people))
        people.append(person)
        facts -= least_facts(person, scenario.end)
    return sorted(people, key=lambda person: (person.start, person.n))


def _in_order(scenario: Scenario, others: list[Fact], people: list[Person], who: WhoIsWho) -> Iterator[Fact]:
    """All facts by time of publishing, a day at a time: a day is over when we meet somebody on a later one.

    Held are only the facts of people whom we have met and not yet heard the last of.
    """
    days: dict[int, list[Fact]] = defaultdict(list)
    for fact in others:
        days[fact.published_at // DAY].append(fact)
    day = min(days)
    for person in people:
        while day < (person.start - LEAD_IN) // DAY:
            yield from sorted(days.pop(day, ()), key=_published_at)
            day += 1
        facts = person_facts(scenario, person)
        who.met(person, facts)
        for fact in facts:
            days[fact.published_at // DAY].append(fact)
    for later in sorted(days):
        yield from sorted(days[later], key=_published_at)


_published_at = attrgetter("published_at")
