"""Figures out of ClickHouse up to given positions: rows beyond them are left out, whatever the sink has done since."""
# ruff: noqa: S608  the SQL is put together from names of our own; values are parameters

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sinks.clickhouse.client import Client, Server
from sinks.clickhouse.journal import SINCE_REBUILD
from sinks.clickhouse.tables import LINES, TABLES
from sinks.delivery import Positions

Rows = list[dict[str, Any]]
_EVER = datetime(2299, 1, 1, tzinfo=UTC)


def _upto(topic: str) -> str:
    """Condition: the row's record lies before the topic's position (no position: no row)."""
    return f"_offset < {{{_name(topic)}:Map(Int32, Int64)}}[_partition]"


def _name(topic: str) -> str:
    return "upto_" + topic.replace(".", "_")


def _map(topic: str, ends: Positions) -> str:
    """Offsets by partition, as ClickHouse writes a map."""
    return "{" + ",".join(f"{partition}:{end}" for (name, partition), end in ends.items() if name == topic) + "}"


_FACTS = {topic: table for topic, table in TABLES.items() if table.topic.kind == "accepted"}

_COUNTS = f"""event_id NOT IN (
                SELECT fact_id FROM dead_letters WHERE reason = 'revision_conflict' AND {_upto("dead.letters")}
            )"""
"""Condition: no stage has refused the fact because its revision was known with other content."""

_NET = "if(status IN ('booked', 'contracted', 'completed'), newest.amount_minor, newest.retained_minor)"

QUERIES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "leads": (
        ("workspace_id", "region", "leads"),
        f"""
        SELECT workspace_id, region, count()
        FROM
        (
            SELECT workspace_id, region, identifiers FROM lead_profiles WHERE {_upto("lead.profiles")}
            ORDER BY version DESC LIMIT 1 BY lead_id
        )
        WHERE notEmpty(identifiers)
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
    ),
    "bookings": (
        ("workspace_id", "property_id", "market_segment", "status", "currency", "bookings", "amount_minor",
         "net_minor"),
        f"""
        SELECT workspace_id, property_id, market_segment, status, currency, count(), sum(newest.amount_minor),
            sum({_NET})
        FROM
        (
            SELECT * FROM bookings WHERE {_upto("accepted.bookings")} AND {_COUNTS}
            ORDER BY workspace_id, booking_id, revision DESC, arrived_at, _partition, _offset
            LIMIT 1 BY workspace_id, booking_id
        ) AS newest
        GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
        """,
    ),
    "ledger": (
        ("workspace_id", "model", "basis", "account_kind", "channel", "campaign_id", "currency", "reporting_currency",
         "lines", "amount_minor", "reporting_minor"),
        f"""
        SELECT workspace_id, model, basis, if(account IN ('(none)', '(revenue)'), account, 'touch'), channel,
            campaign_id, currency, reporting_currency, count(), sum(amount_minor), sum(reporting_minor)
        FROM {LINES}
        WHERE {_upto("attribution.credits")} AND known_at <= {{known_at:DateTime64(6, 'UTC')}}
          AND effective_at < {{effective_before:DateTime64(6, 'UTC')}}
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
        """,
    ),
    "temperatures": (
        ("workspace_id", "temperature", "leads"),
        f"""
        SELECT workspace_id, temperature, count()
        FROM
        (
            SELECT * FROM lead_temperatures WHERE {_upto("lead.temperatures")} ORDER BY seq DESC LIMIT 1 BY lead_id
        )
        WHERE temperature != 'none'
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
    ),
    "routes": (
        ("workspace_id", "route", "leads"),
        f"""
        SELECT workspace_id, route, count()
        FROM (SELECT * FROM lead_routes WHERE {_upto("lead.routes")} ORDER BY seq DESC LIMIT 1 BY lead_id)
        WHERE route != 'none'
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
    ),
    "decisions": (
        ("workspace_id", "decision", "reason", "channel", "messages"),
        f"""
        SELECT workspace_id, decision, reason, channel, count()
        FROM
        (
            SELECT * FROM contact_decisions WHERE {_upto("contact.decisions")}
            ORDER BY workspace_id, message_id, seq DESC LIMIT 1 BY workspace_id, message_id
        )
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        """,
    ),
    "approvals": (
        ("workspace_id", "outcome", "approvals"),
        f"""
        SELECT workspace_id, outcome, count()
        FROM
        (
            SELECT workspace_id, approval_id, ifNull(max(reason), 'open') AS outcome FROM approval_requests
            WHERE {_upto("approval.requests")} GROUP BY 1, 2 HAVING countIf(type = 'ApprovalRequested') > 0
        )
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
    ),
    "consents": (
        ("workspace_id", "channel", "purpose", "changes", "granted"),
        f"""
        SELECT workspace_id, channel, purpose, count(), countIf(granted) FROM consents
        WHERE {_upto("accepted.consents")} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """,
    ),
    "bindings": (
        ("workspace_id", "kind", "identifiers"),
        f"""
        SELECT workspace_id, kind, uniqExact(identifier) FROM identifier_bindings WHERE {_upto("identity.bindings")}
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
    ),
    "changes": (
        ("workspace_id", "change", "changes"),
        f"""
        SELECT workspace_id, if(type = 'LeadMerged', 'merged', 'split'), uniqExact(event_id) FROM identity_changes
        WHERE {_upto("identity.changes")} GROUP BY 1, 2 ORDER BY 1, 2
        """,
    ),
    "conflicts": (
        ("workspace_id", "kind", "conflicts"),
        f"""
        SELECT workspace_id, kind, count()
        FROM
        (
            SELECT * FROM identity_conflicts WHERE {_upto("identity.conflicts")}
            ORDER BY version DESC LIMIT 1 BY conflict_id
        )
        WHERE open
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
    ),
    "campaigns": (
        ("workspace_id", "campaign_id", "reporting_currency", "days", "touches", "impressions", "clicks",
         "conversions_ppm", "revenue_minor", "spend_minor"),
        f"""
        SELECT workspace_id, campaign_id, reporting_currency, count(), sum(newest.touches), sum(newest.impressions),
            sum(newest.clicks), sum(newest.conversions_ppm), sum(newest.revenue_minor),
            sum(ifNull(newest.spend_minor, 0))
        FROM
        (
            SELECT * FROM campaign_metrics WHERE {_upto("campaign.metrics")}
            ORDER BY workspace_id, campaign_id, day, seq DESC LIMIT 1 BY workspace_id, campaign_id, day
        ) AS newest
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """,
    ),
    "rows": (
        ("topic", "type", "rows", "events"),
        " UNION ALL ".join(
            f"SELECT '{table.name}', type, count(), uniqExact(event_id) FROM {table.name} "
            f"WHERE {_upto(topic)} GROUP BY 2"
            for topic, table in _FACTS.items()
        ),
    ),
    "stage_counts": (
        ("stage", "topic", "type", "outcome", "count"),
        f"""
        SELECT stage, counted.topic, counted.type, counted.outcome, sum(counted.count)
        FROM stage_counts ARRAY JOIN counts AS counted WHERE {_upto("stage.counts")}
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
        """,
    ),
    "dead_letters": (
        ("stage", "topic", "reason", "letters"),
        f"""
        SELECT stage, topic, reason, uniqExact(event_id) FROM dead_letters WHERE {_upto("dead.letters")}
        GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
        """,
    ),
    "latencies": (
        ("topic", "rows", "p50_ms", "p95_ms", "p99_ms", "max_ms"),
        " UNION ALL ".join(
            f"SELECT '{table.name}', count(), quantile(0.5)(late), quantile(0.95)(late), quantile(0.99)(late), "
            "max(late) FROM "
            f"(SELECT dateDiff('millisecond', occurred_at, arrived_at) AS late FROM {table.name} WHERE {_upto(topic)}) "
            "HAVING count() > 0"
            for topic, table in _FACTS.items()
        ),
    ),
}  # fmt: skip
"""Columns and SQL by name of the figure; those that PostgreSQL's queries have too have the same columns.

``rows``: per fact topic and type, with the number of different events, which must be the same. ``latencies``: from
``occurred_at`` to arrival at the broker, in milliseconds.
"""


