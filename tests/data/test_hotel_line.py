"""Hotel bookings through the whole line, with every process killed on the way: both stores say what the file says."""

from __future__ import annotations

import csv
import gzip
import json
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from schemas.codec import decode, encode
from schemas.events.base import as_datetime
from schemas.events.governance import PolicyChanged
from sinks import ClickHouse, Postgres
from sinks.clickhouse import queries as clickhouse_queries
from sinks.clickhouse.client import Client
from sinks.postgres import queries as postgres_queries
from streams.report.backlog import Backlog
from streams.sources.files import opened, rows
from streams.sources.imports import Tally, door_of, publications
from streams.sources.mapping import load_mapping
from streams.sources.publisher import Publisher
from streams.sources.refusals import Publication
from tests.data import hotel_oracle
from tests.line import PROCESSES, Line, running_line

pytestmark = [pytest.mark.data, pytest.mark.timeout(600)]

ROWS, ROWS_IN_PARTS = 20_000, 8_000
BOOKINGS = {"bookings": 4}
PARTED = "in-parts"
CUTS = [
    datetime(*first_of_month, tzinfo=UTC)
    for first_of_month in ((2015, 10, 1), (2015, 11, 1), (2016, 1, 1), (2018, 1, 1))
]
LEAD_DAYS = (180, 90, 30, 7, 0)
Books = dict[tuple[str, str], int]
"""Net revenue by market segment and month."""


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    with running_line() as running:
        yield running


@pytest.fixture(scope="module")
def slice_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first rows of the file."""
    return _first(ROWS, tmp_path_factory)


@pytest.fixture(scope="module")
def parted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows that are imported in parts."""
    return _first(ROWS_IN_PARTS, tmp_path_factory)


def _first(count: int, folders: pytest.TempPathFactory) -> Path:
    path = folders.mktemp("hotel") / "hotel_bookings.csv.gz"
    with (
        gzip.open(hotel_oracle.FILE, "rt", encoding="utf-8", newline="") as whole,
        gzip.open(path, "wt", encoding="utf-8", newline="") as part,
    ):
        csv.writer(part).writerows(islice(csv.reader(whole), count + 1))
    return path


