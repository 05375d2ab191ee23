"""What PostgreSQL knows of who is who: bindings, links, merges and splits, conflicts, bookings, acts of operators."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, LiteralString

import psycopg

from models.identity import STRONG
from models.identity.erasure import somebody
from streams.report.identity import Held as Holds
from streams.report.identity import Preview, held, preview
from streams.report.sweep import Held

Connection = psycopg.Connection[dict[str, Any]]
Rows = list[dict[str, Any]]

# All bindings of whatever is or was of a lead, and of the identifiers that the leads are named after.
_BINDINGS = """
    SELECT identifier::text, kind, lead_id::text, region, since, version, why FROM identifier_bindings
    WHERE identifier IN (SELECT identifier FROM identifier_bindings WHERE lead_id = ANY(%(leads)s::uuid[]))
       OR identifier = ANY(%(leads)s::uuid[])
"""
_NAMED = "SELECT DISTINCT lead_id::text FROM identifier_bindings WHERE identifier = ANY(%s::uuid[])"
_REGIONS = "SELECT lead_id::text, region FROM leads WHERE lead_id = ANY(%s::uuid[])"
# The view alone would look at every booking there is.
_OF_LEADS = """
    current_bookings b
    WHERE b.lead_id = ANY(%(leads)s::uuid[]) AND (b.workspace_id, b.booking_id) IN (
        SELECT workspace_id, booking_id FROM bookings WHERE lead_id = ANY(%(leads)s::uuid[])
        UNION
        SELECT k.workspace_id, k.booking_id FROM bookings k JOIN identifier_bindings i USING (identifier)
        WHERE i.lead_id = ANY(%(leads)s::uuid[])
    )
"""
_BOOKED = f"""
    SELECT b.lead_id::text, b.currency, count(*) AS bookings, sum(b.net_minor)::bigint AS net_minor FROM {_OF_LEADS}
    GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608 - the text is our own
_BOOKINGS = f"""
    SELECT b.booking_id, b.revision, b.status, b.amount_minor, b.retained_minor, b.currency, b.booked_at,
           b.property_id
    FROM {_OF_LEADS} ORDER BY b.booked_at, b.booking_id
"""  # noqa: S608 - the text is our own
_CHANGES = """
    SELECT change, lead_id::text, into_lead_id::text, identifiers::text[], decision, occurred_at FROM identity_changes
    WHERE lead_id = %(lead)s OR into_lead_id = %(lead)s ORDER BY occurred_at, decision, change
"""
_CONFLICTS = """
    SELECT conflict_id::text, kind, identifiers::text[], since, leads::text[] FROM open_conflicts
    WHERE identifiers && %s::uuid[] ORDER BY since, conflict_id
"""
_LINKS = """
    SELECT identifier::text, kind, other::text, other_kind, occurred_at, fact_id::text, fact_topic, fact_source
    FROM identifier_links WHERE identifier = ANY(%(names)s::uuid[]) OR other = ANY(%(names)s::uuid[])
    ORDER BY occurred_at, fact_id, identifier, other
"""
_STATEMENTS = """
    SELECT says, identifiers::text[], others::text[], transfer_basis, occurred_at, event_id::text, source
    FROM identity_statements WHERE identifiers && %(names)s::uuid[] OR others && %(names)s::uuid[]
    ORDER BY occurred_at, event_id
"""
_ACTS = """
    SELECT at, who, command, reason, event_id::text, ids FROM audit_log
    WHERE command IN ('identity link', 'identity split', 'identity erase')
      AND (ids -> 'identifiers' ?| %(names)s::text[] OR ids -> 'take' ?| %(names)s::text[]
           OR ids -> 'erased' ?| %(names)s::text[]
           OR ids -> 'keep' ?| %(names)s::text[])
    ORDER BY entry
"""