def figures(
    server: Server,
    upto: Positions | None = None,
    known_at: datetime | None = None,
    effective_before: datetime | None = None,
) -> dict[str, Rows]:
    """All figures of ``QUERIES``, rows as dicts by column.

    Args:
        server: with a login that may read.
        upto: first offset to leave out, by topic and partition, for example PostgreSQL's positions; topics that are
            not in it are read up to ClickHouse's own position.
        known_at: ledger lines known later are left out.
        effective_before: ledger lines effective then or later are left out.

    Raises:
        Unavailable: nobody answers.
        SinkError: the tables are not as this program expects them.
    """
    client = Client(server)
    try:
        ends = {**_positions(client), **(upto or {})}
        parameters = {
            **{_name(topic): _map(topic, ends) for topic in TABLES},
            "known_at": known_at or _EVER,
            "effective_before": effective_before or _EVER,
        }
        return {
            name: [dict(zip(columns, row, strict=True)) for row in client.rows(text, parameters)]
            for name, (columns, text) in QUERIES.items()
        }
    finally:
        client.close()


def positions(server: Server) -> Positions:
    """Where the sink stands: first offset of each partition of which not all rows are there."""
    client = Client(server)
    try:
        return _positions(client)
    finally:
        client.close()


def _positions(client: Client) -> Positions:
    rows = client.rows(
        f"SELECT topic, partition, max(end) FROM sink_positions WHERE done AND {SINCE_REBUILD} GROUP BY 1, 2"
    )
    return {(topic, partition): end for topic, partition, end in rows}
