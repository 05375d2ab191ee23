"""`fineacers sink`: keep one store up to date with the topics."""

from __future__ import annotations

import logging
import signal
import threading
from enum import StrEnum
from typing import Annotated, Any

import typer

from sinks import SINKS, ClickHouse, Postgres
from sinks.base import SinkError, Unavailable
from sinks.refusals import Refusals
from sinks.runner import run
from sinks.source import Source
from streams.cli.fail import fail
from streams.kafka import client_config, consumer_config, producer_config
from streams.settings import Settings, SettingsError, load_settings

# A store takes large batches: asking the broker for a handful of records again and again costs more than it gains.
_PATIENT = {"fetch.min.bytes": 65_536, "fetch.wait.max.ms": 250}

Store = StrEnum("Store", {name: name for name in SINKS})  # type: ignore[misc]  # the registry is the list


def sink(
    store: Annotated[Store, typer.Argument(help="The store to fill.")],
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="First delete all that the sink ever wrote there, and read from the start."),
    ] = False,
) -> None:
    """Write accepted facts and the platform's decisions into a store, for ever, each exactly once.

    Only one process may run for a store: a second one takes it over and the first one stops.

    Examples:

        fineacers sink postgres

        fineacers sink clickhouse --rebuild
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    name = str(store)
    try:
        settings = load_settings("kafka", name)  # type: ignore[arg-type]  # the names of stores
        if rebuild:
            SINKS[name].rebuild(server(settings, name, owner=True))
        role = f"sink-{name}"
        consumer = {**consumer_config(settings, role, f"fineacers.{role}"), **_PATIENT}
        source = Source(name, client_config(settings, role), consumer)
        run(SINKS[name].sink(server(settings, name)), source, Refusals(name, producer_config(settings, role)), stop)
    except (SinkError, SettingsError, Unavailable) as error:
        fail(str(error))


def server(settings: Settings, store: str, *, owner: bool = False) -> Any:
    """Where a store is, with the login of its sink or of the owner of its schema."""
    if store == "postgres":
        return Postgres(**settings.postgres("admin" if owner else "sink"))
    return ClickHouse(**settings.clickhouse("sink"))
