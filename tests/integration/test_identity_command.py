"""`fineacers identity` and what `lead show` says of it, on a real PostgreSQL and a real Kafka."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from typer.testing import CliRunner, Result

from models.identity import hashes
from schemas.codec import decode
from schemas.events.base import DAY
from schemas.events.bookings import BookingChanged
from schemas.events.governance import (
    ErasureRequested,
    IdentitiesLinked,
    IdentitiesSplit,
    IdentitySweepOrdered,
    PolicyChanged,
)
from schemas.events.identity import IdentifierBound, IdentifierHash
from schemas.events.profiles import LeadProfiled
from schemas.ids import derived_id
from schemas.topics import TOPICS
from sinks.delivery import Record
from sinks.postgres.connection import Server
from sinks.postgres.sink import PostgresSink
from streams.cli import identity, lead
from streams.cli.audit import operator
from streams.kafka import client_config, consumer_config
from streams.settings import Settings, identity_key
from tests.support.facts import WORKSPACE, at, fact
from tests.support.sinks import batch, log, own_postgres
from tests.support.stored import (
    PEOPLE,
    accepted,
    approval,
    consent,
    decided,
    identities,
    own,
    platform,
    sighted,
    together,
)

ADA, DAN = "ada.secret@example.com", "+971501234567"
PROOF = "ticked the box at the fair"
NOBODY = "00000000-0000-4000-8000-000000000001"
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def keys(stack: Settings) -> dict[str, str]:
    """Hash of each identifier, and so the name of the lead that it founded."""
    key = identity_key(stack)
    raw = {"email": ADA, "phone": DAN, "crm_id": "C-17"}
    return {kind: next(iter(hashes(key, WORKSPACE, "UAE", {kind: value}.get))) for kind, value in raw.items()}


@pytest.fixture(scope="module")
def database(stack: Settings, keys: dict[str, str]) -> Iterator[Server]:
    """The people of ``identities``, and three leads whose identifiers' values are known here."""
    values = identities()
    for kind, region, lead_id in (
        ("email", "UAE", keys["email"]), ("phone", "UAE", keys["phone"]), ("crm_id", "IND", keys["crm_id"]),
    ):  # fmt: skip
        hashed = [IdentifierHash.build(kind=kind, hash=lead_id)]
        values += [
            platform(own(IdentifierBound, identifier=lead_id, kind=kind, lead_id=lead_id, since=0, version=0,
                         why="first", region=region)),
            platform(own(LeadProfiled, lead_id=lead_id, version=1, identifiers=hashed, region=region, email=ADA)),
        ]  # fmt: skip
    values += [
        platform(decided(1, PEOPLE.cal, seq=1, decision="allow", reason="allowed", not_after=at("3-2 14:00"), cap=1,
                         cap_span=7 * DAY, used_after=1, contact_point=PEOPLE.cal)),
        platform(decided(2, PEOPLE.ada, seq=1, decision="hold", reason="quiet_hours", next_at=at("3-5 5:00"),
                         occurred_at=at("3-5"), contact_point=None)),
        accepted(consent(1, occurred_at="3-1", email=ADA, evidence=PROOF), 0, PEOPLE.ada, PEOPLE.ada),
        platform(approval(1, PEOPLE.ada)),
    ]  # fmt: skip
    second, few = derived_id("identifier", "second"), '{"identity_limits": [["email", 1]]}'
    values += [
        platform(own(IdentifierBound, identifier=second, kind="email", lead_id=keys["email"], since=0, version=1,
                     why="merged")),
        platform(own(IdentifierBound, identifier=FRESH, kind="cookie_id", lead_id=FRESH, since=0, version=0,
                     why="first")),
        *(platform(sighted(one, kind, day)) for one, kind, day in (
            (keys["email"], "email", "3-1"), (keys["crm_id"], "crm_id", "3-2"), (second, "email", "3-3"))),
        platform(together("3-3", (keys["email"], "email"), (second, "email"))),
        accepted(fact(PolicyChanged, occurred_at="3-3", version=1, applies_from=0, document=few)),
        accepted(fact(PolicyChanged, occurred_at="3-3", version=2, applies_from=2**52, document="{}"), 1),
    ]  # fmt: skip
    booking = {"revision": 1, "status": "booked", "amount_minor": 123_400, "currency": "AED"}
    values.append(accepted(fact(BookingChanged, occurred_at="3-2", booking_id="hers", **booking), 2, keys["email"]))
    with own_postgres(stack) as (owner, login):
        sink = PostgresSink(login)
        sink.open(log())
        sink.prepare(batch(value for value in values if value[0] in sink.topics), _no_refusal)()
        sink.close()
        yield owner


