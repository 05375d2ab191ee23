"""`fineacers approvals` on a real PostgreSQL and a real Kafka: who waits, a word, and who was first."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from schemas.codec import decode
from schemas.events.gate import ApprovalConcluded
from schemas.events.governance import ApprovalDecided
from schemas.ids import derived_id
from schemas.topics import TOPICS
from sinks.postgres.connection import Server
from sinks.postgres.sink import PostgresSink
from streams.cli import approvals
from streams.cli.audit import operator
from streams.kafka import admin_client
from streams.settings import Settings
from tests.chaos.counter import make
from tests.contract.test_sinks import no_refusal
from tests.kafka import read_all
from tests.support.facts import WORKSPACE, at
from tests.support.sinks import batch, log, own_postgres
from tests.support.stored import answered, approval, approval_id, asked, own, platform

LEAD = derived_id("lead of an approval")
Run = Callable[..., Result]


@pytest.fixture
def database(stack: Settings) -> Iterator[Server]:
    """One request that reviewers were told of, one that they were not, one that has ended."""
    with own_postgres(stack) as (owner, login):
        sink = PostgresSink(login)
        sink.open(log())
        values = [
            platform(approval(1, LEAD, occurred_at=at("3-1"))),
            platform(asked(1, LEAD)),
            platform(answered(1, LEAD, outcome="unknown", reason="no_answer")),
            platform(approval(2, LEAD, occurred_at=at("3-2"))),
            platform(approval(3, LEAD, occurred_at=at("3-3"))),
            platform(own(ApprovalConcluded, approval_id=approval_id(3), lead_id=LEAD, tier="standard",
                         reason="rejected", decided_by="ann", occurred_at=at("3-4"))),
        ]  # fmt: skip
        sink.prepare(batch(values), no_refusal)()
        sink.close()
        yield owner


@pytest.fixture
def run(stack: Settings, database: Server) -> Run:
    topic = TOPICS["approvals"]
    make(admin_client(stack, "test"), [(topic.name, topic.partitions, topic.config)])
    app = typer.Typer()
    app.add_typer(approvals.app, name="approvals")
    env = {
        "FINEACERS_STATE_DIR": str(stack.state_dir),
        "FINEACERS_POSTGRES_DATABASE": database.dbname,
        "COLUMNS": "250",
    }

    def runs(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(app, ["approvals", *arguments], input=stdin, env=env)

    return runs


def published(settings: Settings) -> list[Any]:
    records = read_all(settings, ["approvals"])
    return [decode(one.value).message for of_one in records.values() for one in of_one]


def noted(database: Server) -> list[tuple[Any, ...]]:
    with database.connect() as connection:
        return connection.execute(
            "SELECT who, command, event_id::text, reason, ids FROM audit_log ORDER BY entry"
        ).fetchall()


def concluded(database: Server, number: int, word: str, by: str, occurred_at: int) -> None:
    """What the sink writes when a request has ended."""
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO approval_conclusions (workspace_id, approval_id, region, lead_id, tier, reason, decided_by, "
            "occurred_at) VALUES (%s, %s, 'UAE', %s, 'standard', %s, %s, to_timestamp(%s::numeric / 1000000))",
            (WORKSPACE, approval_id(number), LEAD, word, by, occurred_at),
        )


def test_what_waits_is_listed_with_whether_reviewers_were_told(run: Run, database: Server) -> None:
    assert run("list").exit_code == 0 and noted(database) == []
    rows = json.loads(run("list", "--json").stdout)
    links = [row["approval_id"] for row in rows if "answer" in row]
    assert links and noted(database) == [
        (operator(), "approvals list --json", None, None, {"approvals": links})
    ]  # fmt: skip
    assert [(row["approval_id"], row["told"], row["told_by"]) for row in rows] == [
        (approval_id(1), "unknown", "acme-reviewers"),
        (approval_id(2), None, None),
    ]
    words = run("list", "--all").output
    for text in (LEAD, "nobody", "rejected by ann, 04 Mar 2026 00:00:00", "1,300,000.00 AED"):
        assert text in words
    assert "nothing waits" in run("list", "--workspace", "other").output


def test_a_word_is_agreed_to_noted_and_published_and_its_end_is_told(
    run: Run, stack: Settings, database: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(published(stack))
    refused = run("decide", approval_id(1), "approved", "--reason", "CASE-1", stdin="n\n")
    assert refused.exit_code == 1
    assert len(published(stack)) == before and noted(database) == []

    act = approvals.act

    def answered_at_once(command: str, said: Any, *rest: Any) -> None:
        act(command, said, *rest)
        concluded(database, 1, said.decision, said.decided_by, said.occurred_at)

    monkeypatch.setattr(approvals, "act", answered_at_once)
    done = run("decide", approval_id(1), "approved", "--reason", "CASE-1", stdin="y\n")
    assert done.exit_code == 0, done.output
    assert f"approved by {operator()}" in done.output
    (said,) = published(stack)[before:]
    assert isinstance(said, ApprovalDecided)
    assert (said.approval_id, said.lead_id, said.decision, said.decided_by, said.workspace_id) == (
        approval_id(1), LEAD, "approved", operator(), WORKSPACE
    )  # fmt: skip
    assert noted(database) == [
        (operator(), "approvals decide", said.event_id, "CASE-1",
         {"approvals": [approval_id(1)], "leads": [LEAD]})
    ]  # fmt: skip


def test_the_second_is_told_who_was_first(
    run: Run, stack: Settings, database: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = run("decide", approval_id(3), "approved", "--reason", "CASE-1", "--yes")
    assert late.exit_code == 1
    assert "rejected by ann, 04 Mar 2026 00:00:00; the first word stands" in late.output
    assert noted(database) == []

    act = approvals.act

    def overtaken(command: str, said: Any, *rest: Any) -> None:
        act(command, said, *rest)
        concluded(database, 2, "rejected", "ann", at("3-5"))

    monkeypatch.setattr(approvals, "act", overtaken)
    second = run("decide", approval_id(2), "approved", "--reason", "CASE-1", "--yes")
    assert second.exit_code == 1
    assert "somebody was faster: rejected by ann" in second.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nobody", "approved", "--reason", "r"], "no approval id"),
        ([derived_id("none"), "approved", "--reason", "r"], "no request"),
        ([approval_id(1), "approved", "--reason", " "], "--reason"),
        ([approval_id(1), "perhaps", "--reason", "r"], "perhaps"),
    ],
)
def test_what_cannot_be_done_says_why(run: Run, arguments: list[str], told: str) -> None:
    done = run("decide", *arguments)
    assert done.exit_code == 2
    assert told in done.output
