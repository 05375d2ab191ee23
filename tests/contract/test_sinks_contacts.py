"""Decisions on contact, consents and approvals as people find them in both stores."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from schemas.codec import encode, forward
from schemas.events.base import DAY, HOUR
from schemas.events.effects import LeadReplied
from schemas.events.gate import ApprovalConcluded
from schemas.events.identity import IdentifierBound, IdentifierHash
from schemas.events.profiles import LeadProfiled
from schemas.events.routing import Accepted
from schemas.ids import derived_id
from sinks.base import Sink
from sinks.clickhouse import queries as clickhouse_queries
from sinks.clickhouse.client import Client
from sinks.clickhouse.sink import ClickHouseSink
from sinks.postgres import queries as postgres_queries
from sinks.postgres.connection import Server
from sinks.postgres.sink import PostgresSink
from streams.cli.contacts import contacts
from streams.report.tables import plain
from streams.settings import Settings
from tests.contract.test_sinks import no_refusal, of_topics
from tests.support.facts import WORKSPACE, at
from tests.support.sinks import batch, log, own_clickhouse, own_postgres
from tests.support.stored import answered, approval, approval_id, asked, consent, decided, own, platform

ADA, CAL, PHONE, EMAIL = (derived_id("contact", name) for name in ("ada", "cal", "phone", "email"))
MERGED_AT = at("3-4")

Ask = Callable[[str], list[tuple[Any, ...]]]


def consented(number: int, kinds: dict[str, str], **fields: Any) -> tuple[str, bytes]:
    """A change of consent, accepted for Ada, with identifiers of these kinds."""
    event = consent(number, occurred_at=at("3-1") + number, email="ada@example.com", **fields)
    prefix = Accepted.build(
        arrived_at=at("3-2"), topic="consents", partition=0, offset=number, lead_id=ADA, identifier=EMAIL,
        identifiers=[IdentifierHash.build(kind=kind, hash=hash_) for kind, hash_ in kinds.items()], seq=1, ver=1,
    )  # fmt: skip
    return "accepted.consents", forward(prefix, encode(event))


def values() -> list[tuple[str, bytes]]:
    """Cal, whom the phone was of, becomes Ada; messages of every outcome; two approvals, one of which ended."""
    week = {"cap_span": 7 * DAY}
    email = {"channel": "email", "contact_point": EMAIL}
    bound = {"kind": "email", "why": "first", "since": 0}
    names = [IdentifierHash.build(kind="email", hash=ADA)]
    return [
        platform(own(IdentifierBound, identifier=ADA, lead_id=ADA, version=0, **bound)),
        platform(own(IdentifierBound, identifier=EMAIL, lead_id=ADA, version=0, **bound)),
        platform(own(IdentifierBound, identifier=CAL, lead_id=CAL, version=0, **bound)),
        platform(own(IdentifierBound, identifier=CAL, lead_id=ADA, version=1, **bound | {"why": "merged"})),
        platform(own(IdentifierBound, identifier=PHONE, lead_id=ADA, version=1, **bound | {"kind": "phone"})),
        platform(own(LeadProfiled, lead_id=ADA, version=1, identifiers=names)),
        platform(decided(1, CAL, seq=1, decision="hold", reason="quiet_hours", next_at=at("3-2 5:00"),
                         contact_point=PHONE, occurred_at=at("3-1 20:00"))),
        platform(decided(1, CAL, seq=2, decision="allow", reason="allowed", not_after=at("3-2 14:00"), cap=1,
                         used_after=1, contact_point=PHONE, occurred_at=at("3-2 5:00"), **week)),
        platform(decided(2, ADA, seq=1, decision="deny", reason="cap", cap=2, used_before=2, used_after=2,
                         next_at=at("3-5 6:30"), occurred_at=at("3-3"), **email, **week)),
        platform(decided(3, CAL, seq=1, decision="hold", reason="quiet_hours", next_at=at("3-4 5:00"),
                         contact_point=None, occurred_at=at("3-3"))),
        platform(decided(4, ADA, seq=1, decision="deny", reason="no_consent", occurred_at=at("3-3 1:00"), cap=2,
                         used_before=2, **email, **week)),
        platform(decided(5, None, seq=1, decision="deny", reason="cap", cap=3, used_before=3, channel="social",
                         account_id="page", time_zones=[], zone_source=None, cap_span=36 * HOUR)),
        platform(decided(6, ADA, seq=1, decision="hold", reason="no_zone", time_zones=["Etc/Unknown", "Asia/Dubai"],
                         next_at=at("3-4 5:00"), occurred_at=at("3-3 2:00"))),
        consented(1, {"email": EMAIL}),
        consented(2, {"email": EMAIL, "phone": PHONE}, channel="whatsapp", jurisdiction="EUR"),
        consented(3, {"email": EMAIL}, channel="sms", granted=False, evidence=None),
        platform(own(ApprovalConcluded, approval_id=approval_id(1), lead_id=CAL, tier="standard", reason="no_answer",
                     occurred_at=at("3-2"))),
        platform(approval(1, CAL, occurred_at=at("3-1"))),
        platform(approval(2, CAL, occurred_at=at("3-3"))),
        platform(approval(3, ADA, occurred_at=at("3-2"))),
        platform(answered(2, CAL, outcome="refused", reason="unreachable", tries=10)),
        platform(asked(2, CAL)),
        platform(asked(3, ADA)),
        platform(own(LeadReplied, lead_id=CAL, reply_id=derived_id("reply"), tier="standard", since=at("3-1"),
                     step="standard-1", occurred_at=at("3-3"))),
        platform(asked(4, CAL, about="reply", about_id=derived_id("reply"), target="acme-sales")),
        platform(answered(4, CAL)),
    ]  # fmt: skip


def _fill(sink: Sink) -> None:
    sink.open(log())
    sink.prepare(of_topics(sink, batch(values())), no_refusal)()
    sink.close()


@pytest.fixture(scope="module")
def postgres(stack: Settings) -> Iterator[Server]:
    with own_postgres(stack) as (owner, login):
        _fill(PostgresSink(login))
        yield owner


@pytest.fixture(scope="module")
def ask(postgres: Server) -> Ask:
    """Rows of a query, every UUID as text."""

    def asked(query: str) -> list[tuple[Any, ...]]:
        with postgres.connect() as connection:
            rows = connection.execute(query.encode()).fetchall()
        return [tuple(str(one) if type(one).__name__ == "UUID" else one for one in row) for row in rows]

    return asked


def test_a_receipt_is_a_sentence_that_needs_no_explaining(ask: Ask) -> None:
    assert dict(ask("SELECT message_id, sentence FROM contact_receipts")) == {
        "m1": "Allowed on WhatsApp until 2026-03-02 18:00 Asia/Dubai (1 of 1 in 7 days used)",
        "m2": "Denied on e-mail: frequency cap, 2 of 2 in 7 days used; "
        "could be allowed from 2026-03-05 10:30 Asia/Dubai",
        "m3": "Held on WhatsApp: quiet hours until 2026-03-04 09:00 Asia/Dubai (zone from phone)",
        "m4": "Denied on e-mail: no consent",
        "m5": "Denied on social media: frequency cap, 3 of 3 in 36 hours used",
        "m6": "Held on WhatsApp: no zone until 2026-03-04 05:00 UTC (one of 2 zones from phone)",
    }


def test_a_decision_belongs_to_the_lead_of_today(ask: Ask) -> None:
    rows = ask("SELECT message_id, lead_id, lead_id_at_decision FROM contact_receipts ORDER BY message_id")
    assert rows == [
        ("m1", ADA, CAL), ("m2", ADA, ADA), ("m3", ADA, CAL), ("m4", ADA, ADA), ("m5", None, None), ("m6", ADA, ADA)
    ]  # fmt: skip


def test_of_a_message_the_decision_with_the_greatest_seq_stays_with_its_checks_in_order(ask: Ask) -> None:
    ((seq, decision, checks),) = ask("SELECT seq, decision, checks FROM contact_decisions WHERE message_id = 'm1'")
    assert (seq, decision) == (2, "allow")
    assert checks == [
        {"check": "consent", "outcome": "pass", "reason": "granted", "until": None},
        {"check": "allowed", "outcome": "pass", "reason": "allowed", "until": None},
    ]
    ((held,),) = ask("SELECT checks FROM contact_decisions WHERE message_id = 'm3'")
    assert held[-1]["until"] == "2026-03-04T05:00:00.000000Z"


def test_consent_is_a_ledger_with_the_address_that_it_is_for(ask: Ask) -> None:
    columns = "channel, contact_point, granted, jurisdiction, has_evidence, lead_id, arrived_at"
    arrived = datetime(2026, 3, 2, tzinfo=UTC)
    assert ask(f"SELECT {columns} FROM consents ORDER BY occurred_at") == [
        ("email", EMAIL, True, "UAE", True, ADA, arrived),
        ("whatsapp", PHONE, True, "EUR", True, ADA, arrived),
        ("sms", None, False, "UAE", False, ADA, arrived),
    ]


def test_an_approval_and_its_conclusion_meet_whichever_came_first(ask: Ask) -> None:
    columns = "lead_id, lead_id_at_request, tier, reason, concluded_at"
    assert ask(f"SELECT {columns} FROM approvals WHERE approval_id = '{approval_id(1)}'") == [
        (ADA, CAL, "standard", "no_answer", datetime(2026, 3, 2, tzinfo=UTC))
    ]


def test_reviewers_see_what_waits_the_oldest_first(ask: Ask) -> None:
    columns = "approval_id, lead_id, value_minor, value_inr_minor, score, waiting_since"
    assert ask(f"SELECT {columns} FROM approvals_open") == [
        (approval_id(3), ADA, 130_000_000, 3_000_000_000, 82, datetime(2026, 3, 2, tzinfo=UTC)),
        (approval_id(2), ADA, 130_000_000, 3_000_000_000, 82, datetime(2026, 3, 3, tzinfo=UTC)),
    ]


def test_an_approval_says_whether_reviewers_were_told(ask: Ask) -> None:
    assert ask("SELECT approval_id, told_by, told FROM approvals ORDER BY requested_at") == [
        (approval_id(1), None, None),
        (approval_id(3), "acme-reviewers", "waiting"),
        (approval_id(2), "acme-reviewers", "refused"),
    ]
    refused = ask("SELECT outcome, reason, tries FROM effects WHERE outcome = 'refused'")
    assert refused == [("refused", "unreachable", 10)]


def test_sales_see_who_answered_and_whether_they_were_told(ask: Ask) -> None:
    columns = "reply_id, lead_id, replied_at, step, told_by, told"
    assert ask(f"SELECT {columns} FROM replies") == [
        (derived_id("reply"), ADA, datetime(2026, 3, 3, tzinfo=UTC), "standard-1", "acme-sales", "done")
    ]


def test_a_lead_has_what_came_with_its_identifiers_and_one_merged_away_has_nothing(postgres: Server) -> None:
    with psycopg.connect(**asdict(postgres), row_factory=dict_row) as connection:
        of_ada = contacts(connection, ADA, {ADA, CAL, PHONE, EMAIL})
        of_cal = contacts(connection, CAL, {CAL})
    assert [row["message_id"] for row in of_ada["decisions"]] == ["m1", "m2", "m3", "m4", "m6"]
    assert [row["channel"] for row in of_ada["consents"]] == ["email", "whatsapp", "sms"]
    assert [row["approval_id"] for row in of_ada["open approvals"]] == [approval_id(3), approval_id(2)]
    assert not any(of_cal.values())


def test_a_reader_sees_the_contacts_of_its_regions(stack: Settings, postgres: Server) -> None:
    reader = replace(Server(**stack.postgres("reader")), dbname=postgres.dbname)
    for regions, seen in (("UAE", (6, 2)), ("IND", (0, 0))):
        with reader.connect() as connection:
            for name, value in (("workspace", WORKSPACE), ("regions", regions), ("owner", "*")):
                connection.execute("SELECT set_config(%s, %s, false)", (f"fineacers.{name}", value))
            counts = (
                "SELECT (SELECT count(sentence) FROM contact_receipts), (SELECT count(lead_id) FROM approvals_open)"
            )
            assert connection.execute(counts.encode()).fetchone() == seen


def test_both_stores_count_alike_and_analysts_see_decisions_by_day(stack: Settings, postgres: Server) -> None:
    with own_clickhouse(stack) as server:
        _fill(ClickHouseSink(server))
        here, there = postgres_queries.figures(postgres), clickhouse_queries.figures(server)
        client = Client(server)
        days = client.rows("SELECT * FROM decisions_by_day ORDER BY day, decision, reason, channel")
        client.close()
    for name in ("decisions", "approvals", "consents"):
        assert here[name], name
        assert here[name] == there[name], name
    assert {row["outcome"]: row["approvals"] for row in here["approvals"]} == {"open": 2, "no_answer": 1}
    (receipt,) = here["receipt"]
    assert (receipt["message_id"], receipt["decision"]) == ("m1", "allow"), "an allow before any newer denial"
    assert json.dumps(plain(receipt))
    rows = [tuple(row) for row in days]
    assert (WORKSPACE, "UAE", date(2026, 3, 1), "whatsapp", "launch", "hold", "quiet_hours", 1) in rows
    assert sum(row[-1] for row in rows) == 7, "a hold and the allow after it are two decisions"
