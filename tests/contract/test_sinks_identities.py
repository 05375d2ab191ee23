"""Who is who, in both stores: today's lead of a fact, leads merged away, conflicts; the same SQL, the same answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from schemas.ids import derived_id
from sinks.base import Sink
from sinks.clickhouse import queries as clickhouse_queries
from sinks.clickhouse.client import Client
from sinks.clickhouse.sink import ClickHouseSink
from sinks.delivery import Batch
from sinks.postgres import queries as postgres_queries
from sinks.postgres.sink import PostgresSink
from streams.settings import Settings
from tests.contract.test_sinks import no_refusal, of_topics
from tests.support.sinks import batch, log, own_clickhouse, own_postgres
from tests.support.stored import PEOPLE, identities

Ask = Callable[[str], list[tuple[Any, ...]]]
STORES = ("postgres", "clickhouse")


class Filled:
    """A store that holds ``identities``, its figures, and questions to it with every UUID as text."""

    def __init__(self, ask: Ask, figures: Callable[[], dict[str, list[dict[str, Any]]]]) -> None:
        self.ask, self.figures = ask, figures


@pytest.fixture(scope="module")
def stores(stack: Settings) -> Iterator[dict[str, Filled]]:
    """Both stores, filled; every batch is of one record, so that versions meet what is stored already."""
    with own_postgres(stack) as (owner, login), own_clickhouse(stack) as server:
        client = Client(server)
        _fill(PostgresSink(login))
        _fill(ClickHouseSink(server))

        def postgres(query: str) -> list[tuple[Any, ...]]:
            with owner.connect() as connection:
                return [_texts(row) for row in connection.execute(query.encode()).fetchall()]

        yield {
            "postgres": Filled(postgres, lambda: postgres_queries.figures(owner)),
            "clickhouse": Filled(
                lambda query: [_texts(row) for row in client.rows(query)], lambda: clickhouse_queries.figures(server)
            ),
        }
        client.close()


def _fill(sink: Sink) -> None:
    sink.open(log())
    whole = of_topics(sink, batch(identities()))
    for record in whole.records:
        ranges = tuple(
            r._replace(first=record.offset, end=record.offset + 1) for r in whole.ranges if r.topic == record.topic
        )
        sink.prepare(Batch(ranges, (record,)), no_refusal)()
    sink.close()


def _texts(row: Any) -> tuple[Any, ...]:
    return tuple(_text(value) for value in row)


def _text(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_text(one) for one in value]
    return str(value) if type(value).__name__ == "UUID" else value


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest, stores: dict[str, Filled]) -> Filled:
    found: Filled = stores[request.param]
    return found


def test_a_booking_belongs_to_the_lead_that_it_moved_to_or_to_that_of_its_arrival(store: Filled) -> None:
    rows = store.ask("SELECT booking_id, lead_id, lead_id_at_arrival FROM current_bookings ORDER BY booking_id")
    assert rows == [("moved", PEOPLE.ada, PEOPLE.cal), ("stayed", PEOPLE.ben, PEOPLE.ben)]


def test_of_one_version_the_interval_that_covers_the_fact_holds(stores: dict[str, Filled]) -> None:
    rows = stores["clickhouse"].ask("SELECT touch_id, lead_id FROM current_touchpoints ORDER BY touch_id")
    assert rows == [("3-1", PEOPLE.ada), ("3-9", PEOPLE.ben)]


def test_todays_binding_is_that_of_the_highest_version_and_then_instant(store: Filled) -> None:
    rows = store.ask("SELECT identifier, kind, lead_id, why FROM current_bindings")
    assert sorted(rows) == sorted([
        (PEOPLE.ada, "email", PEOPLE.ada, "first"),
        (PEOPLE.ben, "email", PEOPLE.ben, "first"),
        (PEOPLE.cal, "phone", PEOPLE.ada, "merged"),
        (PEOPLE.cookie, "cookie_id", PEOPLE.ben, "login"),
        (PEOPLE.booking, "booking", PEOPLE.ada, "merged"),
    ])  # fmt: skip


def test_merges_and_splits_are_kept(stores: dict[str, Filled]) -> None:
    for name, table in (("postgres", "identity_changes"), ("clickhouse", "identity_moves")):
        rows = stores[name].ask(
            f"SELECT change, lead_id, into_lead_id, identifiers, decision FROM {table} ORDER BY decision"
        )
        assert rows == [
            ("merged", PEOPLE.cal, PEOPLE.ada, [PEOPLE.cal], "d1"),
            ("split", PEOPLE.ada, PEOPLE.ben, [PEOPLE.cookie], "d2"),
        ]


def test_a_conflict_is_as_its_newest_version_says(store: Filled) -> None:
    rows = store.ask("SELECT conflict_id, kind, version, identifiers, leads FROM open_conflicts")
    assert [(*row[:3], sorted(row[3]), sorted(row[4])) for row in rows] == [
        (PEOPLE.unclear, "region", 2, sorted([PEOPLE.ada, PEOPLE.ben]), sorted([PEOPLE.ada, PEOPLE.ben]))
    ]


def test_the_earliest_sighting_and_link_stand_whatever_came_last(stores: dict[str, Filled]) -> None:
    ask = stores["postgres"].ask
    first, together = derived_id("fact", "3-1"), derived_id("fact", "3-3")
    assert ask("SELECT identifier, kind, region, fact_id FROM identifier_sightings") == [
        (PEOPLE.ada, "email", "UAE", first)
    ]
    pair = sorted([(PEOPLE.ada, "email"), (PEOPLE.cal, "phone")])
    assert ask(
        "SELECT identifier, kind, other, other_kind, fact_id, fact_topic, fact_source FROM identifier_links"
    ) == [(*pair[0], *pair[1], together, "leads", "crm")]
    told = stores["clickhouse"].ask(
        "SELECT type, argMin(fact_id, (occurred_at, fact_id)) FROM identity_sightings GROUP BY type ORDER BY type"
    )
    assert told == [("IdentifierSighted", first), ("LinkObserved", together)]


def test_what_is_said_on_purpose_is_kept_by_hash(stores: dict[str, Filled]) -> None:
    rows = stores["postgres"].ask(
        "SELECT says, identifiers, others, source FROM identity_statements ORDER BY occurred_at"
    )
    assert rows == [
        ("linked", [PEOPLE.ada], [PEOPLE.cal], "test"),
        ("split", [PEOPLE.cookie], [PEOPLE.ada, PEOPLE.ben], "test"),
    ]


def test_a_lead_merged_away_counts_nowhere(stores: dict[str, Filled]) -> None:
    living = sorted([(PEOPLE.ada,), (PEOPLE.ben,)])
    for name, views in (
        ("postgres", ("lead_overview", "temperature_history")),
        ("clickhouse", ("current_leads", "current_temperatures", "temperature_history")),
    ):
        for view in views:
            assert sorted(stores[name].ask(f"SELECT DISTINCT lead_id FROM {view}")) == living, view
    funnel = dict(stores["clickhouse"].ask("SELECT step, leads FROM funnel"))
    assert funnel == {"captured": 2, "warm": 2, "booked": 2, "kept": 2}


def test_both_stores_count_alike(stores: dict[str, Filled]) -> None:
    here, there = (stores[name].figures() for name in STORES)
    one = {"workspace_id": "acme"}
    assert here["leads"] == [{**one, "region": "UAE", "leads": 2}]
    assert here["temperatures"] == [{**one, "temperature": "warm", "leads": 2}]
    assert here["routes"] == [{**one, "route": "email", "leads": 2}]
    assert here["changes"] == [{**one, "change": "merged", "changes": 1}, {**one, "change": "split", "changes": 1}]
    assert here["conflicts"] == [{**one, "kind": "region", "conflicts": 1}]
    for name in set(here) & set(there):
        assert here[name] == there[name], name