def test_killed_everywhere_and_exact(line: Line, slice_: Path) -> None:
    importing = line.start("import", "hotel_bookings", str(slice_))
    with Backlog(line.settings) as backlog:
        for turn in range(2):
            for number, process in enumerate(PROCESSES):
                _wait_for(backlog, (turn * len(PROCESSES) + number + 1) * 2 * ROWS // 10)
                line.kill(process)
    assert importing.wait(300) == 0
    line.report()
    _check(line, slice_)


def test_a_second_import_changes_nothing(line: Line, slice_: Path) -> None:
    before = line.report()
    line.run("import", "hotel_bookings", str(slice_))
    after = line.report()
    assert after["revenue"] == before["revenue"]
    assert _bookings(after)["accepted"] == _bookings(before)["accepted"]
    assert _bookings(after)["duplicates"] == _bookings(before)["accepted"], "every fact once accepted is known again"
    _check(line, slice_)


@pytest.fixture(scope="module")
def learned(line: Line, parted: Path) -> dict[datetime, datetime]:
    """Imported in four parts, cut at month ends: when each had come to rest.

    After the first part a policy says how much of what is booked usually comes to nothing, as that part shows.
    """
    found: dict[datetime, datetime] = {}
    publisher = Publisher(line.settings, "test")
    for cut, part in zip(CUTS, _parts(parted), strict=True):
        lost = hotel_oracle.lost_by_lead_time(cut.date(), LEAD_DAYS, parted) if len(found) == 1 else {}
        if len(found) < 2:
            publisher.publish([_policy(len(found) + 1, lost)])
            publisher.flush()
            line.report()
        publisher.publish(part)
        publisher.flush()
        line.report()
        found[cut] = datetime.now(UTC)
        _ticked(line)
    return found


def test_as_known_then_is_what_had_been_imported_then(
    line: Line, parted: Path, learned: dict[datetime, datetime]
) -> None:
    """The books as known after each part are those of its facts, month by month.

    A stay's end is in another part than its booking, so later parts restate what earlier ones said.
    """
    for cut, known_at in learned.items():
        should = hotel_oracle.net_as_known(cut, parted)
        for name, ask in (("postgres", _ask_postgres), ("clickhouse", _ask_clickhouse)):
            assert ask(line, known_at) == should, (name, cut)
        told = line.run("report", "--json", "--known-at", known_at.isoformat(), "--effective-before", f"{CUTS[0]}")
        by_then = sum(net for (_, month), net in should.items() if month < f"{CUTS[0]:%Y-%m}")
        assert _credited(json.loads(told.stdout)["revenue"]) == by_then
    first, *_, last = learned.values()
    told = line.run("changes", "--known-since", first.isoformat(), "--known-at", last.isoformat(), "--json")
    moved = sum(hotel_oracle.net_as_known(CUTS[-1], parted).values())
    moved -= sum(hotel_oracle.net_as_known(CUTS[0], parted).values())
    assert _credited(json.loads(told.stdout)["channels"]) == moved


def test_what_was_expected_is_nearer_to_what_came_than_what_was_booked(
    line: Line, learned: dict[datetime, datetime], record_property: Callable[[str, object], None]
) -> None:
    """Of the stays that lay ahead at the third cut, by the risks that the first part had taught."""
    query = """
        WITH known AS (
            SELECT booking_id, basis, amount_minor, known_at <= %(then)s AS by_then FROM ledger_lines
            WHERE workspace_id = %(workspace)s AND account <> '(revenue)' AND conversion_day >= %(taught)s
        ), ahead AS (
            SELECT booking_id, sum(amount_minor) FILTER (WHERE basis = 'net') AS booked,
                sum(amount_minor) FILTER (WHERE basis = 'expected') AS expected
            FROM known WHERE by_then GROUP BY 1
            HAVING sum(amount_minor) FILTER (WHERE basis = 'net') > 0
                AND coalesce(sum(amount_minor) FILTER (WHERE basis = 'realised'), 0) = 0
        ), came AS (
            SELECT booking_id, sum(amount_minor) AS realised FROM known WHERE basis = 'realised' GROUP BY 1
        )
        SELECT sum(booked)::bigint, sum(expected)::bigint, sum(realised)::bigint
        FROM ahead LEFT JOIN came USING (booking_id)
    """
    given = {"then": learned[CUTS[2]], "workspace": PARTED, "taught": CUTS[0].date()}
    with psycopg.connect(**line.settings.postgres("admin")) as database:
        booked, expected, realised = database.execute(query, given).fetchone() or (0, 0, 0)
    record_property("booked, expected, realised", (booked, expected, realised))
    assert 0 < realised < booked
    assert abs(expected - realised) < abs(booked - realised) / 2, (booked, expected, realised)


def _policy(version: int, lost: dict[int, int]) -> Publication:
    """One model, three bases; and what is usually lost of what is booked."""
    rules = {
        "attribution_models": ["linear"],
        "attribution_bases": ["net", "realised", "expected"],
        "optimizer_model": "linear",
        "cancellation_risk": [["booked", days, lost[days]] for days in LEAD_DAYS if lost],
    }
    event = PolicyChanged(
        event_id=str(uuid4()), workspace_id=PARTED, region="EUR", source="test", occurred_at=CUTS[0], version=version,
        applies_from=0, document=json.dumps(rules),
    )  # fmt: skip
    return Publication("policies", str(version), encode(event))


def _parts(path: Path) -> list[list[Publication]]:
    """The facts of the file as an import makes them, by when they happened."""
    mapping = load_mapping("hotel_bookings")
    parts: list[list[Publication]] = [[] for _ in CUTS]
    with opened(path) as file:
        door = door_of(path, PARTED, time.time_ns() // 1_000)
        for one in publications(mapping, rows(mapping, file.content, path), door, Tally()):
            happened = as_datetime(decode(one.value).message.__dict__["occurred_at"])
            parts[bisect_left(CUTS, happened)].append(one)
    return parts


def _ticked(line: Line) -> None:
    """Until the ledger's partitions have had a tick that is later than now: what comes next is known later.

    The first tick from now on may have been made a moment ago; a tick is one record and at most one mark.
    """
    inbox = ["ledger.inbox"]
    with Backlog(line.settings) as backlog:
        before = backlog.ends(inbox)
        while any(end < before[slot] + 4 for slot, end in backlog.ends(inbox).items()):
            time.sleep(0.2)


def _ask_postgres(line: Line, known_at: datetime) -> Books:
    query = """
        SELECT market_segment, to_char(effective_at AT TIME ZONE 'UTC', 'YYYY-MM'), sum(l.amount_minor)::bigint
        FROM ledger_lines l JOIN bookings USING (workspace_id, booking_id)
        WHERE workspace_id = %s AND basis = 'net' AND account <> '(revenue)' AND known_at <= %s GROUP BY 1, 2
    """
    with psycopg.connect(**line.settings.postgres("admin")) as database:
        found = database.execute(query, (PARTED, known_at)).fetchall()
    return {(segment, month): net for segment, month, net in found if net}


def _ask_clickhouse(line: Line, known_at: datetime) -> Books:
    query = """
        SELECT b.market_segment, formatDateTime(l.effective_at, '%Y-%m'), sum(l.amount_minor)
        FROM ledger_lines AS l
        JOIN current_bookings AS b ON l.workspace_id = b.workspace_id AND l.booking_id = b.booking_id
        WHERE l.workspace_id = {workspace:String} AND l.basis = 'net' AND l.account != '(revenue)'
            AND l.known_at <= {known_at:DateTime64(6, 'UTC')}
        GROUP BY 1, 2
    """
    client = Client(ClickHouse(**line.settings.clickhouse("reader")))
    try:
        found = client.rows(query, {"workspace": PARTED, "known_at": known_at})
    finally:
        client.close()
    return {(segment, month): net for segment, month, net in found if net}


def _credited(rows_: list[dict[str, Any]]) -> int:
    """Net revenue of the workspace that came in parts, under one model."""
    return sum(
        row["amount_minor"]
        for row in rows_
        if row["workspace_id"] == PARTED and row["model"] == "linear" and row.get("basis", "net") == "net"
    )


def test_history_contacts_nobody(line: Line) -> None:
    with psycopg.connect(**line.settings.postgres("admin")) as database:
        assert database.execute("SELECT count(*) FROM contact_requests").fetchone() == (0,)
        assert database.execute("SELECT count(*) FROM leads").fetchone() == (0,)


def _bookings(report: Any) -> dict[str, Any]:
    """The reconciliation's row of the topic."""
    return next(row for row in report["reconciliation"]["topics"] if row["name"] == "bookings")


def _wait_for(backlog: Backlog, accepted: int) -> None:
    """Until resolve has committed so many records (there is no event to wait on but its own progress)."""
    while sum(backlog.committed("fineacers.resolve", {"resolve.inbox": 4}).values()) < accepted:
        time.sleep(0.1)


def _check(line: Line, path: Path) -> None:
    """Latest revisions by hotel, segment and status, in both stores, are those computed from the rows alone."""
    slug = {"Resort Hotel": "resort-hotel", "City Hotel": "city-hotel"}
    should = {
        (slug[hotel], segment, status): (sums.bookings, sums.amount_minor)
        for (hotel, segment, status), sums in hotel_oracle.expected(path).items()
        if status != "booked"
    }
    stores = {
        "postgres": postgres_queries.figures(Postgres(**line.settings.postgres("admin"))),
        "clickhouse": clickhouse_queries.figures(ClickHouse(**line.settings.clickhouse("reader"))),
    }
    for name, figures in stores.items():
        found = {
            (row["property_id"], row["market_segment"], row["status"]): (row["bookings"], row["amount_minor"])
            for row in figures["bookings"]
        }
        assert found == should, name
        net = sum(row["net_minor"] for row in figures["bookings"])
        assert net == sum(hotel_oracle.monthly_net(path).values()), name
        of_net = [row for row in figures["ledger"] if row["basis"] == "net"]
        booked = {row["model"]: 0 for row in of_net}
        for row in of_net:
            booked[row["model"]] += row["amount_minor"] if row["account_kind"] != "(revenue)" else 0
        assert set(booked.values()) == {net}, name
