"""Two contents of one revision: the first counts, and both stores and the report say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import count
from typing import Any

import pytest

from schemas.events.base import DAY, HOUR, Event
from schemas.events.bookings import BookingChanged
from schemas.events.campaigns import SpendReported
from schemas.events.governance import IdentitiesLinked
from schemas.events.operations import DeadLettered
from schemas.events.touchpoints import TouchpointRecorded
from sinks.clickhouse import queries as clickhouse_queries
from sinks.clickhouse.booking import booking_facts
from sinks.clickhouse.client import Client
from sinks.clickhouse.client import Server as ClickHouse
from sinks.clickhouse.sink import ClickHouseSink
from sinks.delivery import Batch, Range, Record
from sinks.postgres.connection import Server as Postgres
from sinks.postgres.sink import PostgresSink
from streams.driver import Driver
from streams.settings import Settings
from tests.contract.test_sinks import no_refusal
from tests.support.facts import WORKSPACE, at, fact
from tests.support.runs import STAGES, Run
from tests.support.sinks import differences, fill, log, own_clickhouse, own_postgres
from tests.support.stored import accepted, lead_id, own, platform

FIRST, SECOND = 10_000, 99_999


def booked(booking_id: str, email: str, amount: int, day: str) -> Event:
    return fact(BookingChanged, occurred_at=day, booked_at="3-2", booking_id=booking_id, revision=1, status="booked",
                amount_minor=amount, currency="AED", email=email)  # fmt: skip


def touched(channel: str) -> Event:
    return fact(TouchpointRecorded, occurred_at="3-1", touch_id="t", revision=1, kind="inquiry", channel=channel,
                email="ada@example.com")  # fmt: skip


def spent(amount: int) -> Event:
    return fact(SpendReported, occurred_at="3-1", campaign_id="spring", channel="search", day=at("3-1") // DAY,
                revision=1, amount_minor=amount, currency="AED")  # fmt: skip


def moving() -> list[Event]:
    """A booking whose lead is joined to another between two contents, by which the second is in a lower partition."""
    for number in count():
        emails = [f"{name}{number}@example.com" for name in ("ben", "cal")]
        values = [{"kind": "email", "value": email} for email in emails]
        facts = [
            booked("settled", emails[1], 1, "3-2"),
            booked("moved", emails[0], FIRST, "3-3"),
            fact(IdentitiesLinked, occurred_at="3-4", identifiers=values),
            booked("moved", emails[0], SECOND, "3-5"),
        ]
        tried = Run(Driver(STAGES))
        for one in facts:
            tried.publish(one)
        places = [slot[1] for slot in tried.driver.log if slot[0] == "accepted.bookings"]
        per_partition = [len(tried.driver.log["accepted.bookings", place]) for place in (0, 1)]
        first = tried.driver.log["accepted.bookings", 1]
        if sorted(places) == [0, 1] and per_partition == [2, 1] and facts[1].event_id.encode() in first[0].value:
            return facts
    raise AssertionError


@dataclass(frozen=True)
class Stores:
    """Both stores, filled with all that a run put out, each record a batch of its own."""

    run: Run
    postgres: Postgres
    clickhouse: ClickHouse

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Rows of a query to ClickHouse."""
        client = Client(self.clickhouse)
        try:
            return [tuple(row) for row in client.rows(query)]
        finally:
            client.close()


@pytest.fixture(scope="module")
def stores(stack: Settings) -> Iterator[Stores]:
    run = Run(Driver(STAGES))
    for one in (
        touched("search"), touched("email"), booked("b", "ada@example.com", FIRST, "3-2"),
        booked("b", "eve@example.com", SECOND, "3-3"), spent(FIRST), spent(SECOND), *moving(),
    ):  # fmt: skip
        run.publish(one)
    run.finish()
    with own_postgres(stack) as (owner, login), own_clickhouse(stack) as server:
        for sink in (PostgresSink(login), ClickHouseSink(server)):
            fill(sink, run.driver)
        yield Stores(run, owner, server)


def test_every_second_content_was_accepted_and_refused_by_a_later_stage(stores: Stores) -> None:
    letters = stores.run.said("dead.letters", DeadLettered)
    assert Counter((one.stage, one.topic, one.reason) for one in letters) == {
        ("lead", "bookings", "revision_conflict"): 2,
        ("lead", "touchpoints", "revision_conflict"): 1,
        ("campaign", "spend", "revision_conflict"): 1,
    }


def test_views_show_the_first_content(stores: Stores) -> None:
    bookings = "SELECT booking_id, amount_minor FROM current_bookings ORDER BY booking_id"
    assert stores.ask(bookings) == [("b", FIRST), ("moved", FIRST), ("settled", 1)]
    with stores.postgres.connect() as connection:
        assert connection.execute(bookings.encode()).fetchall() == stores.ask(bookings)
    assert stores.ask("SELECT sum(amount_minor) FROM bookings_by_segment") == [(2 * FIRST + 1,)]
    assert stores.ask("SELECT touch_id, channel FROM current_touchpoints") == [("t", "search")]
    assert stores.ask("SELECT amount_minor FROM spend_by_day") == [(FIRST,)]


def test_the_report_finds_no_difference(stores: Stores) -> None:
    assert differences(stores.run, stores.postgres, stores.clickhouse) == []


def test_a_bookings_history_tells_the_first_content(stores: Stores) -> None:
    for booking_id in ("b", "moved"):
        told = booking_facts(stores.clickhouse, WORKSPACE, booking_id, ["t"], [date(2026, 3, 1)])
        assert [(row["revision"], row["amount_minor"]) for row in told["revisions"]] == [(1, FIRST)]
        assert [(row["touch_id"], row["kind"]) for row in told["touches"]] == [("t", "inquiry")]


def test_what_was_refused_is_left_out_though_it_arrived_first(stack: Settings) -> None:
    """A publisher's records may overtake each other between the partitions of a fact topic."""
    counted, refused = booked("b", "ada@example.com", FIRST, "3-2"), booked("b", "ada@example.com", SECOND, "3-2")
    early = refused.model_copy(update={"occurred_at": counted.occurred_at - HOUR})  # it arrives a second later
    letter = own(DeadLettered, stage="lead", reason="revision_conflict", detail="", topic="bookings", partition=0,
                 offset=0, arrived_at=early.occurred_at, fact_id=early.event_id, fact_type="BookingChanged",
                 original=b"")  # fmt: skip
    values = [accepted(counted, 0, lead_id(1)), accepted(early, 1, lead_id(1)), platform(letter)]
    with own_clickhouse(stack) as server:
        sink = ClickHouseSink(server)
        sink.open(log())
        for topic, value in values:
            offset = int(value is values[1][1])
            record = Record(topic, 0, offset, at("3-2"), value)
            sink.prepare(Batch((Range(topic, 0, offset, offset + 1),), (record,)), no_refusal)()
        sink.close()
        client = Client(server)
        assert [tuple(row) for row in client.rows("SELECT amount_minor FROM current_bookings")] == [(FIRST,)]
        client.close()
        (figure,) = clickhouse_queries.figures(server)["bookings"]
        assert figure["amount_minor"] == FIRST
