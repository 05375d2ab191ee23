"""`fineacers up`: start everything on this machine."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from streams.cli.fail import fail
from streams.cli.printing import printer
from streams.local import stack
from streams.local.services import PLATFORM
from streams.local.state import LocalStackError, StateFolder
from streams.settings import STORES, SettingsError, read_settings


def up(
    only_stores: Annotated[
        bool, typer.Option("--only-stores", help="Start Kafka, PostgreSQL and ClickHouse, not the platform.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what runs as JSON.")] = False,
) -> None:
    """Start Kafka, PostgreSQL and ClickHouse on this machine, then the platform. Run it again at any time.

    Everything is kept in one folder (FINEACERS_STATE_DIR, default .fineacers). A store whose address is set in the
    environment is used where it is and not started here.

    Examples:

        fineacers up

        fineacers up --only-stores

        FINEACERS_KAFKA_BOOTSTRAP=kafka.example:9092 fineacers up
    """
    try:
        settings = read_settings()
        with _progress() as progress:
            started = stack.start(settings, STORES if only_stores else (*STORES, *PLATFORM), progress=progress)
    except (LocalStackError, SettingsError) as error:
        fail(str(error), 1)
    status = StateFolder(settings.state_dir).status()
    running = {name: status[name] for name in started.services}
    if as_json:
        facts = {"was_running": started.was_running, "elsewhere": started.elsewhere, "services": running}
        typer.echo(json.dumps(facts, indent=2))
        return
    table = Table("service", "state", "pid", "where", box=None)
    for name, known in running.items():
        table.add_row(name, known["state"], str(known["pid"] or ""), _address(started, name))
    for name in started.elsewhere:
        table.add_row(name, "elsewhere", "", _address(started, name))
    printer().print(table)
    printer().print(
        "everything already ran" if started.was_running else "started", "-", f"logs in {settings.state_dir}/logs"
    )


def _address(started: stack.Started, name: str) -> str:
    settings = started.settings
    where = {
        "kafka": settings.kafka_bootstrap,
        "postgres": f"{settings.postgres_host}:{settings.postgres_port}/{settings.postgres_database}",
        "clickhouse": settings.clickhouse_url,
        "gateway": settings.gateway_address,
    }
    return where.get(name) or ""


@contextmanager
def _progress() -> Iterator[stack.Progress]:
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True)
    ) as bars:
        tasks = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        yield show