_POLICIES = """
    SELECT version, region, applies_from, document FROM policies WHERE workspace_id = %s
"""
_OF_WORKSPACE: dict[str, LiteralString] = {
    "sightings": """
        SELECT identifier::text, kind, region, occurred_at, fact_id::text FROM identifier_sightings
        WHERE workspace_id = %(workspace)s
    """,
    "links": """
        SELECT identifier::text, other::text, occurred_at, fact_id::text FROM identifier_links
        WHERE workspace_id = %(workspace)s
    """,
    "statements": """
        SELECT says, identifiers::text[], others::text[], transfer_basis, occurred_at, event_id::text
        FROM identity_statements WHERE workspace_id = %(workspace)s
    """,
    "shared": """
        SELECT unnest(identifiers)::text AS identifier FROM identity_conflicts
        WHERE workspace_id = %(workspace)s AND open AND kind = 'shared'
    """,
    "leads": """
        SELECT identifier::text, lead_id::text FROM current_bindings
        WHERE workspace_id = %(workspace)s AND kind = ANY(%(strong)s)
    """,
}


def policies(connection: Connection, workspace: str) -> Rows:
    """All versions of a workspace's policy."""
    return connection.execute(_POLICIES, (workspace,)).fetchall()


def held_of(connection: Connection, workspace: str) -> Held:
    """All that leads of a workspace are decided by, and the leads of today."""
    given = {"workspace": workspace, "strong": list(STRONG)}
    rows = {name: connection.execute(query, given).fetchall() for name, query in _OF_WORKSPACE.items()}
    return Held(
        rows["sightings"],
        rows["links"],
        rows["statements"],
        [row["identifier"] for row in rows["shared"]],
        {row["identifier"]: row["lead_id"] for row in rows["leads"]},
    )


def booked(connection: Connection, leads: Collection[str]) -> Rows:
    """How many bookings some leads have, and their net revenue, by lead and currency."""
    return connection.execute(_BOOKED, {"leads": list(leads)}).fetchall()


def bindings(connection: Connection, leads: Collection[str]) -> tuple[list[Holds], dict[str, str]]:
    """What holds of every identifier that is or was of some leads, and the leads' home regions."""
    rows = connection.execute(_BINDINGS, {"leads": list(leads)}).fetchall()
    regions = {row["lead_id"]: row["region"] for row in rows}
    profiled = connection.execute(_REGIONS, (list(regions),)).fetchall()
    return held(rows), {**regions, **{row["lead_id"]: row["region"] for row in profiled}}


def preview_of(connection: Connection, named: Mapping[str, str]) -> Preview:
    """What an act on identifiers is about; ``named``: in words, by hash."""
    leads = sorted(somebody(row["lead_id"] for row in connection.execute(_NAMED, (list(named),)).fetchall()))
    holds, regions = bindings(connection, leads)
    return preview(named, holds, regions, booked(connection, leads))


def bookings(connection: Connection, lead_id: str) -> Rows:
    """A lead's bookings of today."""
    return connection.execute(_BOOKINGS, {"leads": [lead_id]}).fetchall()


def changes(connection: Connection, lead_id: str) -> Rows:
    """Merges and splits of a lead, away from it and into it."""
    return connection.execute(_CHANGES, {"lead": lead_id}).fetchall()


def conflicts(connection: Connection, identifiers: Collection[str]) -> Rows:
    """Open conflicts that some identifiers are part of."""
    return connection.execute(_CONFLICTS, (list(identifiers),)).fetchall()


def links(connection: Connection, identifiers: Collection[str]) -> Rows:
    """Observed links at some identifiers, each with the earliest fact that named both of its ends."""
    return connection.execute(_LINKS, {"names": list(identifiers)}).fetchall()


def statements(connection: Connection, identifiers: Collection[str]) -> Rows:
    """What people and systems said on purpose of some identifiers."""
    return connection.execute(_STATEMENTS, {"names": list(identifiers)}).fetchall()


def acts(connection: Connection, identifiers: Collection[str]) -> Rows:
    """What operators linked and split by hand of some identifiers."""
    return connection.execute(_ACTS, {"names": list(identifiers)}).fetchall()
