"""Facts come in by file and by line, and are looked at, on a real Kafka and a real PostgreSQL."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from typer.testing import CliRunner, Result

from schemas.codec import decode, encode
from schemas.events.bookings import BookingChanged
from schemas.events.operations import DeadLettered
from schemas.topics import TOPICS
from sinks.postgres.sink import PostgresSink
from streams.cli import dead_letters
from streams.cli.import_ import import_
from streams.cli.publish import publish
from streams.cli.tail import tail
from streams.kafka import client_config, consumer_config
from streams.settings import Settings
from streams.sources import publisher as publishing
from streams.sources.publisher import Publisher, PublishError
from streams.sources.refusals import Publication
from tests.support.sinks import batch, log, own_postgres

GOLDEN = Path(__file__).parents[1] / "golden" / "import_hotel_bookings" / "in.csv"
SECRET = "mrs.secret@example.com"

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def topics(stack: Settings) -> None:
    admin = AdminClient(client_config(stack, "test"))
    there = admin.list_topics(timeout=15).topics
    fresh = [NewTopic(name, t.partitions, 1, config=t.config) for name, t in TOPICS.items() if name not in there]
    for made in admin.create_topics(fresh).values() if fresh else ():
        made.result(30)


@pytest.fixture
def run(stack: Settings, topics: None) -> Run:
    app = typer.Typer()
    app.command("import")(import_)
    app.command()(publish)
    app.command()(tail)
    app.add_typer(dead_letters.app, name="dead-letters")

    def runs(*arguments: str, stdin: bytes = b"", **env: str) -> Result:
        return CliRunner().invoke(
            app, list(arguments), input=stdin, env={"FINEACERS_STATE_DIR": str(stack.state_dir), **env}
        )

    return runs


@pytest.fixture
def workspace() -> str:
    return f"doors-{secrets.token_hex(4)}"


def _records(settings: Settings, topic: str, workspace: str) -> list[tuple[str, bytes]]:
    """Key and value of the workspace's records in a topic, up to its end now."""
    consumer = Consumer(consumer_config(settings, "test", f"test-{secrets.token_hex(4)}"))
    found = []
    try:
        for partition in range(TOPICS[topic].partitions):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=15)
            consumer.assign([TopicPartition(topic, partition, low)])
            while low < high:
                record = consumer.poll(15)
                assert record is not None
                assert record.error() is None
                low = (record.offset() or 0) + 1
                key, value = record.key(), record.value()
                assert isinstance(key, bytes)
                assert isinstance(value, bytes)
                if decode(value).message.__dict__["workspace_id"] == workspace:
                    found.append((key.decode(), value))
    finally:
        consumer.close()
    return found


def test_a_file_becomes_facts_and_dead_letters_and_again_the_same(run: Run, stack: Settings, workspace: str) -> None:
    done = run("import", "hotel_bookings", str(GOLDEN), "--workspace", workspace, "--json")
    assert done.exit_code == 1, done.output
    told = json.loads(done.stdout)
    assert (told["rows"], told["complete"], told["facts"]) == (16, True, {"bookings": 14})
    assert sum(told["dead_letters"].values()) == 9
    facts = _records(stack, "bookings", workspace)
    assert len(facts) == 14
    for key, value in facts:
        booking = decode(value).message
        assert isinstance(booking, BookingChanged)
        assert key == f"{workspace}/{booking.booking_id}"
    letters = [decode(value).message for _, value in _records(stack, "dead.letters", workspace)]
    assert sorted(letter.__dict__["offset"] for letter in letters) == list(range(7, 16))
    assert {(letter.__dict__["topic"], letter.__dict__["partition"]) for letter in letters} == {("file:in.csv", 0)}

    assert run("import", "hotel_bookings", str(GOLDEN), "--workspace", workspace).exit_code == 1
    again = _records(stack, "bookings", workspace)
    assert sorted(again) == sorted(facts * 2)
    repeated = [decode(value).message for _, value in _records(stack, "dead.letters", workspace)]
    assert {letter.__dict__["event_id"] for letter in repeated} == {letter.__dict__["event_id"] for letter in letters}


