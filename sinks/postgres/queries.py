"""Figures out of PostgreSQL, all of one instant: what is true now, and up to which offsets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, LiteralString

from psycopg import IsolationLevel, sql
from psycopg.rows import dict_row

from sinks.delivery import Positions
from sinks.postgres.connection import OPERATOR, Server, explained

Rows = list[dict[str, Any]]

QUERIES: Mapping[str, LiteralString] = {
    "leads": """
        SELECT workspace_id, region, count(*) AS leads FROM leads GROUP BY 1, 2 ORDER BY 1, 2
    """,
    "bookings": """
        SELECT workspace_id, property_id, market_segment, status, currency, count(*) AS bookings,
               sum(amount_minor)::bigint AS amount_minor,
               sum(CASE WHEN status IN ('booked', 'contracted', 'completed') THEN amount_minor
                        ELSE retained_minor END)::bigint AS net_minor
        FROM bookings GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
    """,
    "ledger": """
        SELECT workspace_id, model, basis,
               CASE WHEN account IN ('(none)', '(revenue)') THEN account ELSE 'touch' END AS account_kind,
               channel, campaign_id, currency, reporting_currency, count(*) AS lines,
               sum(amount_minor)::bigint AS amount_minor, sum(reporting_minor)::bigint AS reporting_minor
        FROM ledger_lines
        WHERE (%(known_at)s::timestamptz IS NULL OR known_at <= %(known_at)s)
          AND (%(effective_before)s::timestamptz IS NULL OR effective_at < %(effective_before)s)
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
    """,
    "credited": """
        WITH of_model AS (
            SELECT workspace_id, booking_id, model, currency, sum(amount_minor)::bigint AS amount_minor
            FROM ledger_lines WHERE account <> '(revenue)' AND basis = 'net'
            GROUP BY 1, 2, 3, 4 HAVING sum(amount_minor) <> 0
        ), of_booking AS (
            SELECT workspace_id, currency, min(amount_minor) AS least, max(amount_minor) AS most
            FROM of_model GROUP BY workspace_id, booking_id, currency
        )
        SELECT workspace_id, currency, sum(least)::bigint AS least, sum(most)::bigint AS most
        FROM of_booking GROUP BY 1, 2 ORDER BY 1, 2
    """,
    "worth": """
        WITH newest AS (
            SELECT workspace_id, booking_id, (max(ARRAY[seq, policy_version]))[2] AS policy_version
            FROM ledger_lines GROUP BY 1, 2
        )
        SELECT workspace_id, currency, policy_version, sum(net_minor)::bigint AS net_minor
        FROM (
            SELECT *, CASE WHEN status IN ('booked', 'contracted', 'completed') THEN amount_minor
                           ELSE retained_minor END AS net_minor
            FROM bookings
        ) valued LEFT JOIN newest USING (workspace_id, booking_id)
        WHERE net_minor <> 0 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    """,
    "policies": """
        SELECT workspace_id, version, document FROM policies ORDER BY 1, 2
    """,
    "temperatures": """
        SELECT workspace_id, temperature, count(*) AS leads FROM temperatures WHERE temperature <> 'none'
        GROUP BY 1, 2 ORDER BY 1, 2
    """,
    "routes": """
        SELECT workspace_id, route, count(*) AS leads FROM routes WHERE route <> 'none' GROUP BY 1, 2 ORDER BY 1, 2
    """,
    "decisions": """
        SELECT workspace_id, decision, reason, channel, count(*) AS messages FROM contact_decisions
        GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
    """,
    "receipt": """
        SELECT workspace_id, region, message_id, lead_id::text, decided_at, decision, reason, sentence, channel,
               contact_point::text, account_id, purpose, category, template_id, campaign_id, step, consent_id,
               requested_at, not_after, next_at, time_zones, zone_source, cap, cap_span, used_before, used_after,
               propensity_ppm, policy_version, checks
        FROM contact_receipts
        WHERE (workspace_id, message_id) = (
            SELECT workspace_id, message_id FROM contact_decisions
            ORDER BY decision = 'allow' DESC, occurred_at DESC, workspace_id, message_id LIMIT 1
        )
    """,
    "approvals": """
        SELECT workspace_id, coalesce(reason, 'open') AS outcome, count(*) AS approvals FROM approvals
        GROUP BY 1, 2 ORDER BY 1, 2
    """,
    "waiting": """
        SELECT workspace_id, approval_id::text, lead_id::text, score, value_inr_minor, answer_by
        FROM approvals WHERE reason IS NULL ORDER BY answer_by, approval_id LIMIT 5
    """,
    "consents": """
        SELECT workspace_id, channel, purpose, count(*) AS changes, count(*) FILTER (WHERE granted) AS granted
        FROM consents GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    """,
    "bindings": """
        SELECT workspace_id, kind, count(DISTINCT identifier) AS identifiers FROM identifier_bindings
        GROUP BY 1, 2 ORDER BY 1, 2
    """,
    "changes": """
        SELECT workspace_id, change, count(*) AS changes FROM identity_changes GROUP BY 1, 2 ORDER BY 1, 2
    """,
    "conflicts": """
        SELECT workspace_id, kind, count(*) AS conflicts FROM identity_conflicts WHERE open GROUP BY 1, 2 ORDER BY 1, 2
    """,
    "campaigns": """
        SELECT workspace_id, campaign_id, reporting_currency, count(*) AS days, sum(touches)::bigint AS touches,
               sum(impressions)::bigint AS impressions, sum(clicks)::bigint AS clicks,
               sum(conversions_ppm)::bigint AS conversions_ppm, sum(revenue_minor)::bigint AS revenue_minor,
               coalesce(sum(spend_minor), 0)::bigint AS spend_minor
        FROM campaign_days GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    """,
    "dead_letters": """
        SELECT stage, topic, reason, count(*) AS letters FROM dead_letters GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    """,
    "positions": """
        SELECT topic, partition, next_offset FROM sink_positions ORDER BY 1, 2
    """,
}
"""SQL by name of the figure. A lead that was merged away is no lead. ``conflicts``: those that are open. ``credited``:
what the models that credit each booking do, the least and the most of them. ``decisions``: the newest of each message.
``receipt``: the newest allow, else the newest decision, as an example. ``waiting``: the approvals that end first.
``worth``: bookings by the policy version of their newest line, none where they have no line.

``ledger`` takes ``known_at`` and ``effective_before``, instants or none."""


def figures(server: Server, known_at: Any = None, effective_before: Any = None) -> dict[str, Rows]:
    """All figures of ``QUERIES`` in one REPEATABLE READ snapshot, rows as dicts by column.

    Args:
        server: with a login that may act as operator (the owner's).
        known_at: aware datetime; ledger lines known later are left out.
        effective_before: aware datetime; ledger lines effective then or later are left out.

    Raises:
        Unavailable: nobody answers.
        SinkError: the tables are not as this program expects them.
    """
    parameters = {"known_at": known_at, "effective_before": effective_before}
    with explained():
        connection = server.connect()
        try:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            # The operator sees every workspace and may change nothing.
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(OPERATOR)))
            with connection.cursor(row_factory=dict_row) as cursor:
                return {name: cursor.execute(text, parameters).fetchall() for name, text in QUERIES.items()}
        finally:
            connection.close()


def positions(server: Server) -> Positions:
    """Where the sink stands: first offset of each partition that is not stored yet."""
    with explained():
        connection = server.connect()
        try:
            return {(t, p): offset for t, p, offset in connection.execute(QUERIES["positions"]).fetchall()}
        finally:
            connection.close()
