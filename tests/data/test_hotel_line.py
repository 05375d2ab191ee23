"""Hotel bookings through the whole line, with every process killed on the way: both stores say what the file says."""

from __future__ import annotations

import csv
import gzip
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sinks import ClickHouse, Postgres
from sinks.clickhouse import queries as clickhouse_queries
from sinks.postgres import queries as postgres_queries
from streams.report.backlog import Backlog
from tests.data import hotel_oracle
from tests.line import PROCESSES, Line, running_line

pytestmark = [pytest.mark.data, pytest.mark.timeout(600)]

ROWS = 20_000
BOOKINGS = {"bookings": 4}


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    with running_line() as running:
        yield running


@pytest.fixture(scope="module")
def slice_(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first rows of the file."""
    path = tmp_path_factory.mktemp("hotel") / "hotel_bookings.csv.gz"
    with (
        gzip.open(hotel_oracle.FILE, "rt", encoding="utf-8", newline="") as whole,
        gzip.open(path, "wt", encoding="utf-8", newline="") as part,
    ):
        csv.writer(part).writerows(islice(csv.reader(whole), ROWS + 1))
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
        booked = {row["model"]: 0 for row in figures["ledger"]}
        for row in figures["ledger"]:
            booked[row["model"]] += row["amount_minor"] if row["account_kind"] != "(revenue)" else 0
        assert set(booked.values()) == {net}, name
