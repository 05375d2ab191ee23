"""What people want to see first: the funnel, why temperatures moved, revenue by channel, how fast facts passed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sinks.clickhouse.client import Client, Server

Rows = list[dict[str, Any]]
_EVER = datetime(2299, 1, 1, tzinfo=UTC)

QUERIES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "funnel": (
        ("workspace_id", "step", "leads"),
        "SELECT workspace_id, step, sum(leads) FROM funnel GROUP BY 1, 2 ORDER BY 1, 2",
    ),
    "moves": (
        ("workspace_id", "previous", "temperature", "reason", "changes"),
        "SELECT workspace_id, previous, temperature, reason, count() FROM temperature_history "
        "WHERE ifNull(previous, '') != temperature GROUP BY 1, 2, 3, 4 ORDER BY 1, 5 DESC, 2, 3, 4",
    ),
    "revenue": (
        ("workspace_id", "model", "basis", "channel", "campaign_id", "currency", "reporting_currency", "amount_minor",
         "reporting_minor"),
        "SELECT workspace_id, model, basis, channel, campaign_id, currency, reporting_currency, sum(r.amount_minor), "
        "sum(r.reporting_minor) FROM revenue(known_at = {known_at:DateTime64(6, 'UTC')}, "
        "effective_before = {effective_before:DateTime64(6, 'UTC')}) AS r GROUP BY 1, 2, 3, 4, 5, 6, 7 "
        "ORDER BY 1, 2, 3, 4, 5, 6, 7",
    ),
    "campaigns": (
        ("workspace_id", "campaign_id", "reporting_currency", "touches", "impressions", "clicks", "ctr_ppm",
         "conversions_ppm", "spend_minor", "revenue_minor", "roi_ppm"),
        """
        SELECT workspace_id, campaign_id, reporting_currency, sum(c.touches) AS touches,
            sum(c.impressions) AS impressions, sum(c.clicks) AS clicks,
            if(impressions > 0, toInt64(round(1e6 * clicks / impressions)), NULL),
            sum(c.conversions_ppm), if(countIf(c.spend_minor IS NULL) = 0, sum(c.spend_minor), NULL) AS spend,
            sum(c.revenue_minor) AS revenue,
            if(spend > 0, toInt64(round(1e6 * (revenue - spend) / spend)), NULL)
        FROM campaigns AS c
        GROUP BY 1, 2, 3 ORDER BY 1, revenue DESC, touches DESC, 2, 3
        """,
    ),
    "pace": (
        ("stage", "transactions", "offsets", "first_at", "last_at"),
        "WITH arraySum(arrayMap((first, end) -> end - first, positions.first, positions.end)) AS moved "
        "SELECT stage, count(), sum(moved), min(at), max(at) FROM stage_counts WHERE moved >= 20 "
        "GROUP BY 1 ORDER BY 4",
    ),
}  # fmt: skip
"""Columns and SQL by name. ``offsets`` are those that a stage has read, in transactions of 20 and more: smaller ones
mostly hold ticks."""


def overview(
    server: Server, known_at: datetime | None = None, effective_before: datetime | None = None
) -> dict[str, Rows]:
    """All of ``QUERIES``, rows as dicts by column; the ledger as known at an instant, before another.

    Raises:
        Unavailable: nobody answers.
        SinkError: the tables are not as this program expects them.
    """
    client = Client(server)
    parameters = {"known_at": known_at or _EVER, "effective_before": effective_before or _EVER}
    try:
        return {
            name: [dict(zip(columns, row, strict=True)) for row in client.rows(text, parameters)]
            for name, (columns, text) in QUERIES.items()
        }
    finally:
        client.close()
