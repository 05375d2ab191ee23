"""What happened to one booking: every accepted revision of it, and the touches that its credit went to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any

from sinks.clickhouse.client import Client, Server

Rows = list[dict[str, Any]]

QUERIES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "revisions": (
        ("revision", "status", "amount_minor", "retained_minor", "currency", "booked_at", "occurred_at", "arrived_at",
         "source"),
        """
        SELECT revision, status, amount_minor, retained_minor, currency, booked_at, occurred_at, arrived_at, source
        FROM bookings WHERE workspace_id = {workspace:String} AND booking_id = {booking_id:String}
            AND event_id NOT IN (SELECT fact_id FROM refused_revisions)
        ORDER BY revision, arrived_at, _partition, _offset LIMIT 1 BY revision
        """,
    ),
    "touches": (
        ("touch_id", "revision", "kind", "occurred_at"),
        """
        SELECT touch_id, revision, kind, occurred_at FROM
        (
            SELECT workspace_id, touch_id, revision, kind, occurred_at, event_id, arrived_at, _partition, _offset
            FROM touchpoints
            UNION ALL
            SELECT workspace_id, click_id AS touch_id, revision, 'click' AS kind, occurred_at, event_id, arrived_at,
                _partition, _offset
            FROM clicks
        )
        WHERE workspace_id = {workspace:String} AND touch_id IN {touches:Array(String)}
            AND occurred_at >= toDateTime64({since:Date32}, 6, 'UTC')
            AND occurred_at < toDateTime64({before:Date32}, 6, 'UTC')
            AND event_id NOT IN (SELECT fact_id FROM refused_revisions)
        ORDER BY touch_id, revision, arrived_at, _partition, _offset LIMIT 1 BY touch_id, revision
        """,
    ),
}  # fmt: skip
"""Columns and SQL by name. Of two contents under one revision the first counts, as in the ledger."""


def booking_facts(
    server: Server, workspace: str, booking_id: str, touches: Collection[str], days: Collection[date]
) -> dict[str, Rows]:
    """All of ``QUERIES`` for a booking and for touches that are known by id and were made on certain local days.

    Raises:
        Unavailable: nobody answers.
        SinkError: the tables are not as this program expects them.
    """
    around = timedelta(days=2)  # a local day begins and ends within a day of the one in UTC
    parameters = {
        "workspace": workspace,
        "booking_id": booking_id,
        "touches": list(touches),
        "since": min(days, default=date.max - around) - around,
        "before": max(days, default=date.min + around) + around,
    }
    client = Client(server)
    try:
        return {
            name: [dict(zip(columns, row, strict=True)) for row in client.rows(text, parameters)]
            for name, (columns, text) in QUERIES.items()
        }
    finally:
        client.close()
