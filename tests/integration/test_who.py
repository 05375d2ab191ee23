"""Leads as PostgreSQL knows them today: each strong identifier where its newest binding says, of one workspace."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from psycopg import sql

from sinks.postgres.connection import Server
from sinks.postgres.tables import BINDINGS
from streams.report.who import leads_of
from streams.settings import Settings
from tests.support.sinks import own_postgres

BOUND = [
    ("a", "crm_id", "ann", 1, "harborline"),
    ("b", "email", "bob", 1, "harborline"),
    ("b", "email", "ann", 2, "harborline"),
    ("c", "phone", "bob", 1, "harborline"),
    ("d", "cookie_id", "ann", 1, "harborline"),
    ("e", "email", "eve", 1, "elsewhere"),
]


@pytest.fixture(scope="module")
def owner(stack: Settings) -> Iterator[Server]:
    with own_postgres(stack) as (made, _):
        yield made


def name(text: str) -> UUID:
    return UUID(bytes=text.encode().ljust(16, b"\0"))


def test_identifiers_are_at_the_lead_of_their_newest_binding(owner: Server) -> None:
    columns = [column for column, _ in BINDINGS.columns]
    insert = sql.SQL("INSERT INTO identifier_bindings ({}) VALUES ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(", ").join(map(sql.Placeholder, columns))
    )
    with owner.connect() as connection:
        for identifier, kind, lead, version, workspace in BOUND:
            row = {
                "identifier": name(identifier), "since": datetime(2026, 1, 31, tzinfo=UTC) + timedelta(days=version),
                "workspace_id": workspace, "region": "UAE", "kind": kind, "lead_id": name(lead), "version": version,
                "why": "first",
            }  # fmt: skip
            connection.execute(insert, {column: row[column] for column in columns})
    assert leads_of(owner, "harborline") == {
        str(name("ann")): {str(name("a")), str(name("b"))},
        str(name("bob")): {str(name("c"))},
    }
