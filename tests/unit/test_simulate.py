"""The simulated agency: what it publishes can be told apart from its truth only by reading, never by counting."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from pathlib import Path

import phonenumbers
import pytest
from pydantic import ValidationError

import streams.sources.simulate
from models.identity.blocked import is_blocked
from models.policy import Policy
from schemas.codec import CodecError, decode
from schemas.events.base import DAY, HOUR, SECOND, Event
from schemas.events.leads import LeadCaptured
from schemas.reasons import reason_of
from schemas.topics import FACT_TOPIC, MAX_FACT_BYTES, TOPICS
from streams.sources.simulate import Published, Scenario, Simulation, Truth, simulate
from streams.sources.simulate.facts import LATE
from streams.sources.simulate.markets import MARKETS

END = 1_760_000_000 * SECOND
SCENARIO = Scenario(end=END, days=90, events=20_000)
DECODING = ("truncated", "bad_magic", "unknown_schema", "trailing_bytes", "invalid_utf8")


def outcome(record: Published, seen: dict[str, bytes]) -> str:
    """What a careful reader makes of a record: accepted, duplicate, or why it is refused."""
    if len(record.value) > MAX_FACT_BYTES:
        return "too_large"
    try:
        event = decode(record.value).message
    except CodecError as error:
        return error.reason
    assert isinstance(event, Event)
    try:
        type(event).model_validate(event.__dict__)
    except ValidationError as error:
        assert error.error_count() == 1
        return reason_of(error)[0]
    if event.occurred_at > END + DAY:
        return "future"
    if event.event_id in seen:
        return "duplicate" if seen[event.event_id] == record.value else "event_id_conflict"
    seen[event.event_id] = record.value
    return "accepted"


def simulate_all(scenario: Scenario) -> Simulation:
    simulation = simulate(scenario)
    for _ in simulation:
        pass
    return simulation


@pytest.fixture(scope="module")
def run() -> tuple[list[Published], Truth]:
    simulation = simulate(SCENARIO)
    return list(simulation), simulation.truth


@pytest.fixture(scope="module")
def events(run: tuple[list[Published], Truth]) -> list[tuple[Published, Event]]:
    """Accepted records with their events."""
    seen: dict[str, bytes] = {}
    accepted = [record for record in run[0] if outcome(record, seen) == "accepted"]
    return [(record, decode(record.value).message) for record in accepted]  # type: ignore[misc]


def test_same_scenario_same_bytes(run: tuple[list[Published], Truth]) -> None:
    again = simulate(SCENARIO)
    assert list(again) == run[0]
    assert again.truth == run[1]
    assert again.who == simulate_all(SCENARIO).who
    other = simulate(Scenario(end=END, days=90, events=20_000, seed=2))
    assert next(iter(other)).value != run[0][0].value


def test_every_record_has_the_outcome_that_the_truth_tells(run: tuple[list[Published], Truth]) -> None:
    records, truth = run
    seen: dict[str, bytes] = {}
    outcomes = Counter((record.topic, outcome(record, seen)) for record in records)
    expected: Counter[tuple[str, str]] = Counter()
    for topic, counts in truth.topics.items():
        expected[topic, "accepted"] = counts["accepted"]
        expected[topic, "duplicate"] = counts["duplicates"]
        for reason, count in counts["dead_letters"].items():
            expected[topic, reason] = count
        assert counts["published"] == counts["accepted"] + counts["duplicates"] + sum(counts["dead_letters"].values())
    assert +outcomes == +expected
    assert truth.published == len(records) >= SCENARIO.events
    assert truth.duplicates == sum(count for (_, what), count in outcomes.items() if what == "duplicate")


def test_each_trouble_happens(run: tuple[list[Published], Truth]) -> None:
    assert set(run[1].dead_letters) == {
        *DECODING, "unknown_region", "unknown_currency", "bad_amount", "future", "too_large", "event_id_conflict",
    }  # fmt: skip
    assert run[1].dead_letters["too_large"] == 2
    assert run[1].corrected_touches and run[1].deleted_touches and run[1].out_of_order_bookings


def test_records_go_to_their_topic_under_its_key(events: list[tuple[Published, Event]]) -> None:
    for record, event in events:
        assert TOPICS[record.topic] is FACT_TOPIC[type(event)]
        assert record.key == TOPICS[record.topic].key_of(event)
        assert record.occurred_at == event.occurred_at
        assert event.workspace_id == SCENARIO.workspace


def test_accepted_types_are_counted(run: tuple[list[Published], Truth], events: list[tuple[Published, Event]]) -> None:
    assert Counter(type(event).__name__ for _, event in events) == Counter(run[1].accepted)


def test_it_ends_at_the_present(run: tuple[list[Published], Truth]) -> None:
    times = [record.published_at for record in run[0]]
    assert times == sorted(times)
    assert times[-1] <= END
    assert all(record.occurred_at <= record.published_at for record in run[0])
    last_day = sum(at > END - DAY for at in times)
    assert last_day > 3 * len(times) / SCENARIO.days
    assert sum(at > END - 5 * 60 * SECOND for at in times) >= 5
    assert END - times[-1] < 120 * SECOND


def test_hot_leads_appear_on_the_last_day(events: list[tuple[Published, Event]]) -> None:
    asking = {"inquiry", "meeting_requested"}
    live = [event for _, event in events if event.occurred_at > END - DAY]
    assert any(isinstance(event, LeadCaptured) for event in live)
    assert sum(getattr(event, "kind", "") in asking for event in live) >= 5


def test_some_facts_are_late(run: tuple[list[Published], Truth], events: list[tuple[Published, Event]]) -> None:
    late = sum(record.published_at - record.occurred_at >= LATE for record, _ in events)
    assert late == run[1].late
    assert 0.01 < late / len(events) < 0.06
    assert any(record.published_at - record.occurred_at > 24 * HOUR for record, _ in events)


def test_nobody_is_real(events: list[tuple[Published, Event]]) -> None:
    for _, event in events:
        email, phone = getattr(event, "email", None), getattr(event, "phone", None)
        assert email is None or re.search(r"[@.]example\.(com|org|net)$", email)
        if phone is not None:
            number = phonenumbers.parse(phone)
            assert phonenumbers.is_valid_number(number)
            assert number.country_code != 1 or phone[5:10] == "55501"


def test_no_phone_looks_as_if_typed_to_get_past_a_form() -> None:
    blocked = Policy().blocked_identifiers
    for market in MARKETS:
        assert not any(is_blocked("phone", market.phone(n) or "", blocked) for n in range(10_001))


def test_truth_only_at_the_end() -> None:
    simulation = simulate(Scenario(end=END, days=5, events=100))
    with pytest.raises(RuntimeError, match="iterate to the end"):
        _ = simulation.truth
    with pytest.raises(RuntimeError, match="iterate to the end"):
        _ = simulation.who
    assert sum(1 for _ in simulation) == simulation.truth.published
    assert json.loads(json.dumps(simulation.truth.to_json())) == simulation.truth.to_json()
    assert json.loads(json.dumps(simulation.who)) == simulation.who


def test_more_events_more_people() -> None:
    small, large = (simulate(Scenario(end=END, days=20, events=n)) for n in (2_000, 6_000))
    assert len(small.people) < len(large.people)
    assert sum(1 for _ in large) >= 6_000


def test_it_knows_contracts_only() -> None:
    folder = Path(streams.sources.simulate.__file__).parent
    ours = ("streams", "processors", "models", "sinks", "schemas")
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.partition(".")[0] not in ours or name.startswith(("schemas.", "streams.sources.simulate"))