def _no_refusal(record: Record, reason: str, detail: str) -> None:
    raise AssertionError(f"refused {record.topic}:{record.offset}: {reason} {detail}")


@pytest.fixture(scope="module")
def topics(stack: Settings) -> None:
    admin = AdminClient(client_config(stack, "test"))
    there = admin.list_topics(timeout=15).topics
    for topic in (TOPICS[name] for name in ("identities", "policies") if name not in there):
        for made in admin.create_topics([NewTopic(topic.name, topic.partitions, 1, config=topic.config)]).values():
            made.result(30)


@pytest.fixture
def run(stack: Settings, topics: None, database: Server) -> Run:
    app = typer.Typer()
    app.add_typer(identity.app, name="identity")
    app.add_typer(lead.app, name="lead")
    env = {
        "FINEACERS_STATE_DIR": str(stack.state_dir), "FINEACERS_POSTGRES_DATABASE": database.dbname, "COLUMNS": "250",
    }  # fmt: skip

    def runs(*arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(app, list(arguments), input=stdin, env=env)

    return runs


def published(settings: Settings, topic: str = "identities") -> list[Any]:
    """All facts about identities, or of another topic of one partition."""
    consumer = Consumer(consumer_config(settings, "test", f"test-{secrets.token_hex(4)}"))
    found = []
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=15)
        consumer.assign([TopicPartition(topic, 0, low)])
        for _ in range(low, high):
            record = consumer.poll(15)
            assert record is not None
            value = record.value()
            assert isinstance(value, bytes)
            found.append(decode(value).message)
    finally:
        consumer.close()
    return found


def noted(database: Server) -> list[tuple[Any, ...]]:
    """The audit log."""
    with database.connect() as connection:
        return connection.execute(
            "SELECT who, command, workspace_id, event_id::text, reason, ids FROM audit_log ORDER BY entry"
        ).fetchall()


FRESH = derived_id("identifier", "fresh")
"""An identifier and the lead named after it, of whom no more is stored yet."""
SAY = ("--workspace", WORKSPACE, "--region", "UAE", "--reason", "CASE-1")


def test_a_link_is_previewed_agreed_to_noted_and_published(
    run: Run, stack: Settings, database: Server, keys: dict[str, str]
) -> None:
    before, log_before = published(stack), noted(database)
    asked = run("identity", "link", *SAY, "email=-", "phone=-", stdin=f"{ADA}\n{DAN}\nn\n")
    assert asked.exit_code == 1, asked.output
    for text in (
        "2 leads become one", "3 identifiers and 1 bookings", keys["email"], keys["phone"], "1,234.00 AED",
        "nothing was published",
    ):  # fmt: skip
        assert text in asked.output
    assert (published(stack), noted(database)) == (before, log_before)

    done = run("identity", "link", *SAY, "email=-", "phone=-", stdin=f"{ADA}\n{DAN}\ny\n")
    assert done.exit_code == 0, done.output
    assert ADA not in done.output and DAN not in done.output
    (event,) = published(stack)[len(before) :]
    assert isinstance(event, IdentitiesLinked)
    assert (event.source, event.workspace_id, event.region, event.transfer_basis) == (
        "operator",
        WORKSPACE,
        "UAE",
        None,
    )
    assert [(one.kind, one.value) for one in event.identifiers] == [("email", ADA), ("phone", DAN)]
    assert noted(database)[len(log_before) :] == [
        (operator(), "identity link", WORKSPACE, event.event_id, "CASE-1",
         {"identifiers": [keys["email"], keys["phone"]], "leads": sorted([keys["email"], keys["phone"]])})
    ]  # fmt: skip
    assert "linked" in run("identity", "show", keys["email"]).output


def test_a_split_is_previewed_noted_and_published(
    run: Run, stack: Settings, database: Server, keys: dict[str, str]
) -> None:
    done = run("identity", "split", *SAY, "--take", f"phone={DAN}", "--keep", "email=-", "--yes", stdin=f"{ADA}\n")
    assert done.exit_code == 0, done.output
    assert "No lead holds both sides now" in done.output
    event = published(stack)[-1]
    assert isinstance(event, IdentitiesSplit)
    assert ([one.value for one in event.take], [one.value for one in event.keep]) == ([DAN], [ADA])
    assert noted(database)[-1][1:] == (
        "identity split", WORKSPACE, event.event_id, "CASE-1",
        {"take": [keys["phone"]], "keep": [keys["email"]], "leads": sorted([keys["email"], keys["phone"]])},
    )  # fmt: skip


