"""What the ledger learned between two instants: why, where the credit went, and which bookings moved it most."""
# ruff: noqa: S608  the SQL is put together from conditions of our own; values are parameters

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sinks.clickhouse.client import Client, Server

Rows = list[dict[str, Any]]

_LEARNED = """
    account != '(revenue)' AND basis = {basis:String}
    AND known_at > {known_since:DateTime64(6, 'UTC')} AND known_at <= {known_at:DateTime64(6, 'UTC')}
    AND (empty({models:Array(String)}) OR has({models:Array(String)}, model))
"""

QUERIES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "reasons": (
        ("workspace_id", "currency", "reporting_currency", "reason", "model", "postings", "bookings", "gained_minor",
         "lost_minor", "amount_minor", "reporting_minor"),
        f"""
        SELECT workspace_id, currency, reporting_currency, reason, model, uniqExact(posting_id), uniqExact(booking_id),
            sumIf(l.amount_minor, l.amount_minor > 0), sumIf(l.amount_minor, l.amount_minor < 0), sum(l.amount_minor),
            sum(l.reporting_minor)
        FROM ledger_lines AS l WHERE {_LEARNED} GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
        """,
    ),
    "channels": (
        ("workspace_id", "currency", "reporting_currency", "reason", "channel", "campaign_id", "model", "gained_minor",
         "lost_minor", "amount_minor", "reporting_minor"),
        """
        SELECT workspace_id, currency, reporting_currency, reason, channel, campaign_id, model, sum(c.gained_minor),
            sum(c.lost_minor), sum(c.amount_minor), sum(c.reporting_minor)
        FROM ledger_changes(known_since = {known_since:DateTime64(6, 'UTC')},
            known_at = {known_at:DateTime64(6, 'UTC')}) AS c
        WHERE basis = {basis:String} AND (empty({models:Array(String)}) OR has({models:Array(String)}, model))
        GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 1, 2, 3, 4, 5, 6, 7
        """,
    ),
    "movers": (
        ("workspace_id", "currency", "reporting_currency", "booking_id", "reason", "model", "moved_minor",
         "moved_reporting_minor", "amount_minor", "reporting_minor", "known_at"),
        f"""
        SELECT workspace_id, currency, reporting_currency, booking_id, reason, model, moved_minor,
            moved_reporting_minor, amount, reporting, last
        FROM
        (
            SELECT workspace_id, currency, reporting_currency, booking_id, reason, model,
                sum(abs(c.amount)) AS moved_minor, sum(abs(c.reporting)) AS moved_reporting_minor,
                sum(c.amount) AS amount, sum(c.reporting) AS reporting, max(c.last) AS last
            FROM
            (
                SELECT workspace_id, currency, reporting_currency, booking_id, reason, model, channel, campaign_id,
                    sum(l.amount_minor) AS amount, sum(l.reporting_minor) AS reporting, max(l.known_at) AS last
                FROM ledger_lines AS l WHERE {_LEARNED} GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
            ) AS c
            GROUP BY 1, 2, 3, 4, 5, 6
            ORDER BY moved_minor DESC, moved_reporting_minor DESC, model
            LIMIT 1 BY workspace_id, currency, booking_id, reason
        )
        ORDER BY workspace_id, currency, moved_minor DESC, moved_reporting_minor DESC, booking_id, reason
        LIMIT 10 BY workspace_id, currency
        """,
    ),
}  # fmt: skip
"""Columns and SQL by name.

``gained``, ``lost`` and their sum are signed. A mover is a booking and a reason, under the model that it moved most:
``moved`` is what its channels and campaigns gained plus what others of them lost, whichever way.
"""


def changes(
    server: Server, since: datetime, until: datetime, basis: str, models: Sequence[str] = ()
) -> dict[str, Rows]:
    """All of ``QUERIES`` for what became known after ``since``, up to and with ``until``; no models: all.

    Raises:
        Unavailable: nobody answers.
        SinkError: the tables are not as this program expects them.
    """
    client = Client(server)
    parameters = {"known_since": since, "known_at": until, "basis": basis, "models": list(models)}
    try:
        return {
            name: [dict(zip(columns, row, strict=True)) for row in client.rows(text, parameters)]
            for name, (columns, text) in QUERIES.items()
        }
    finally:
        client.close()
