"""Bring a ClickHouse's tables and views up to date: numbered SQL files, each applied once, in order.

ClickHouse has no transactions for this. Every statement is therefore repeatable (``IF NOT EXISTS``, ``OR REPLACE``),
and a file counts as applied only after its last one; a file cut short is simply run again, also by two at once.
"""

from __future__ import annotations

import json
import re

from sinks.clickhouse.client import Client, Server
from sinks.clickhouse.journal import POSITIONS, Journal
from sinks.migrations import load, pending

_CREATE_MIGRATIONS = """CREATE TABLE IF NOT EXISTS migrations
(number UInt32, name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC'))
ENGINE = ReplacingMergeTree ORDER BY number SETTINGS non_replicated_deduplication_window = 1000"""


def migrate(server: Server) -> list[str]:
    """Apply what is missing; returns the names of the applied files.

    Raises:
        SinkError: see ``sinks.migrations.pending``; or a statement failed: repair, and run it again.
        Unavailable: nobody answers.
    """
    client = Client(server, create_database=True)
    try:
        client.command(_CREATE_MIGRATIONS)
        applied = {int(number): str(sum_) for number, sum_ in client.rows("SELECT number, checksum FROM migrations")}
        names = []
        for migration in pending(load("sinks.clickhouse"), applied):
            for statement in statements(migration.text):
                client.command(statement)
            row = {"number": migration.number, "name": migration.name, "checksum": migration.checksum}
            client.insert("migrations", list(row), json.dumps(row).encode(), "JSONEachRow", migration.checksum)
            names.append(f"{migration.number:03}_{migration.name}")
        return names
    finally:
        client.close()


def rebuild(server: Server) -> None:
    """Drop everything and make it anew, empty, to be filled from the topics.

    The numbers of batches stay, and with them the fence: a sink that still runs must not go on in the empty tables from
    where it stood in the full ones. Cut short, the store refuses to be filled until this is run again.
    """
    client = Client(server)
    try:
        named = client.rows(
            """
            SELECT name, engine LIKE '%View' AS view FROM system.tables WHERE database = currentDatabase()
            ORDER BY name = 'migrations', view DESC
            """
        )
        journal = Journal(client, "clickhouse")
        is_fenced = (POSITIONS, 0) in [tuple(row) for row in named]  # without the table nothing can be written
        if is_fenced:
            journal.begin_rebuild()
        for name, is_view in named:
            if name != POSITIONS:
                client.command(f"DROP {'VIEW' if is_view else 'TABLE'} IF EXISTS `{name}` SYNC")
        migrate(server)
        if is_fenced:
            journal.end_rebuild()
    finally:
        client.close()


def statements(text: str) -> list[str]:
    """The statements of a file: each ends with a semicolon at the end of a line; comment lines are left out."""
    bare = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return [part.strip() for part in re.split(r";[ \t]*(?:\n|$)", bare) if part.strip()]
