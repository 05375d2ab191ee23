"""ClickHouse's tables and views: values as they were sent, poison found, figures equal to PostgreSQL's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from schemas.events.bookings import BookingChanged
from schemas.events.decisions import TemperatureChanged
from schemas.events.identity import IdentifierBound, IdentifierHash
from schemas.events.profiles import LeadProfiled
from schemas.ids import derived_id
from sinks.clickhouse import queries
from sinks.clickhouse.client import Client, Server
from sinks.clickhouse.migrate import migrate
from sinks.clickhouse.overview import overview
from sinks.clickhouse.sink import ClickHouseSink
from sinks.clickhouse.tables import TABLES
from sinks.delivery import Batch, Record
from sinks.postgres import queries as postgres
from sinks.postgres.sink import PostgresSink
from streams.settings import Settings
from tests.support.facts import at, fact
from tests.support.sinks import batch, log, own_clickhouse, own_postgres
from tests.support.stored import accepted, lead_id, own, platform, story

VIEWS = (
    "current_bindings", "binding_history", "identity_moves", "open_conflicts", "current_leads",
    "current_touchpoints", "current_bookings", "bookings_by_segment", "temperature_history",
    "current_temperatures", "funnel", "revenue_now", "revenue_by_booking", "events_by_hour", "events_by_day",
    "spend_by_day", "revenue_by_day(known_at = '2100-01-01', effective_before = '2100-01-01')",
    "ledger_changes(known_since = '2000-01-01', known_at = '2100-01-01')", "campaigns", "campaigns_by_hour",
    "decisions_by_day", "refused_revisions",
)  # fmt: skip
EVER = "revenue(known_at = '2100-01-01 00:00:00', effective_before = '2100-01-01 00:00:00')"


@pytest.fixture(scope="module")
def database(stack: Settings) -> Iterator[Server]:
    with own_clickhouse(stack) as made:
        yield made


@pytest.fixture
def client(database: Server) -> Iterator[Client]:
    opened = Client(database)
    for name in [*{table.holds for table in TABLES.values()}, "sink_positions", "events_hourly"]:
        opened.command(f"TRUNCATE TABLE {name}")
    yield opened
    opened.close()


@pytest.fixture
def sink(database: Server, client: Client) -> Iterator[ClickHouseSink]:
    opened = ClickHouseSink(database)
    opened.open(log())
    yield opened
    opened.close()


def refuse(record: Record, reason: str, detail: str) -> None:
    raise AssertionError(f"refused {record.topic}:{record.offset}: {reason} {detail}")


def one(client: Client, query: str) -> Any:
    """The only row of a query."""
    (row,) = client.rows(query)
    return tuple(row)


def test_migrating_again_changes_nothing(database: Server) -> None:
    assert migrate(database) == []


def test_values_arrive_as_they_were_sent(sink: ClickHouseSink, client: Client) -> None:
    sink.prepare(batch(story(7)), refuse)()
    booked = "starts_on, amount_minor, booked_at, toString(occurred_at)"
    assert one(client, f"SELECT {booked} FROM bookings WHERE revision = 1") == (
        date(2026, 5, 1), 10_007, None, "2026-03-01 00:00:00.000007",
    )  # fmt: skip
    columns = "toString(lead_id), channel, country, type, region, arrived_at - occurred_at"
    assert client.rows(f"SELECT {columns} FROM leads ORDER BY occurred_at") == [
        (lead_id(7), "web", None, "LeadCaptured", "UAE", 1.0),
        (lead_id(7), "web", "AE", "LeadUpdated", "UAE", 1.0),
    ]
    assert one(client, "SELECT score, reasons FROM lead_scores") == (71, ["budget named", "inquiry"])
    line = "toString(line_id), amount_minor, campaign_id, touch_day, booking_id, reason"
    posting = derived_id("posting", 7)
    assert client.rows(f"SELECT {line} FROM ledger_lines ORDER BY account DESC") == [
        (derived_id(posting, 0), 10, "spring", date(2024, 10, 4), "b7", "conversion"),
        (derived_id(posting, 1), -10, None, date(2024, 10, 4), "b7", "conversion"),
    ]
    assert one(client, "SELECT email_domain, version FROM lead_profiles WHERE version = 2") == ("example.com", 2)


def test_every_view_answers(sink: ClickHouseSink, client: Client, stack: Settings, database: Server) -> None:
    sink.prepare(batch([*story(1), *story(2)]), refuse)()
    reader = Client(replace(Server(**stack.clickhouse("reader")), database=database.database))
    for view in (*VIEWS, EVER):
        reader.rows(f"SELECT * FROM {view}")
    assert one(client, f"SELECT amount_minor, bookings FROM {EVER}") == (20, 2)
    assert one(client, "SELECT leads FROM funnel WHERE step = 'hot'") == (2,)
    assert one(client, "SELECT sum(events) FROM events_by_day WHERE topic = 'bookings'") == (4,)
    assert client.rows("SELECT * FROM current_touchpoints") == [], "deleted"
    assert one(client, "SELECT touches, revenue_minor FROM campaigns WHERE campaign_id = 'campaign1'") == (5, 500)
    assert one(client, "SELECT hour, touches, clicks FROM campaigns_by_hour WHERE campaign_id = 'campaign1'") == (
        9,
        5,
        1,
    )
    reader.close()


def test_revenue_is_told_as_known_then_and_by_what_changed_since(
    sink: ClickHouseSink, client: Client, database: Server
) -> None:
    sink.prepare(batch([*story(1), *story(3)]), refuse)()
    start = datetime(2026, 3, 1, tzinfo=UTC)
    exactly, known = (start + timedelta(microseconds=n) for n in (1, 2))

    def told(**when: datetime) -> list[Any]:
        return [
            (row["channel"], row["campaign_id"], row["amount_minor"]) for row in overview(database, **when)["revenue"]
        ]

    assert told(known_at=known) == [("search", "spring", 10)]
    assert told(known_at=exactly) == []
    assert told(effective_before=exactly) == [], "the end is left out"
    changes = "SELECT reason, campaign_id, gained_minor, lost_minor, amount_minor, postings, bookings"
    since = "known_since = '2026-03-01 00:00:00.000002', known_at = '2100-01-01'"
    assert one(client, f"{changes} FROM ledger_changes({since})") == ("conversion", "spring", 10, 0, 10, 1, 1)
    bookings = "SELECT booking_id, toString(lead_id), amount_minor FROM revenue_by_booking ORDER BY 1"
    assert client.rows(bookings) == [("b1", lead_id(1), 10), ("b3", lead_id(3), 10)]


def test_a_fact_belongs_to_the_lead_of_the_newest_binding_at_its_time(sink: ClickHouseSink, client: Client) -> None:
    first, second = lead_id(1), lead_id(2)
    identifier = derived_id("identifier", first)
    bound = {"identifier": identifier, "kind": "email", "why": "login"}
    days = ["3-1", "3-9"]
    booked = [
        accepted(fact(BookingChanged, occurred_at=day, booking_id=day, revision=1, status="booked", amount_minor=1,
                      currency="AED"), 0, first)
        for day in days
    ]  # fmt: skip
    bindings = [
        platform(own(IdentifierBound, lead_id=first, since=0, version=1, **bound)),
        platform(own(IdentifierBound, lead_id=second, since=at("3-5"), version=2, **bound)),
    ]
    sink.prepare(batch([*booked, *bindings]), refuse)()
    rows = client.rows("SELECT booking_id, toString(lead_id), toString(lead_id_at_arrival) FROM current_bookings")
    assert sorted(rows) == [("3-1", first, first), ("3-9", second, first)]


def test_the_funnel_counts_leads_only(sink: ClickHouseSink, client: Client, database: Server) -> None:
    """A booking that names nobody has a lead id of its own and no lead; who was erased is none any more."""
    known, nobody, erased = (lead_id(number) for number in range(3))
    booked = {"revision": 1, "status": "booked", "amount_minor": 1, "currency": "AED"}
    bookings = [
        accepted(fact(BookingChanged, occurred_at="3-2", booking_id=lead, **booked), offset, lead)
        for offset, lead in enumerate((known, nobody, erased))
    ]
    hashes = [IdentifierHash.build(kind="email", hash=derived_id("identifier", known))]
    profiles = [
        platform(own(LeadProfiled, lead_id=lead, version=version, identifiers=named, first_captured_at=at("3-1")))
        for lead, version, named in ((known, 1, hashes), (erased, 1, hashes), (erased, 2, []))
    ]
    temperatures = [
        platform(own(TemperatureChanged, lead_id=lead, seq=1, temperature="warm", reason="captured"))
        for lead in (known, erased)
    ]
    sink.prepare(batch([*bookings, *profiles, *temperatures]), refuse)()
    steps = {row["step"]: row["leads"] for row in overview(database)["funnel"]}
    assert steps == {"captured": 1, "warm": 1, "booked": 1, "kept": 1}
    assert queries.figures(database)["leads"] == [{"workspace_id": "acme", "region": "UAE", "leads": 1}]
    assert one(client, "SELECT count() FROM current_bookings") == (3,), "they stay bookings"


def test_restated_temperatures_leave_the_history(sink: ClickHouseSink, client: Client) -> None:
    changes = [("3-1", "cold", None), ("3-5", "warm", None), ("3-9", "hot", None), ("3-4", "hot", "3-4")]
    values = [
        platform(own(TemperatureChanged, lead_id=lead_id(1), seq=seq, temperature=temperature, reason="r",
                     occurred_at=at(day), restates_from=at(restated) if restated else None))
        for seq, (day, temperature, restated) in enumerate(changes, start=1)
    ]  # fmt: skip
    sink.prepare(batch(values), refuse)()
    history = client.rows("SELECT seq, temperature FROM temperature_history ORDER BY since")
    assert [tuple(row) for row in history] == [(1, "cold"), (4, "hot")]


@pytest.mark.parametrize("where", [0, 7, 19])
@pytest.mark.parametrize("harm", ["cut", "longer", "uuid"])
def test_poison_is_found_and_the_rest_stored(sink: ClickHouseSink, client: Client, where: int, harm: str) -> None:
    values = [value for number in range(20) for value in story(number) if value[0] == "lead.scores"]
    whole = batch(values)
    good = whole.records[where].value
    bad = {"cut": good[:-3], "longer": good + b"\0\0", "uuid": good.replace(lead_id(where).encode(), b"z" * 36)}[harm]
    records = list(whole.records)
    records[where] = records[where]._replace(value=bad)
    refused: list[tuple[int, str]] = []
    poisoned = Batch(whole.ranges, tuple(records))
    sink.prepare(poisoned, lambda record, reason, _detail: refused.append((record.offset, reason)))()
    reasons = {"cut": "truncated", "longer": "trailing_bytes", "uuid": "store_refused"}
    assert refused == [(where, reasons[harm])]
    kept = [offset for (offset,) in client.rows("SELECT _offset FROM lead_scores ORDER BY 1")]
    assert kept == [offset for offset in range(20) if offset != where]


def test_both_stores_tell_the_same(sink: ClickHouseSink, database: Server, stack: Settings) -> None:
    first = batch([value for number in range(3) for value in story(number)])
    sink.prepare(first, refuse)()
    with own_postgres(stack) as (owner, server):
        other = PostgresSink(server)
        other.open(log())
        other.prepare(
            Batch(
                tuple(r for r in first.ranges if r.topic in other.topics),
                tuple(r for r in first.records if r.topic in other.topics),
            ),
            refuse,
        )()
        other.close()
        here = postgres.figures(owner)
        upto = {key: end for key, end in postgres.positions(owner).items() if key[0] in other.topics}
    more = batch([value for number in range(6) for value in story(number)])
    sink.prepare(
        Batch(
            tuple(r._replace(first=r.end // 2) for r in more.ranges),
            tuple(r for r in more.records if r.offset >= {m.topic: m.end // 2 for m in more.ranges}[r.topic]),
        ),
        refuse,
    )()
    there = queries.figures(database, upto)
    shared = set(here) & set(there)
    assert shared == {
        "leads", "bookings", "ledger", "temperatures", "routes", "bindings", "changes", "conflicts", "campaigns",
        "dead_letters", "decisions", "approvals", "consents",
    }  # fmt: skip
    assert {name: here[name] for name in shared} == {name: there[name] for name in shared}
    assert sum(row["rows"] for row in there["rows"] if row["topic"] == "clicks") == 6, "not in PostgreSQL: all of it"


def test_figures_as_known_then(sink: ClickHouseSink, database: Server) -> None:
    sink.prepare(batch(story(1)), refuse)()
    early = datetime(2026, 2, 1, tzinfo=UTC)
    assert queries.figures(database)["ledger"] != []
    assert queries.figures(database, known_at=early)["ledger"] == []
    assert queries.figures(database, effective_before=early)["ledger"] == []
    (counted,) = queries.figures(database)["stage_counts"]
    assert counted == {"stage": "intake", "topic": "leads", "type": "LeadCaptured", "outcome": "admitted", "count": 1}
    late = {row["topic"]: row["p50_ms"] for row in queries.figures(database)["latencies"]}
    assert late["leads"] == 1_000
