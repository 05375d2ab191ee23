"""What PostgreSQL knows of contact with a lead: decisions and their receipts, consents, approvals that are open."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import psycopg

Connection = psycopg.Connection[dict[str, Any]]
Rows = list[dict[str, Any]]

# The lead of today is computed row by row, so the rows are first narrowed to those of its identifiers, by index.
_DECISIONS = """
    SELECT decided_at, decision, reason, sentence, channel, purpose, category, message_id, lead_id::text, account_id,
           template_id, campaign_id, step, contact_point::text, consent_id, requested_at, not_after, next_at,
           time_zones, zone_source, cap, cap_span, used_before, used_after, propensity_ppm, policy_version, checks,
           (SELECT d.unsubscribe FROM contact_decisions d
            WHERE (d.workspace_id, d.message_id) = (r.workspace_id, r.message_id)) AS unsubscribe
    FROM contact_receipts r
    WHERE (lead_id_at_decision = ANY(%(names)s::uuid[]) OR contact_point = ANY(%(names)s::uuid[]))
      AND lead_id = %(lead)s
    ORDER BY decided_at, message_id
"""
_CONSENTS = """
    SELECT occurred_at, channel, purpose, granted, legal_basis, jurisdiction, has_evidence, consent_id,
           contact_point::text, source, arrived_at
    FROM consents
    WHERE (lead_id = ANY(%(names)s::uuid[]) OR contact_point = ANY(%(names)s::uuid[]))
      AND lead_of_today(contact_point, lead_id, occurred_at) = %(lead)s
    ORDER BY occurred_at, arrived_at, event_id
"""
_APPROVALS = """
    SELECT approval_id::text, requested_at AS waiting_since, answer_by, temperature, score, value_minor, currency,
           value_inr_minor, property_id, owner_id
    FROM approvals
    WHERE lead_id_at_request = ANY(%(names)s::uuid[]) AND concluded_at IS NULL AND lead_id = %(lead)s
    ORDER BY requested_at, approval_id
"""


def contacts(connection: Connection, lead_id: str, names: Collection[str]) -> dict[str, Rows]:
    """A lead's decisions, consents and open approvals.

    Args:
        names: every identifier that is or was of the lead, and the lead's own name.
    """
    asked = {"lead": lead_id, "names": list(names)}
    return {
        "decisions": connection.execute(_DECISIONS, asked).fetchall(),
        "consents": connection.execute(_CONSENTS, asked).fetchall(),
        "open approvals": connection.execute(_APPROVALS, asked).fetchall(),
    }