def test_a_file_without_a_bad_row_ends_with_success(run: Run, workspace: str, tmp_path: Path) -> None:
    lines = GOLDEN.read_text().splitlines()[:4]
    (tmp_path / "good.csv").write_text("\n".join(lines))
    done = run("import", "hotel_bookings", str(tmp_path / "good.csv"), "--workspace", workspace)
    assert done.exit_code == 0, done.output
    assert "facts in bookings  6" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["hotel_bookings", "none.csv"], "No such file"),
        (["hotel_bookings", str(Path(__file__))], "missing columns"),
        (["hotels", str(GOLDEN)], "known are hotel_bookings"),
        (["hotel_bookings", str(GOLDEN), str(GOLDEN)], "give one file"),
        (["hotel_bookings", str(GOLDEN), "--workspace", "No Such"], "--workspace"),
    ],
)
def test_what_cannot_be_imported_says_why_and_fails(run: Run, arguments: list[str], told: str) -> None:
    done = run("import", *arguments)
    assert done.exit_code == 2
    assert told in done.stderr


def _spend(workspace: str, **change: Any) -> dict[str, Any]:
    return {
        "type": "SpendReported", "event_id": "3f2b8c1e-0000-4000-8000-000000000001", "workspace_id": workspace,
        "region": "UAE", "occurred_at": "2026-01-31T20:00:00Z", "source": "ads", "campaign_id": "c1",
        "channel": "search", "day": "2026-01-31", "revision": 1, "amount_minor": 125_000, "currency": "AED",
    } | change  # fmt: skip


