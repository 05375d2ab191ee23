"""Stores that hold what the platform says: PostgreSQL what is true now, ClickHouse what happened.

A new sink is a folder here and a line in ``SINKS``; the shared contract tests run by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sinks.base import Sink
from sinks.clickhouse import migrate as clickhouse_migrate
from sinks.clickhouse.client import Server as ClickHouse
from sinks.clickhouse.sink import ClickHouseSink
from sinks.postgres import migrate as postgres_migrate
from sinks.postgres.connection import Server as Postgres
from sinks.postgres.sink import PostgresSink


@dataclass(frozen=True)
class Kind:
    """How a store is written to, and emptied."""

    sink: Callable[[Any], Sink]
    """From the store's server with the login of the sink."""
    rebuild: Callable[[Any], None]
    """Empties the store, from its server with the login of the owner."""


SINKS: dict[str, Kind] = {
    "postgres": Kind(PostgresSink, postgres_migrate.rebuild),
    "clickhouse": Kind(ClickHouseSink, clickhouse_migrate.rebuild),
}

__all__ = ["SINKS", "ClickHouse", "Kind", "Postgres", "Sink"]
