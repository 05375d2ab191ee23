"""PostgreSQL's tables: who may see and do what, which row wins, and that nothing but the answer gets lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from schemas.codec import encode
from schemas.events.base import instant
from schemas.events.decisions import LeadScored, TemperatureChanged
from schemas.events.gate import CheckMade
from schemas.events.identity import IdentifierBound, IdentifierHash
from schemas.events.leads import LeadCaptured
from schemas.events.operations import DeadLettered
from schemas.events.profiles import LeadProfiled
from schemas.ids import derived_id
from sinks.base import Unavailable
from sinks.delivery import Batch, Record
from sinks.postgres import queries
from sinks.postgres.connection import Server
from sinks.postgres.migrate import migrate, rebuild
from sinks.postgres.sink import PostgresSink
from sinks.postgres.tables import TABLES
from streams.cli.contacts import contacts
from streams.settings import Settings
from tests.support.facts import at
from tests.support.sinks import batch, log, own_postgres
from tests.support.stored import decided, lead_id, measured, own, platform, posting, story

VIEWS = (
    "current_bindings", "open_conflicts", "current_bookings", "lead_overview", "temperature_history",
    "contact_receipts", "approvals", "approvals_open", "revenue_by_channel", "revenue_by_booking", "revenue()",
    "revenue_by_day()", "ledger_changes('-infinity')",
)  # fmt: skip
READABLE = [table.name for table in TABLES if table.name != "dead_letters"]


@pytest.fixture(scope="module")
def servers(stack: Settings) -> Iterator[tuple[Server, Server]]:
    with own_postgres(stack) as made:
        yield made


@pytest.fixture
def owner(servers: tuple[Server, Server]) -> Server:
    rebuild(servers[0])
    return servers[0]


@pytest.fixture
def reader(stack: Settings, owner: Server) -> Server:
    return replace(Server(**stack.postgres("reader")), dbname=owner.dbname)


@pytest.fixture
def sink(servers: tuple[Server, Server], owner: Server) -> Iterator[PostgresSink]:
    opened = PostgresSink(servers[1])
    opened.open(log())
    yield opened
    opened.close()


def refuse(record: Record, reason: str, detail: str) -> None:
    raise AssertionError(f"refused {record.topic}:{record.offset}: {reason} {detail}")


def write(sink: PostgresSink, values: list[tuple[str, bytes]]) -> None:
    whole = batch(value for value in values if value[0] in sink.topics)
    sink.prepare(whole, refuse)()


def ask(server: Server, query: str, **settings: str) -> list[tuple[Any, ...]]:
    """Rows of a query, with settings of the session (`workspace`, `regions`, `owner`)."""
    with server.connect() as connection:
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", (f"fineacers.{name}", value))
        return connection.execute(query.encode()).fetchall()


def test_migrating_again_changes_nothing(stack: Settings, owner: Server) -> None:
    assert migrate(owner, stack.need("postgres_sink_password"), stack.need("postgres_reader_password")) == []


def test_every_table_has_row_level_security(owner: Server) -> None:
    rows = ask(
        owner, "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relrowsecurity AND NOT relispartition"
    )
    assert {name for (name,) in rows} == {table.name for table in TABLES} | {"audit_log"}


def test_the_audit_log_can_be_added_to_and_nothing_else(owner: Server, reader: Server) -> None:
    add = "INSERT INTO audit_log (who, command, ids) VALUES ('ann', 'lead show --reveal', '{}')"
    with owner.connect() as connection:
        connection.execute("SET ROLE fineacers_operator")
        connection.execute(add.encode())
    for statement in (
        "UPDATE audit_log SET who = 'ben'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "INSERT INTO audit_log (who, command, ids, at) VALUES ('ann', 'x', '{}', '2020-01-01')",
        "INSERT INTO audit_log (who, command, ids, login) VALUES ('ann', 'x', '{}', 'ben')",
    ):
        with owner.connect() as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SET ROLE fineacers_operator")
            connection.execute(statement.encode())
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(reader, "SELECT * FROM audit_log")
    rebuild(owner)
    assert ask(owner, "SELECT who, login, command FROM audit_log") == [
        ("ann", "fineacers_admin", "lead show --reveal")
    ], "filled by people, so no rebuild empties it"


def test_the_ledger_is_kept_by_month_in_which_it_was_known(sink: PostgresSink, owner: Server, reader: Server) -> None:
    days = ("2026-01-31 23:59:59.999998", "2026-01-31 23:59:59.999999", "2026-02-10 00:00")
    postings = [
        platform(posting(number, lead_id(number), instant(f"{day}+00:00"))) for number, day in enumerate(days)
    ]  # known a microsecond later
    write(sink, postings)
    sink.prepare(moved(batch(postings), 3), refuse)()
    parts = ask(owner, "SELECT tableoid::regclass::text, count(*) FROM ledger_lines GROUP BY 1 ORDER BY 1")
    assert parts == [("ledger_lines_2026_01", 2), ("ledger_lines_2026_02", 4)], "again changes nothing"
    unprotected = "SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND NOT relrowsecurity"
    assert ask(owner, unprotected) == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(reader, "SELECT * FROM ledger_lines_2026_01", workspace="acme", regions="UAE")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(reader, "SELECT ledger_month(now())")


@pytest.mark.parametrize("table", READABLE)
def test_a_reader_without_a_workspace_sees_nothing(sink: PostgresSink, reader: Server, table: str) -> None:
    write(sink, story(1))
    assert ask(reader, f"SELECT count(*) FROM {table}") == [(0,)]
    assert ask(reader, f"SELECT count(*) FROM {table}", workspace="acme") == [(0,)], "and none without regions"
    assert ask(reader, f"SELECT count(*) FROM {table}", workspace="other", regions="UAE", owner="*") == [(0,)]
    assert ask(reader, f"SELECT count(*) FROM {table}", workspace="acme", regions="IND,USA", owner="*") == [(0,)]
    ((seen,),) = ask(reader, f"SELECT count(*) FROM {table}", workspace="acme", regions="IND,UAE", owner="*")
    assert seen > 0


def test_an_owner_sees_own_leads_and_those_of_nobody(sink: PostgresSink, reader: Server) -> None:
    owners = ["anna", "ben", None]
    write(sink, [profile(number, owner_id=owner_id) for number, owner_id in enumerate(owners)])
    query = "SELECT owner_id FROM leads ORDER BY owner_id"
    scope = {"workspace": "acme", "regions": "UAE"}
    assert ask(reader, query, **scope, owner="anna") == [("anna",), (None,)]
    assert ask(reader, query, **scope, owner="*") == [("anna",), ("ben",), (None,)]
    assert ask(reader, query, **scope) == [(None,)]


ANNAS, BENS, NOBODYS = lead_id(1), lead_id(3), lead_id(5)
SCOPE = {"workspace": "acme", "regions": "UAE"}


def three_owners() -> list[tuple[str, bytes]]:
    """All that can be told of three leads: Anna's, Ben's, and one that nobody owns."""
    stories = [value for number in (1, 3, 5) for value in story(number)]
    return [*stories, profile(1, 3, owner_id="anna"), profile(3, 3, owner_id="ben"), profile(5, 3)]


def test_an_owner_sees_of_every_table_what_is_about_own_leads(
    sink: PostgresSink, owner: Server, reader: Server
) -> None:
    write(sink, three_owners())
    tables = ask(
        owner,
        """
        SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'lead_id'
        WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace
        """,
    )
    assert len(tables) >= 18
    for (table,) in tables:
        query = f"SELECT DISTINCT lead_id::text FROM {table}"
        assert set(ask(owner, query)) >= {(ANNAS,), (BENS,), (NOBODYS,)}, table
        assert set(ask(reader, query, **SCOPE, owner="anna")) == {*ask(owner, query)} - {(BENS,)}, table
        assert set(ask(reader, query, **SCOPE, owner="*")) == {*ask(owner, query)}, table
        if table != "leads":
            assert set(ask(reader, query, **SCOPE)) == {*ask(owner, query)}, f"{table}: no owner is named"
    answers = "SELECT count(*) FROM effect_results"
    assert ask(reader, answers, **SCOPE, owner="anna") == [(2,)]
    assert ask(reader, answers, **SCOPE, owner="*") == [(3,)]


def test_no_view_tells_an_owner_of_others_leads(sink: PostgresSink, reader: Server) -> None:
    write(sink, three_owners())
    for view in VIEWS:
        told = str(ask(reader, f"SELECT * FROM {view}", **SCOPE, owner="anna"))
        assert BENS not in told, view
    assert ask(reader, "SELECT sum(amount_minor) FROM revenue_by_channel", **SCOPE, owner="anna") == [(20,)]


def test_what_has_come_to_another_lead_is_seen_by_its_owner(sink: PostgresSink, reader: Server) -> None:
    moved_away = derived_id("identifier", ANNAS)  # that of all of the story
    gone = lead_id(7)
    score = own(LeadScored, lead_id=gone, seq=1, score=9, budget=9, urgency=0, engagement=0, readiness=0, reasons=[])
    bound = [
        platform(own(IdentifierBound, identifier=identifier, kind="email", lead_id=lead, since=0, version=n, why="x"))
        for identifier, lead, n in ((gone, gone, 0), (gone, BENS, 1), (moved_away, BENS, 2))
    ]
    write(sink, [*three_owners(), platform(score), *bound])
    seen = {
        owner: [
            ask(reader, query, **SCOPE, owner=owner)[0][0]
            for query in (
                f"SELECT count(*) FROM scores WHERE lead_id = '{gone}'",
                "SELECT count(*) FROM current_bookings WHERE booking_id = 'b1'",
                "SELECT count(*) FROM ledger_lines WHERE booking_id = 'b1'",
                f"SELECT count(*) FROM current_bindings WHERE identifier = '{moved_away}'",
                f"SELECT count(*) FROM scores WHERE lead_id = '{ANNAS}'",
            )
        ]
        for owner in ("anna", "ben")
    }
    assert seen == {"anna": [0, 0, 0, 0, 1], "ben": [1, 1, 2, 1, 0]}


def test_a_reader_sees_every_column_but_the_token_of_an_email(
    sink: PostgresSink, owner: Server, reader: Server
) -> None:
    allowed = decided(1, ANNAS, seq=3, decision="allow", reason="allowed", unsubscribe="sealed")
    write(sink, [*story(1), platform(allowed)])
    hidden = """
        SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace
          AND a.attnum > 0 AND NOT a.attisdropped
          AND NOT has_column_privilege('fineacers_reader', c.oid, a.attnum, 'SELECT')
          AND c.relname NOT IN ('migrations', 'sink_positions', 'audit_log', 'dead_letters')
    """
    assert ask(owner, hidden) == [("contact_decisions", "unsubscribe")]
    for columns in ("unsubscribe", "*"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            ask(reader, f"SELECT {columns} FROM contact_decisions", **SCOPE, owner="*")
    assert ask(reader, "SELECT sentence FROM contact_receipts", **SCOPE, owner="*") != []
    with psycopg.connect(**asdict(owner), row_factory=dict_row) as connection:
        connection.execute("SET ROLE fineacers_operator")
        assert [one["unsubscribe"] for one in contacts(connection, ANNAS, {ANNAS})["decisions"]] == ["sealed"]


def test_views_obey_the_same_rules(sink: PostgresSink, reader: Server) -> None:
    write(sink, story(1))
    for view in VIEWS:
        assert ask(reader, f"SELECT * FROM {view}") == []
        assert ask(reader, f"SELECT * FROM {view}", workspace="acme", regions="UAE", owner="*") != []


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM dead_letters",
        "SELECT * FROM sink_positions",
        "DELETE FROM scores",
        "UPDATE leads SET region = 'IND'",
        "INSERT INTO migrations VALUES (9, 'x', 'x')",
        "CREATE TABLE mine (a int)",
    ],
)
def test_a_reader_may_only_read(reader: Server, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(reader, statement)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM ledger_lines",
        "TRUNCATE leads",
        "DROP TABLE scores",
        "SELECT * FROM migrations",
        "CREATE TABLE x ()",
    ],
)
def test_the_sink_may_not_do_more_than_it_does(servers: tuple[Server, Server], statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        ask(servers[1], statement)


def profile(number: int, version: int = 1, identifiers: int = 1, **fields: Any) -> tuple[str, bytes]:
    lead = lead_id(number)
    hashes = [IdentifierHash.build(kind="email", hash=derived_id("i", lead, n)) for n in range(identifiers)]
    return platform(own(LeadProfiled, lead_id=lead, version=version, identifiers=hashes, **fields))


def test_the_newest_version_wins_whatever_the_batch(sink: PostgresSink, owner: Server) -> None:
    write(sink, [profile(1, 2, country="AE"), profile(1, 1, country="IN"), profile(1, 3, country="US")])
    assert ask(owner, "SELECT version, country FROM leads") == [(3, "US")]


def test_identifiers_are_those_of_the_newest_profile(sink: PostgresSink, owner: Server) -> None:
    write(sink, [profile(1, 1, identifiers=3), profile(1, 2, identifiers=2)])
    assert ask(owner, "SELECT count(*), min(version) FROM identifiers") == [(2, 2)]
    later = batch([profile(1, 3, identifiers=1)])
    sink.prepare(moved(later, 2), refuse)()
    assert ask(owner, "SELECT count(*), min(version) FROM identifiers") == [(1, 3)]


def test_a_lead_that_has_lost_its_last_identifier_is_no_row(sink: PostgresSink, owner: Server) -> None:
    write(sink, [profile(1), profile(2)])
    sink.prepare(moved(batch([profile(1, 2, identifiers=0)]), 2), refuse)()
    assert ask(owner, "SELECT lead_id::text FROM leads") == [(lead_id(2),)]
    assert ask(owner, "SELECT DISTINCT lead_id::text FROM identifiers") == [(lead_id(2),)]


def test_revenue_is_told_as_known_then_and_by_what_changed_since(sink: PostgresSink, owner: Server) -> None:
    write(sink, [*story(1), *story(3)])
    known, exactly = "2026-03-01 00:00:00.000002+00", "2026-03-01 00:00:00.000001+00"
    assert ask(owner, f"SELECT channel, amount_minor, bookings FROM revenue('{known}')") == [("search", 10, 1)]
    assert ask(owner, f"SELECT * FROM revenue('{exactly}')") == []
    assert ask(owner, f"SELECT * FROM revenue(effective_before => '{exactly}')") == [], "the end is left out"
    assert ask(owner, "SELECT channel, touch_day::text, amount_minor, bookings FROM revenue_by_day()") == [
        ("search", "2024-10-04", 20, 2)
    ]
    changes = "SELECT reason, campaign_id, gained_minor, lost_minor, amount_minor, postings, bookings"
    assert ask(owner, f"{changes} FROM ledger_changes('{known}')") == [("conversion", "spring", 10, 0, 10, 1, 1)]
    assert ask(owner, f"{changes} FROM ledger_changes('{exactly}', '{known}')") == [
        ("conversion", "spring", 10, 0, 10, 1, 1)
    ]
    bookings = "SELECT booking_id, lead_id::text, amount_minor FROM revenue_by_booking ORDER BY 1"
    assert ask(owner, bookings) == [("b1", lead_id(1), 10), ("b3", lead_id(3), 10)]


def moved(whole: Batch, by: int) -> Batch:
    """The batch, so many offsets later."""
    return Batch(
        tuple(r._replace(first=r.first + by, end=r.end + by) for r in whole.ranges),
        tuple(r._replace(offset=r.offset + by) for r in whole.records),
    )


def test_restated_temperatures_leave_the_history(sink: PostgresSink, owner: Server) -> None:
    changes = [("3-1", "cold", None), ("3-5", "warm", None), ("3-9", "hot", None), ("3-4", "hot", "3-4")]
    values = [
        platform(own(TemperatureChanged, lead_id=lead_id(1), seq=seq, temperature=temperature, reason="r",
                     occurred_at=at(day), restates_from=at(restated) if restated else None))
        for seq, (day, temperature, restated) in enumerate(changes, start=1)
    ]  # fmt: skip
    write(sink, values)
    history = ask(owner, "SELECT seq, temperature FROM temperature_history ORDER BY since")
    assert history == [(1, "cold"), (4, "hot")]
    assert ask(owner, "SELECT temperature, occurred_at FROM temperatures") == [
        ("hot", datetime(2026, 3, 4, tzinfo=UTC))
    ]


def test_a_campaigns_day_has_its_newest_figures(sink: PostgresSink, owner: Server) -> None:
    write(sink, [platform(measured(1, 2, 5)), platform(measured(1, 1, 4)), platform(measured(2, 1, 9))])
    assert ask(owner, "SELECT campaign_id, seq, touches, roi_ppm FROM campaign_days ORDER BY 1") == [
        ("campaign1", 2, 5, None), ("campaign2", 1, 9, None)
    ]  # fmt: skip


def test_values_arrive_as_they_were_sent(sink: PostgresSink, owner: Server) -> None:
    write(sink, story(7))
    ((starts_on, reasons, original, full_name, line),) = ask(
        owner,
        """
        SELECT (SELECT starts_on::text FROM current_bookings LIMIT 1), (SELECT reasons FROM scores),
            (SELECT original FROM dead_letters), (SELECT email FROM leads),
            (SELECT (amount_minor, touch_day::text, known_at)::text FROM ledger_lines WHERE account <> '(revenue)')
        """,
    )
    assert (starts_on, reasons) == (None, ["budget named", "inquiry"]), "the second revision names no dates"
    assert (bytes(original), full_name) == (b"\0\1raw", "lead7@example.com")
    assert line == '(10,2024-10-04,"2026-03-01 00:00:00.000008+00")'


def test_a_value_that_postgres_cannot_hold_is_refused_alone(sink: PostgresSink, owner: Server) -> None:
    fields = {"stage": "intake", "reason": "r", "topic": "leads", "partition": 0, "detail": "", "original": b""}
    letters = [own(DeadLettered, arrived_at=at, offset=n, **fields) for n, at in enumerate([0, -(2**62), 0])]
    refused = []
    sink.prepare(
        batch(platform(letter) for letter in letters), lambda record, *why: refused.append((record.offset, *why))
    )()
    assert refused == [(1, "store_refused", "PostgreSQL error 22008")]
    assert ask(owner, 'SELECT "offset" FROM dead_letters ORDER BY 1') == [(0,), (2,)]


def test_a_nul_of_old_facts_is_replaced_and_its_row_kept(sink: PostgresSink, owner: Server) -> None:
    named = [IdentifierHash.build(kind="email", hash=lead_id(1))]
    told = [CheckMade.build(check="cap", outcome="pass", reason=reason) for reason in ("n\0l", "\\u0000")]
    scored = dict.fromkeys(("score", "budget", "urgency", "engagement", "readiness"), 0)
    write(
        sink,
        [
            platform(own(LeadProfiled, lead_id=lead_id(1), version=1, identifiers=named, full_name="A\0da")),
            platform(own(LeadScored, lead_id=lead_id(1), seq=1, reasons=["na\0med"], **scored)),
            platform(decided(1, lead_id(1), seq=1, decision="hold", reason="cap", checks=told)),
        ],
    )
    ((name, reasons, first, second),) = ask(
        owner,
        "SELECT full_name, reasons, checks->0->>'reason', checks->1->>'reason' FROM leads, scores, contact_decisions",
    )
    assert (name, reasons) == ("A\ufffdda", ["na\ufffdmed"])
    assert (first, second) == ("n\ufffdl", "\\u0000"), "a backslash before these letters is no NUL"


def test_what_has_no_table_here_is_refused(sink: PostgresSink, owner: Server) -> None:
    stray = LeadCaptured.model_construct(**story_fields())
    refused = []
    sink.prepare(batch([("lead.scores", encode(stray))]), lambda _record, *why: refused.append(why[0]))()
    assert refused == ["wrong_type"]


def story_fields() -> dict[str, Any]:
    return {
        **dict.fromkeys(LeadCaptured.model_fields),
        "event_id": derived_id("x"), "workspace_id": "acme", "region": "UAE", "occurred_at": 0, "source": "test",
        "channel": "web",
    }  # fmt: skip


def test_a_cut_connection_loses_and_repeats_nothing(sink: PostgresSink, owner: Server) -> None:
    written = batch(value for value in story(1) if value[0] in sink.topics)
    cut = sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'fineacers_sink'")
    with owner.connect() as connection:
        connection.execute(cut + sql.SQL(" AND datname = current_database()"))
    with pytest.raises(Unavailable):
        sink.prepare(written, refuse)()
    sink.prepare(written, refuse)()
    sink.prepare(written, refuse)()
    assert ask(owner, "SELECT count(*) FROM ledger_lines") == [(2,)]


def test_figures_are_of_one_instant_and_see_every_workspace(sink: PostgresSink, owner: Server) -> None:
    write(sink, [*story(1), *story(2)])
    figures = queries.figures(owner)
    assert figures["leads"] == [{"workspace_id": "acme", "region": "UAE", "leads": 2}]
    (booked,) = figures["bookings"]
    assert (booked["status"], booked["bookings"], booked["amount_minor"], booked["net_minor"]) == (
        "cancelled", 2, 20_003, 200,
    )  # fmt: skip
    assert {(row["account_kind"], row["amount_minor"]) for row in figures["ledger"]} == {
        ("touch", 20),
        ("(revenue)", -20),
    }
    assert figures["temperatures"] == [{"workspace_id": "acme", "temperature": "hot", "leads": 2}]
    assert queries.figures(owner, known_at=datetime(2020, 1, 1, tzinfo=UTC))["ledger"] == []
    assert queries.positions(owner)["lead.scores", 0] == 2