def _lines(*values: Any) -> bytes:
    return b"".join(value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n" for value in values)


def test_lines_become_facts_and_bad_ones_dead_letters(run: Run, stack: Settings, workspace: str) -> None:
    lines = _lines(
        _spend(workspace),
        b"\n",
        _spend(workspace, region="MARS"),
        _spend(workspace, currency="DOGE"),
        _spend(workspace, occurred_at=SECRET),
        {name: value for name, value in _spend(workspace).items() if name != "event_id"},
        {"type": "LeadCaptured", "event_id": "3f2b8c1e-0000-4000-8000-000000000003", "workspace_id": workspace,
         "region": "UAE", "occurred_at": "2026-01-31T20:00:00Z", "source": "s", "channel": "web"},
        b"not JSON\n",
        _spend(workspace, event_id="3f2b8c1e-0000-4000-8000-000000000002", revision=2),
    )  # fmt: skip
    done = run("publish", "spend", "--json", stdin=lines)
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["facts"] == 2
    reasons = {3: "unknown_region", 4: "unknown_currency", 5: "bad_instant", 6: "missing_field", 7: "wrong_topic"}
    for number, reason in {**reasons, 8: "bad_json"}.items():
        assert f"line {number}: {reason}" in done.stderr
    assert SECRET not in done.output
    assert [decode(value).message.__dict__["revision"] for _, value in _records(stack, "spend", workspace)] == [1, 2]
    letters = [decode(value).message.__dict__ for _, value in _records(stack, "dead.letters", workspace)]
    assert {letter["offset"]: letter["reason"] for letter in letters} == reasons
    assert {letter["topic"] for letter in letters} == {"stdin"}
    assert [letter["region"] for letter in letters] == [None, "UAE", "UAE", "UAE", "UAE"]


def test_good_lines_end_with_success(run: Run, workspace: str) -> None:
    done = run("publish", "spend", stdin=_lines(_spend(workspace)))
    assert (done.exit_code, done.stdout) == (0, "1 facts in spend, 0 dead letters\n")


@pytest.mark.parametrize("topic", ["lead.scores", "resolve.inbox", "accepted.leads", "dead.letters", "nothing"])
def test_what_the_platform_writes_nobody_else_may(run: Run, topic: str) -> None:
    done = run("publish", topic, stdin=b"{}\n")
    assert done.exit_code == 2
    assert "facts are published to leads" in done.stderr


def test_without_kafka_the_commands_say_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "_ANSWER_SECONDS", 1)
    nowhere = {"FINEACERS_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    done = run("publish", "spend", stdin=b"{}\n", **nowhere)
    assert done.exit_code == 2
    assert "127.0.0.1:1 does not answer" in done.stderr


def test_a_record_that_kafka_refuses_is_told_by_topic_and_number(stack: Settings, topics: None) -> None:
    publisher = Publisher(stack, "test")
    publisher.publish([Publication("spend", "w/1", b"x" * 3_000_000)])  # more than the topic takes
    with pytest.raises(PublishError, match=r"did not take 1 records: spend: 1 \(.*\)"):
        publisher.flush()


def test_a_topic_that_is_not_there_is_named(stack: Settings, topics: None) -> None:
    with pytest.raises(PublishError, match=r"no topic nowhere .*fineacers migrate"):
        Publisher(stack, "test").need(["spend", "nowhere"])


def test_tail_shows_records_with_personal_values_masked(run: Run, workspace: str) -> None:
    message = {
        "type": "MessageReceived", "event_id": "3f2b8c1e-0000-4000-8000-00000000000a", "workspace_id": workspace,
        "region": "UAE", "occurred_at": "2026-01-31T20:00:00Z", "source": "web", "message_id": "m1",
        "channel": "email", "email": SECRET, "text": f"It is me, {SECRET}",
    }  # fmt: skip
    assert run("publish", "messages", stdin=_lines(message)).exit_code == 0
    event = _tailed(run, "messages", workspace)
    assert (event["type"], event["message_id"]) == ("MessageReceived", "m1")
    assert (event["email"], event["text"], event["phone"]) == ("<email>", "<free_text>", None)


def test_what_cannot_be_noted_is_not_revealed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FINEACERS_POSTGRES_ADMIN_PASSWORD", "wrong")
    done = run("tail", "messages", "--from-beginning", "--limit", "1", "--reveal")
    assert done.exit_code == 2 and "PostgreSQL" in done.stderr and not done.stdout


def _tailed(run: Run, topic: str, workspace: str, *options: str) -> dict[str, Any]:
    """The one event of the workspace in a topic of few records, as shown."""
    for limit in range(1, 100):
        done = run("tail", topic, "--from-beginning", "--limit", str(limit), "--json", *options)
        for line in done.stdout.splitlines():
            event: dict[str, Any] = json.loads(line).get("event", {})
            if event.get("workspace_id") == workspace:
                return event
    raise AssertionError("not there")


def test_tail_refuses_an_unknown_topic(run: Run) -> None:
    assert run("tail", "nothing").exit_code == 2


# -- dead letters, as an operator looks at them


@pytest.fixture(scope="module")
def database(stack: Settings) -> Iterator[str]:
    """A database with one dead letter of each kind of original."""
    with own_postgres(stack) as (owner, login):
        sink = PostgresSink(login)
        sink.open(log())
        sink.prepare(batch(("dead.letters", encode(letter)) for letter in _letters()), _no_refusal)()
        sink.close()
        yield owner.dbname


def _no_refusal(record: Any, reason: str, detail: str) -> None:
    raise AssertionError(f"{reason} {detail}")


def _letters() -> Iterator[DeadLettered]:
    lead = {"type": "LeadCaptured", "workspace_id": "acme", "email": SECRET, "channel": "web", "salary": SECRET}
    booking = encode(
        BookingChanged.build(
            event_id="3f2b8c1e-0000-4000-8000-00000000000b", workspace_id="acme", region="EUR", occurred_at=10**15,
            source="pms", booking_id="b-77", revision=1, status="booked", amount_minor=-1, currency="EUR", email=SECRET,
        )
    )  # fmt: skip
    originals = [
        ("bookings", "bad_amount", booking),
        ("bookings", "truncated", booking[:-9]),
        ("bookings", "bad_magic", b"\x07" + SECRET.encode()),
        ("stdin", "missing_field", json.dumps(lead).encode()),
        ("file:leads.csv", "bad_value", f"1,{SECRET},x\n".encode()),
        ("file:leads.csv", "invalid_utf8", b"\xff" + SECRET.encode()),
    ]
    for number, (topic, reason, original) in enumerate(originals):
        yield DeadLettered.build(
            event_id=f"3f2b8c1e-0000-4000-8000-0000000000c{number}", workspace_id="acme", region="EUR",
            occurred_at=10**15 + number, source="intake", stage="intake", reason=reason, detail=f"told {number}",
            topic=topic, partition=0, offset=number, arrived_at=10**15 + number, original=original,
        )  # fmt: skip


def test_dead_letters_are_listed_by_reason_and_topic(run: Run, database: str) -> None:
    where = {"FINEACERS_POSTGRES_DATABASE": database}
    every = json.loads(run("dead-letters", "list", "--json", **where).stdout)
    assert [letter["offset"] for letter in every] == [5, 4, 3, 2, 1, 0]
    some = run("dead-letters", "list", "--topic", "bookings", "--reason", "bad_magic", "--json", **where)
    assert [letter["offset"] for letter in json.loads(some.stdout)] == [2]
    table = run("dead-letters", "list", "--limit", "2", **where)
    assert table.exit_code == 0
    assert "2 of 6" in table.stdout
    assert "original" not in every[0]


@pytest.mark.parametrize(
    ("which", "shown"),
    [
        ("bookings:0:0", ['"booking_id": "b-77"', '"amount_minor": -1', '"email": "<email>"', "higher revision"]),
        ("bookings:0:1", ['"event_id": "3f2b8c1e', '"email": "<email>"', "readable up to here", "wire format"]),
        ("bookings:0:2", ["07 6d 72 73 2e", "masked: --reveal"]),
        ("stdin:0:3", ['"channel": "web"', '"email": "<email>"', '"salary": "<masked>"', "required field"]),
        ("file:leads.csv:0:4", ["a line of", "masked: --reveal", "import the file again"]),
        ("3f2b8c1e-0000-4000-8000-0000000000c5", ["file:leads.csv:0:5", "masked: --reveal"]),
    ],
)
def test_a_dead_letter_is_explained_without_personal_values(
    run: Run, database: str, which: str, shown: list[str]
) -> None:
    where = {"FINEACERS_POSTGRES_DATABASE": database}
    done = run("dead-letters", "show", which, **where)
    assert done.exit_code == 0, done.output
    for text in shown:
        assert text in done.stdout
    assert SECRET not in done.stdout
    assert "told" in done.stdout

    revealed = run("dead-letters", "show", which, "--reveal", **where)
    assert "secret@exam" in revealed.stdout.replace("\n", "")[:100_000] or "73 65 63 72 65 74" in revealed.stdout
    as_json = json.loads(run("dead-letters", "show", which, "--json", **where).stdout)
    assert as_json[0]["remedy"]
    assert SECRET not in json.dumps(as_json)


@pytest.mark.parametrize("which", ["bookings:0:99", "somewhere", "3f2b8c1e-0000-4000-8000-0000000000ff"])
def test_a_dead_letter_that_is_not_there_is_told(run: Run, database: str, which: str) -> None:
    done = run("dead-letters", "show", which, FINEACERS_POSTGRES_DATABASE=database)
    assert done.exit_code == 2
    assert which in done.stderr


def test_before_the_tables_are_there_the_command_to_run_is_named(run: Run) -> None:
    done = run("dead-letters", "list", FINEACERS_POSTGRES_DATABASE="postgres")
    assert done.exit_code == 2
    assert "fineacers migrate" in done.stderr
