"""`fineacers report`: what the platform knows, and whether all of it agrees."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated

import typer
from confluent_kafka import KafkaException
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from sinks.base import SinkError, Unavailable
from streams.cli.fail import REFUSED, fail
from streams.cli.options import moment
from streams.cli.printing import printer
from streams.kafka import told
from streams.report.gather import Report, come_to_rest, gather
from streams.report.rest import NotAtRest
from streams.report.show import as_json, show
from streams.settings import Settings, SettingsError, identity_key, load_settings
from streams.stage import Stage
from streams.topology import topology

TROUBLE = (SettingsError, SinkError, Unavailable, NotAtRest, KafkaException)


def report(
    known_at: Annotated[
        str | None,
        typer.Option(help="Revenue as it was known at this instant, whatever was learned later; ISO 8601 with a zone."),
    ] = None,
    effective_before: Annotated[
        str | None,
        typer.Option(
            help="Only revenue of what happened in the world before this instant; for a whole day give its end, the "
            "next midnight where the workspace is. ISO 8601 with a zone."
        ),
    ] = None,
    as_json_: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
) -> None:
    """Wait until the line has come to rest, then print funnel, temperatures, decisions on contact with the receipt of
    one, revenue by model, and the reconciliation.

    Revenue is a question of two times, which narrow it independently of each other. A cancellation on the 20th that
    became known on the 25th is left out by --known-at the 24th (nobody knew) and by --effective-before the 20th (it
    had not happened), and counts with --known-at the 25th alone. Knowledge is dated by the stage's last tick: what
    arrives within about a second after an instant may count as known at it. What changed between two instants:
    `fineacers changes`. The other figures are always those of now.

    Ends with 0 when Kafka, Postgres and ClickHouse agree to the record, with 1 when they differ, with 2 when the
    report could not be made.

    Examples:

        fineacers report

        fineacers report --known-at 2026-01-31T00:00:00Z --effective-before 2026-01-01T00:00:00Z --json
    """
    known, effective = moment("--known-at", known_at), moment("--effective-before", effective_before)
    try:
        settings = load_settings()
        rest(settings, topology(identity_key(settings)))
        found = gather(settings, known, effective)
    except TROUBLE as error:
        fail(told(error))
    if as_json_:
        typer.echo(json.dumps(as_json(found), indent=2, ensure_ascii=False))
    else:
        show(found, printer())
    end(found)


def rest(settings: Settings, stages: Sequence[Stage]) -> None:
    """Wait until the line has come to rest, with a bar for each reader."""
    with progress_bars() as bars:
        tasks = {}
        for step in come_to_rest(settings, stages):
            if step.reader not in tasks:
                tasks[step.reader] = bars.add_task(step.reader, total=step.end)
            bars.update(tasks[step.reader], completed=step.read, total=step.end)


def progress_bars() -> Progress:
    """Bars on stderr that say how many records of how many."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True))


def end(found: Report) -> None:
    """End with 1 if anything differs."""
    if found.reconciliation.differences:
        raise typer.Exit(REFUSED)
