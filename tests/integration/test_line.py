"""A simulated agency through the whole line on real servers: its truth, both stores and both laws agree."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sinks import ClickHouse
from sinks.clickhouse.overview import overview
from streams.driver import Slot
from streams.kafka import admin_client
from streams.records import InRecord
from streams.report.backlog import Backlog
from streams.settings import Settings, identity_key
from streams.sources.publisher import Publisher
from streams.sources.refusals import Publication
from streams.sources.simulate import Scenario, Truth, simulate
from streams.stage import Stage
from streams.topology import topology
from tests.laws import assert_line_law, assert_log_law, read_line, view_of
from tests.line import PROCESSES, Line, running_line
from tests.support.optimizer_process import TAKEN, totals

pytestmark = pytest.mark.timeout(300)


@dataclass
class Finished:
    """A line at rest, its report, what was truly published, and every record of every topic."""

    line: Line
    report: dict[str, Any]
    truth: Truth
    stages: tuple[Stage, ...]
    log: dict[Slot, list[InRecord]]


@pytest.fixture(scope="module")
def finished() -> Iterator[Finished]:
    with running_line(partitions=3) as line:
        simulation = simulate(Scenario(end=time.time_ns() // 1_000, days=60, events=4_000))
        publisher = Publisher(line.settings, "test")
        records = [Publication(one.topic, one.key, one.value) for one in simulation]
        for place, process in enumerate(PROCESSES):
            publisher.publish(records[place :: len(PROCESSES)])
            publisher.flush()
            line.kill(process)
        report = line.report()
        stages = topology(identity_key(line.settings))
        yield Finished(line, report, simulation.truth, stages, read_line(line.settings, stages))


def test_every_fact_has_the_outcome_that_was_drawn(finished: Finished) -> None:
    found = finished.report["reconciliation"]["topics"]
    drawn = {
        name: (topic["published"], topic["accepted"], topic["duplicates"], sum(topic["dead_letters"].values()))
        for name, topic in finished.truth.topics.items()
    }
    assert {
        one["name"]: (one["records"], one["accepted"], one["duplicates"], one["dead_letters"])
        for one in found
        if one["records"]
    } == drawn


def test_the_ledger_credits_what_the_bookings_are_worth(finished: Finished) -> None:
    revenue = finished.report["revenue"]
    credited: Counter[tuple[str, str]] = Counter()
    for row in revenue:
        if row["basis"] == "net":
            credited[row["model"], row["currency"]] += row["amount_minor"]
    assert {key: total for key, total in credited.items() if total} == {
        (model, currency): net
        for model in ("first", "last", "linear", "time_decay")
        for currency, net in finished.truth.net_minor.items()
        if net
    }


def test_campaigns_are_told_of_every_touch(finished: Finished) -> None:
    reported: Counter[str] = Counter()
    for row in finished.report["campaigns"]:
        reported[f"{row['workspace_id']}/{row['campaign_id']}"] += row["touches"]
    assert len(reported) > 10
    told = view_of(finished.stages, finished.log).touches
    assert +reported == {campaign: touches for campaign, (touches, _, _) in told.items()}
    assert any(row["spend_minor"] and row["ctr_ppm"] for row in finished.report["campaigns"])


def test_an_optimizer_killed_over_and_over_holds_what_the_ledger_says(finished: Finished, tmp_path: Path) -> None:
    file, chance, killed = tmp_path / "totals", random.Random(3), 0
    for _ in range(4):
        optimizer = finished.line.process("tests.support.optimizer_process", str(file))
        assert optimizer.stdout is not None
        taken = [optimizer.stdout.readline() for _ in range(chance.randrange(1, 4))]
        killed += all(line.startswith(TAKEN) for line in taken)
        optimizer.kill()
        optimizer.communicate()
    assert killed > 1
    optimizer = finished.line.process("tests.support.optimizer_process", str(file))
    optimizer.communicate(timeout=120)
    assert optimizer.returncode == 0
    with psycopg.connect(**finished.line.settings.postgres("admin")) as database:
        lines = database.execute("""
            SELECT workspace_id, coalesce(campaign_id, '(none)'), channel, touch_day - DATE '1970-01-01',
                conversion_day - DATE '1970-01-01', model, basis, currency, reporting_currency,
                sum(amount_minor)::bigint, sum(reporting_minor)::bigint
            FROM ledger_lines WHERE model = 'time_decay' AND basis = 'net' AND account <> '(revenue)'
            GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9 HAVING sum(amount_minor) <> 0 OR sum(reporting_minor) <> 0
        """).fetchall()
    held = {cell: (one.total, one.reporting) for cell, one in totals(file).items() if one.total or one.reporting}
    assert len(held) > 100
    assert held == {tuple(cell): (own, reporting) for *cell, own, reporting in lines}


def test_log_law(finished: Finished) -> None:
    assert_log_law(finished.stages, finished.log)


def test_line_law(finished: Finished) -> None:
    assert_line_law(finished.stages, finished.log)


def test_only_fresh_causes_reach_out(finished: Finished) -> None:
    with psycopg.connect(**finished.line.settings.postgres("admin")) as database:
        old = "SELECT count(*) FROM contact_requests WHERE occurred_at < now() - interval '25 hours'"
        assert database.execute(old).fetchone() == (0,)


def test_a_lead_can_be_found_and_is_masked(finished: Finished) -> None:
    line = finished.line
    with psycopg.connect(**line.settings.postgres("admin")) as database:
        email, workspace = database.execute(
            "SELECT email, workspace_id FROM leads WHERE email IS NOT NULL AND crm_id IS NULL ORDER BY lead_id LIMIT 1"
        ).fetchone() or ("", "")
    found = line.run("lead", "find", "email", "-", "--workspace", workspace, "--json", given=email + "\n")
    lead_id = json.loads(found.stdout)[0]["lead_id"]
    shown = line.run("lead", "show", lead_id).stdout
    assert lead_id in shown
    assert email not in shown
    assert email in line.run("lead", "show", lead_id, "--reveal").stdout
    look = ("tail", "accepted.leads", "--from-beginning", "--limit", "1", "--json")
    assert "<" in line.run(*look).stdout and "<" not in line.run(*look, "--reveal").stdout
    with psycopg.connect(**line.settings.postgres("admin")) as database:
        noted = database.execute("SELECT command, ids FROM audit_log ORDER BY entry").fetchall()
    assert noted == [("lead show --reveal", {"leads": [lead_id]}), ("tail --reveal", {"topics": ["accepted.leads"]})]


def test_a_bookings_history_is_told_and_adds_up(finished: Finished) -> None:
    line = finished.line
    with psycopg.connect(**line.settings.postgres("admin")) as database:
        booking_id, workspace, postings, credited, email = database.execute("""
            SELECT line.booking_id, line.workspace_id, max(line.seq),
                sum(line.amount_minor) FILTER (WHERE account <> '(revenue)'), lead.email
            FROM ledger_lines line
            JOIN current_bookings booking USING (workspace_id, booking_id)
            JOIN leads lead ON lead.lead_id = booking.lead_id
            WHERE model = 'linear' AND email IS NOT NULL
            GROUP BY 1, 2, 5 ORDER BY 3 DESC, count(*) DESC, 1 LIMIT 1
        """).fetchone() or ("", "", 0, 0, "@")
    told = json.loads(line.run("booking", "show", booking_id, "--workspace", workspace, "--json").stdout)
    assert [posting["seq"] for posting in told["postings"]] == list(range(1, postings + 1))
    assert told["booking"]["net_minor"] == credited
    assert told["differences"] == []
    assert [row["revision"] for row in told["revisions"]] == sorted({row["revision"] for row in told["revisions"]})
    assert {place["kind"] for place in told["path"] if "#" in place["account"]} - {None}, "touches are looked up"

    words = line.run("booking", "show", booking_id, "--model", "linear").stdout
    assert "Every posting balances" in words
    assert email not in words
    unknown = line.run("booking", "show", "no-such-booking", expect=2)
    assert "no booking no-such-booking" in unknown.stderr
    assert "not credited under" in line.run("booking", "show", booking_id, "--model", "position_u", expect=2).stderr


def test_changes_are_the_difference_between_what_was_known_then_and_then(finished: Finished) -> None:
    line = finished.line
    with psycopg.connect(**line.settings.postgres("admin")) as database:
        # The last instant at which the books learned something; what was learned at some others cancels out. A stage
        # that is behind hears of one tick only, so all may be known at once.
        ((middle,),) = database.execute("""
            SELECT known_at - interval '1 microsecond' FROM ledger_lines WHERE basis = 'net' AND account <> '(revenue)'
            GROUP BY known_at, model, channel, campaign_id, currency HAVING sum(amount_minor) <> 0
            ORDER BY 1 DESC LIMIT 1
        """).fetchall()
    ever = datetime.now(UTC)
    changes = json.loads(line.run("changes", "--known-since", f"{middle}", "--known-at", f"{ever}", "--json").stdout)
    reader = ClickHouse(**line.settings.clickhouse("reader"))
    then, now = (
        _credited(row for row in overview(reader, known_at=at)["revenue"] if row["basis"] == "net")
        for at in (middle, ever)
    )
    assert then != now
    now.subtract(then)
    assert _nonzero(now) == _nonzero(_credited(changes["channels"]))
    by = ("reason", "model", "currency")
    assert _nonzero(_credited(changes["channels"], *by)) == _nonzero(_credited(changes["reasons"], *by))
    books = {(row["workspace_id"], row["currency"]) for row in changes["movers"]}
    assert 0 < len(changes["movers"]) <= 10 * len(books)
    assert "What moved most" in line.run("changes", "--known-since", f"{middle}", "--model", "linear").stdout
    assert (
        "must lie before" in line.run("changes", "--known-since", f"{ever}", "--known-at", f"{middle}", expect=2).stderr
    )


def _credited(rows: Iterable[dict[str, Any]], *by: str) -> Counter[tuple[str, ...]]:
    """Sums of amounts by model, place and currency, or by other columns."""
    sums: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        key = by or ("model", "channel", "campaign_id", "currency")
        sums[tuple(row[name] or "" for name in key)] += row["amount_minor"]
    return sums


def _nonzero(sums: Counter[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    return {key: amount for key, amount in sums.items() if amount}


def test_more_workers_share_the_partitions_and_give_them_back(finished: Finished) -> None:
    line = finished.line
    with Backlog(line.settings) as backlog:
        assert len(backlog.ends(["journeys"])) == 3, "as many as were asked for"
    more = line.start("worker", "lead", "--slots", "2")
    _until(lambda: _owners(line.settings, "fineacers.lead") == 3, "three processes share the partitions of lead")
    again = simulate(Scenario(end=time.time_ns() // 1_000, days=30, events=1_000, seed=2, workspace="second"))
    publisher = Publisher(line.settings, "test")
    publisher.publish(Publication(one.topic, one.key, one.value) for one in again)
    publisher.flush()
    more.terminate()
    assert more.wait(30) == 0
    line.report()


def _owners(settings: Settings, group: str) -> int:
    """How many members of a consumer group own partitions."""
    admin = admin_client(settings, "test")
    described = admin.describe_consumer_groups([group])[group].result(20)
    return sum(bool(member.assignment.topic_partitions) for member in described.members)


def _until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"still not: {what}"
        time.sleep(0.2)
