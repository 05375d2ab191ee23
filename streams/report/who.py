"""Who is who: the leads of a workspace in PostgreSQL, and the people of a simulation by the same hashes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import sql

from models.identity import KINDS, identifier_hash, normalise, workspace_key
from sinks import Postgres
from sinks.postgres.connection import OPERATOR, explained
from streams.report.gather import Report, servers
from streams.report.identity_score import IdentityScore, Named, identity_score
from streams.settings import Settings, identity_key

_STRONG = KINDS[:4]


def who_is_who(settings: Settings, report: Report, who: Mapping[str, Any]) -> IdentityScore:
    """The leads of a simulated workspace against its people (``WhoIsWho.to_json``)."""
    workspace = who["scenario"]["workspace"]
    people = people_of(who["people"], workspace, identity_key(settings))
    conflicts = {row["kind"]: row["conflicts"] for row in report.conflicts if row["workspace_id"] == workspace}
    return identity_score(people, leads_of(servers(settings)[0], workspace), conflicts)


def people_of(rows: Sequence[Mapping[str, Any]], workspace: str, key: bytes) -> dict[str, Named]:
    """Each person's strong identifiers, hashed as the platform hashes them."""
    own_key = workspace_key(key, workspace)
    people = {}
    for row in rows:
        own, written = set(), set()
        for one in row["identifiers"]:
            normal = normalise(one["kind"], one["value"], row["region"]) if one["kind"] in _STRONG else None
            if normal is not None:
                hash_ = identifier_hash(own_key, *normal)
                written.add(hash_)
                if one["whose"] == "own" and one["until"] is None:
                    own.add(hash_)
        people[row["person"]] = Named(frozenset(own), frozenset(written))
    return people


def leads_of(server: Postgres, workspace: str) -> dict[str, set[str]]:
    """The strong identifiers of each lead, an identifier at the lead that it belongs to today."""
    leads: dict[str, set[str]] = defaultdict(set)
    with explained():
        connection = server.connect()
        try:
            connection.read_only = True
            connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(OPERATOR)))
            rows = connection.execute(
                "SELECT lead_id::text, identifier::text FROM current_bindings "
                "WHERE workspace_id = %s AND kind = ANY (%s)",
                (workspace, list(_STRONG)),
            )
            for lead, identifier in rows:
                leads[lead].add(identifier)
        finally:
            connection.close()
    return leads
