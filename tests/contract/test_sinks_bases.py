"""A workspace may credit no net revenue at all: a report then misses none."""

from __future__ import annotations

import json

from schemas.events.base import Event
from schemas.events.bookings import BookingChanged
from schemas.events.governance import PolicyChanged
from sinks.clickhouse.sink import ClickHouseSink
from sinks.postgres import queries
from sinks.postgres.sink import PostgresSink
from streams.driver import Driver
from streams.settings import Settings
from tests.support.facts import at, fact
from tests.support.runs import STAGES, Run
from tests.support.sinks import differences, fill, own_clickhouse, own_postgres

REALISED = json.dumps({"attribution_bases": ["realised"], "optimizer_basis": "realised"})


def booked(booking_id: str, day: str, status: str, revision: int = 1) -> Event:
    return fact(BookingChanged, occurred_at=day, booked_at=day, booking_id=booking_id, revision=revision, status=status,
                amount_minor=10_000, currency="AED", email="ada@example.com")  # fmt: skip


def test_only_bookings_whose_policy_credits_net_revenue_must_be_credited_it(stack: Settings) -> None:
    run = Run(Driver(STAGES))
    run.publish(fact(PolicyChanged, occurred_at="3-1", version=1, applies_from=at("3-5"), document=REALISED))
    for one in (booked("net", "3-2", "booked"), booked("ahead", "3-6", "booked"), booked("kept", "3-7", "completed")):
        run.publish(one)
    run.finish()
    with own_postgres(stack) as (owner, login), own_clickhouse(stack) as server:
        for sink in (PostgresSink(login), ClickHouseSink(server)):
            fill(sink, run.driver)
        assert differences(run, owner, server) == []
        found = queries.figures(owner)
        worth = [(row["currency"], row["policy_version"], row["net_minor"]) for row in found["worth"]]
        assert worth == [("AED", 0, 10_000), ("AED", 1, 20_000)]
        assert [(row["least"], row["most"]) for row in found["credited"]] == [(10_000, 10_000)]
