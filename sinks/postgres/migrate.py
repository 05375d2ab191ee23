"""Bring a PostgreSQL's tables, views and roles up to date: numbered SQL files, each applied once, in order."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg import sql

from sinks.base import SinkError
from sinks.migrations import load, pending
from sinks.postgres.connection import OPERATOR, READER, SINK, Server

_LOCK = 7_310_413_002  # any number that nobody else locks


def migrate(server: Server, sink_password: str, reader_password: str) -> list[str]:
    """Apply what is missing, set the passwords of the two login roles; returns the names of the applied files.

    Args:
        server: with the login of the owner of the schema, who may create roles.

    Raises:
        SinkError: see ``sinks.migrations.pending``; or a statement failed, and nothing of its file was applied.
        Unavailable: nobody answers.
    """
    connection = server.connect(autocommit=True)
    try:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        _ensure_roles(connection, {SINK: sink_password, READER: reader_password})
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations (number int PRIMARY KEY, name text NOT NULL, "
            "checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        applied = dict(connection.execute("SELECT number, checksum FROM migrations").fetchall())
        names = []
        for migration in pending(load("sinks.postgres"), applied):
            with connection.transaction():
                connection.execute(migration.text.encode())
                connection.execute(
                    "INSERT INTO migrations (number, name, checksum) VALUES (%s, %s, %s)",
                    (migration.number, migration.name, migration.checksum),
                )
            names.append(f"{migration.number:03}_{migration.name}")
        return names
    except psycopg.Error as error:
        raise SinkError(f"PostgreSQL migration failed: {error}") from error
    finally:
        connection.close()


def rebuild(server: Server) -> None:
    """Empty everything that the sink wrote, positions included, so that it is filled anew from the topics.

    What people did by hand (the audit log) is in no topic and stays.

    Args:
        server: with the login of the owner of the schema.
    """
    connection = server.connect()
    try:
        tables = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' "
            "AND tablename NOT IN ('migrations', 'audit_log')"
        ).fetchall()
        names = sql.SQL(", ").join(sql.Identifier(name) for (name,) in tables)
        connection.execute(sql.SQL("TRUNCATE {}").format(names))
        connection.commit()
    finally:
        connection.close()


def _ensure_roles(connection: psycopg.Connection[tuple[Any, ...]], passwords: dict[str, str]) -> None:
    """Make the roles once; passwords are sent as verifiers, so that no statement or server log holds one."""
    existing = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
    with connection.transaction():
        for role in (OPERATOR, *passwords):
            if role not in existing:
                connection.execute(sql.SQL("CREATE ROLE {} NOINHERIT").format(sql.Identifier(role)))
        if OPERATOR not in existing:
            connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(OPERATOR)))
        for role, password in passwords.items():
            verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256")
            connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier.decode()))
            )
