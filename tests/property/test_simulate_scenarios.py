"""Any scenario keeps its promises."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events.base import SECOND
from streams.sources.simulate import Scenario, simulate

scenarios = st.builds(
    Scenario,
    end=st.integers(1_600_000_000, 1_900_000_000).map(lambda seconds: seconds * SECOND + 17),
    seed=st.integers(0, 2**32),
    days=st.integers(1, 30),
    events=st.integers(0, 1_500),
)


@settings(max_examples=15, deadline=None)
@given(scenarios)
def test_any_scenario_keeps_its_promises(scenario: Scenario) -> None:
    simulation = simulate(scenario)
    records = list(simulation)
    truth = simulation.truth
    assert len(records) == truth.published
    assert len(records) >= scenario.events
    times = [record.published_at for record in records]
    assert times == sorted(times)
    assert all(time <= scenario.end for time in times)
    assert sum(truth.accepted.values()) + truth.duplicates + sum(truth.dead_letters.values()) == len(records)
    assert sum(truth.bookings.values()) <= sum(len(person.bookings) for person in simulation.people)