def test_an_erasure_is_previewed_noted_and_published(
    run: Run, stack: Settings, database: Server, keys: dict[str, str]
) -> None:
    before = published(stack)
    asked = run("identity", "erase", *SAY, "email=-", stdin=f"{ADA}\nn\n")
    assert asked.exit_code == 1, asked.output
    assert "cannot be undone" in asked.output
    assert ADA not in asked.output
    assert published(stack) == before
    done = run("identity", "erase", *SAY, "email=-", "--yes", stdin=f"{ADA}\n")
    assert done.exit_code == 0, done.output
    event = published(stack)[-1]
    assert isinstance(event, ErasureRequested)
    assert ([(one.kind, one.value) for one in event.identifiers], event.reason) == ([("email", ADA)], "person_asked")
    assert noted(database)[-1][1:] == (
        "identity erase", WORKSPACE, event.event_id, "CASE-1", {"erased": [keys["email"]], "leads": [keys["email"]]},
    )  # fmt: skip


def test_home_regions_are_joined_on_a_legal_basis_only(run: Run, stack: Settings) -> None:
    refused = run("identity", "link", *SAY, f"email={ADA}", "crm_id=C-17", "--yes")
    assert refused.exit_code == 2
    assert "different home regions (IND, UAE)" in refused.output
    assert "--transfer-basis" in refused.output
    done = run("identity", "link", *SAY, f"email={ADA}", "crm_id=C-17", "--transfer-basis", "consent", "--yes")
    assert done.exit_code == 0, done.output
    assert published(stack)[-1].transfer_basis == "consent"


def test_a_sweep_is_previewed_and_ordered_only_with_a_reason(
    run: Run, stack: Settings, database: Server, keys: dict[str, str]
) -> None:
    before, second = noted(database), derived_id("identifier", "second")
    shown = run("identity", "sweep", "--workspace", WORKSPACE)
    assert shown.exit_code == 0, shown.output
    words = " ".join(shown.output.split())
    one, other = sorted((keys["email"], second))  # the key that hashes are made with is another in each run
    assert f"split {keys['email']} (2) {one} (1) 2 1 1,234.00 AED {other} (1)" in words
    assert "By policy version 1 1 leads become 2; they hold 1 bookings, net 1,234.00 AED." in words
    (change,) = json.loads(run("identity", "sweep", "--workspace", WORKSPACE, "--json").stdout)["changes"]
    assert (change["what"], change["after"], change["worth"]) == (
        "split", {keys["email"]: 1, second: 1}, {"AED": 123_400},
    )  # fmt: skip
    assert run("identity", "sweep", "--workspace", WORKSPACE, "--reason", "CASE-9").exit_code == 2, "nobody to ask"
    assert (noted(database), published(stack, "policies")) == (before, [])

    done = run("identity", "sweep", "--workspace", WORKSPACE, "--reason", "CASE-9", "--yes")
    assert done.exit_code == 0, done.output
    (order,) = published(stack, "policies")
    assert isinstance(order, IdentitySweepOrdered)
    assert (order.workspace_id, order.region, order.version, order.source) == (WORKSPACE, "UAE", 1, "operator")
    assert noted(database)[len(before) :] == [
        (operator(), "identity sweep", WORKSPACE, order.event_id, "CASE-9", {"leads": [keys["email"]]})
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["link", *SAY, "email=a@b.c"], "at least two"),
        (["link", *SAY, "email=a@b.c", "cookie_id=c"], "cookie_id is weak"),
        (["link", *SAY, "email=a@b.c", "mail=x"], "mail is no kind"),
        (["split", *SAY, "--take", "email=a@b.c", "--keep", "email=A@b.c"], "taken and kept"),
        (["link", *SAY[:4], "--reason", "it is ada@b.co", "email=ada@b.co", "crm_id=1"], "name nobody"),
        (["link", "--workspace", "acme", "--region", "MARS", "--reason", "r", "email=a@b.c", "crm_id=1"], "UAE"),
        (["link", "--workspace", "No Such", *SAY[2:], "email=a@b.c", "crm_id=1"], "workspace_id"),
        (["link", *SAY, "email=a@b.c", "crm_id=1"], "add --yes"),
        (["sweep", "--workspace", "nowhere"], "no policy of workspace nowhere"),
        (["sweep", "--workspace", WORKSPACE, "--reason", " "], "--reason"),
        (["show", "nobody"], "no lead id"),
        (["show", NOBODY], f"no lead {NOBODY}"),
        (["show", NOBODY, "--picture", "lead.gif"], ".png or .svg"),
    ],
)
def test_what_cannot_be_done_says_why_and_changes_nothing(
    run: Run, stack: Settings, database: Server, arguments: list[str], told: str
) -> None:
    before = published(stack), noted(database)
    done = run("identity", *arguments)
    assert done.exit_code == 2, done.output
    assert told in done.output
    assert (published(stack), noted(database)) == before


