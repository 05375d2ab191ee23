"""`fineacers migrate`: bring topics and tables to what this version of the platform needs."""

from __future__ import annotations

import json
from typing import Annotated

import psycopg
import typer
from clickhouse_connect.driver.exceptions import Error as ClickHouseError
from confluent_kafka import KafkaException

from sinks.base import SinkError, Unavailable
from sinks.clickhouse import migrate as clickhouse
from sinks.clickhouse.client import Server as ClickHouse
from sinks.postgres import migrate as postgres
from sinks.postgres.connection import Server as Postgres
from streams.cli.fail import fail
from streams.kafka import told
from streams.migrate import MigrateError, migrate_topics
from streams.settings import SettingsError, identity_key, load_settings
from streams.topology import topology


def migrate(as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False) -> None:
    """Create and alter topics, PostgreSQL tables and ClickHouse tables; nothing to do the second time.

    Examples:

        fineacers migrate

        fineacers migrate --json
    """
    try:
        settings = load_settings()
        done = {
            "kafka": migrate_topics(settings, topology(identity_key(settings))),
            "postgres": postgres.migrate(
                Postgres(**settings.postgres("admin")),
                settings.need("postgres_sink_password"),
                settings.need("postgres_reader_password"),
            ),
            "clickhouse": clickhouse.migrate(ClickHouse(**settings.clickhouse("sink"))),
        }
    except (MigrateError, SettingsError, SinkError, Unavailable) as error:
        fail(str(error))
    except (KafkaException, psycopg.Error, ClickHouseError) as error:
        fail(f"cannot migrate: {told(error)}")
    if as_json:
        typer.echo(json.dumps(done, indent=2))
        return
    for store, lines in done.items():
        typer.echo(f"{store}: " + ("nothing to do" if not lines else "; ".join(lines)))