def test_a_lead_is_shown_with_what_it_holds_and_how_each_came(run: Run, tmp_path: Path) -> None:
    shown = json.loads(run("identity", "show", PEOPLE.ada, "--json").stdout)
    assert shown["lives_on_in"] == []
    assert {one["identifier"]: one["why"] for one in shown["identifiers"]} == {
        PEOPLE.ada: "first", PEOPLE.cal: "merged", PEOPLE.cookie: "login",
    }  # fmt: skip
    (cookie,) = (one for one in shown["identifiers"] if one["kind"] == "cookie_id")
    assert cookie["until"] == "2026-03-05T00:00:00+00:00", "then Ben's"
    assert shown["origins"][PEOPLE.cal]["lead_id"] == PEOPLE.cal
    assert [(row["change"], row["decision"]) for row in shown["changes"]] == [("merged", "d1"), ("split", "d2")]
    assert [row["conflict_id"] for row in shown["conflicts"]] == [PEOPLE.unclear]
    assert [row["booking_id"] for row in shown["bookings"]] == ["moved"]
    assert [(row["fact_id"], row["fact_topic"]) for row in shown["links"]] == [(derived_id("fact", "3-3"), "leads")]
    assert [row["says"] for row in shown["statements"]] == ["linked", "split"]
    drawn = tmp_path / "ada.svg"
    words = run("identity", "show", PEOPLE.ada, "--picture", str(drawn)).output
    for text in (
        "Named together by a fact",
        "Said on purpose",
        "leads became one",
        "took in",
        "gave a part to",
        "transfer basis",
        "moved",
    ):
        assert text in words
    assert drawn.read_text().startswith("<?xml")
    assert f"leads {derived_id('fact', '3-3')[:8]}" in drawn.read_text()


def test_a_lead_merged_away_names_the_one_that_it_lives_on_in(run: Run, tmp_path: Path) -> None:
    shown = json.loads(run("identity", "show", PEOPLE.cal, "--json").stdout)
    assert (shown["lives_on_in"], shown["identifiers"], shown["bookings"]) == ([PEOPLE.ada], [], [])
    for command in ("identity", "lead"):
        assert f"lives on in {PEOPLE.ada}" in run(command, "show", PEOPLE.cal).output
    undrawn = run("identity", "show", PEOPLE.cal, "--picture", str(tmp_path / "cal.png"))
    assert undrawn.exit_code == 2
    assert PEOPLE.ada in undrawn.output


def test_a_lead_is_shown_with_why_it_may_be_contacted(run: Run) -> None:
    words = " ".join(run("lead", "show", PEOPLE.ada).output.split())
    for text in (
        "Allowed on WhatsApp until 2026-03-02 18:00 Asia/Dubai (1 of 1 in 7 days used)",
        "Receipt of 05 Mar 2026 00:00:00: Held on WhatsApp: quiet hours until 2026-03-05 09:00 Asia/Dubai",
        "quiet_hours hold quiet_hours 05 Mar 2026 05:00:00",
        "given consent UAE held",
        "1,300,000.00 AED 30,000,000.00",
    ):
        assert text in words
    known = json.loads(run("lead", "show", PEOPLE.ada, "--json").stdout)
    assert [row["message_id"] for row in known["decisions"]] == ["m1", "m2"]
    assert [check["check"] for check in known["decisions"][1]["checks"]] == ["consent", "quiet_hours"]
    assert [row["contact_point"] for row in known["consents"]] == [PEOPLE.ada]
    assert [row["value_inr_minor"] for row in known["open approvals"]] == [3_000_000_000]
    assert PROOF not in words + json.dumps(known)


def test_a_lead_is_shown_as_soon_as_it_has_an_identifier_and_with_those_of_today(run: Run) -> None:
    fresh, ada = (json.loads(run("lead", "show", one, "--json").stdout)["identifiers"] for one in (FRESH, PEOPLE.ada))
    assert fresh == [{"kind": "cookie_id", "identifier": FRESH}]
    assert {one["identifier"] for one in ada} == {PEOPLE.ada, PEOPLE.cal}, "the cookie is Ben's now"
    assert FRESH in run("lead", "show", FRESH).output
    assert run("lead", "show", derived_id("identifier", "nobody's")).exit_code == 2


def test_a_lead_is_shown_with_its_open_conflicts_and_revealed_only_with_a_note(
    run: Run, database: Server, keys: dict[str, str]
) -> None:
    shown = run("lead", "show", PEOPLE.ben).output
    assert "Open conflicts" in shown
    assert "lives on" not in shown
    before = noted(database)
    assert ADA not in run("lead", "show", keys["email"]).output
    assert noted(database) == before
    assert ADA in run("lead", "show", keys["email"], "--reveal").output
    assert noted(database)[len(before) :] == [
        (operator(), "lead show --reveal", None, None, None, {"leads": [keys["email"]]})
    ]
