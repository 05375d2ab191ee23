"""`fineacers import`: files of rows become facts."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from schemas.topics import FACT_TOPIC, MESSAGES
from streams.cli.fail import REFUSED, fail
from streams.cli.printing import printer
from streams.settings import SettingsError, load_settings
from streams.sources.expressions import MappingError
from streams.sources.files import OpenFile, Row, UnreadableFileError, opened, rows
from streams.sources.imports import Tally, door_of, publications
from streams.sources.mapping import Mapping, load_mapping
from streams.sources.publisher import Publisher, PublishError
from streams.sources.refusals import DEAD_LETTERS

_BAR_EVERY_ROWS = 1_000


def import_(
    mapping: Annotated[str, typer.Argument(help="A known mapping's name, or the path of a .yaml file.")],
    files: Annotated[list[Path], typer.Argument(help="Files to read, gzip or not.")],
    workspace: Annotated[str, typer.Option(help="Workspace that the facts belong to.")] = "import",
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Turn the rows of files into facts and publish them; importing a file again changes nothing.

    A mapping (schemas/mappings) says what the columns mean. A row that cannot be read as the mapping says becomes a
    dead letter under its file and row number and the rest goes on: see `fineacers dead-letters list`.

    Ends with 0 when every row became facts, with 1 when some became dead letters, with 2 when a file, the mapping or
    Kafka failed.

    Examples:

        fineacers import hotel_bookings hotel_bookings.csv.gz

        fineacers import hotel_bookings bookings.csv --workspace sunny-hotels --json

        fineacers import ./crm_leads.yaml monday.jsonl tuesday.jsonl
    """
    tally, started = Tally(), time.monotonic()
    try:
        settings, known = load_settings("kafka"), _usable(mapping, files, workspace)
        publisher = Publisher(settings, "import")
        publisher.need({DEAD_LETTERS.name, *(FACT_TOPIC[MESSAGES[name]].name for name in known.types)})
    except (SettingsError, MappingError, PublishError) as error:
        fail(str(error))
    failure = None
    try:
        with _progress() as bars:
            for path in files:
                _import_file(known, path, workspace, publisher=publisher, bars=bars, tally=tally)
    except (UnreadableFileError, PublishError) as error:
        failure = str(error)
    try:
        publisher.flush()
    except PublishError as error:
        failure = failure or str(error)
    _summary(known, tally, time.monotonic() - started, as_json=as_json, failure=failure)
    if failure is not None:
        read = f"{tally.rows:,} rows were imported before; when that is mended, import the same files again"
        fail(f"{failure}\n{read}" if tally.rows else failure)
    if tally.refused:
        raise typer.Exit(REFUSED)


def _usable(name: str, paths: list[Path], workspace: str) -> Mapping:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,62}", workspace):
        raise MappingError("--workspace: lower-case letters, digits, dot, dash and underscore, at most 63")
    mapping = load_mapping(name)
    if mapping.numbers_rows and len(paths) > 1:
        raise MappingError(
            f"mapping {name} knows rows by their number in the file, so that rows of two files would be taken for the "
            "same: give one file, or each file its own --workspace"
        )
    return mapping


def _import_file(
    mapping: Mapping, path: Path, workspace: str, *, publisher: Publisher, bars: Progress, tally: Tally
) -> None:
    with opened(path) as file:
        bar = bars.add_task(path.name, total=file.size)
        read = _watched(rows(mapping, file.content, path), file, bars, bar)
        publisher.publish(publications(mapping, read, door_of(path, workspace, _now()), tally))
        bars.update(bar, completed=file.size)


def _watched(read: Iterable[Row], file: OpenFile, bars: Progress, bar: object) -> Iterator[Row]:
    """The same rows, the bar moved by the bytes of the stored file that they took."""
    for count, row in enumerate(read):
        if count % _BAR_EVERY_ROWS == 0:
            bars.update(bar, completed=file.position())  # type: ignore[arg-type]
        yield row


@contextmanager
def _progress() -> Iterator[Progress]:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=False) as bars:
        yield bars


def _now() -> int:
    return time.time_ns() // 1_000


def _summary(mapping: Mapping, tally: Tally, seconds: float, *, as_json: bool, failure: str | None) -> None:
    facts = tally.facts.total()
    if as_json:
        figures = {
            "mapping": mapping.name,
            "complete": failure is None,
            "rows": tally.rows,
            "facts": dict(tally.facts),
            "dead_letters": dict(tally.refused),
            "seconds": round(seconds, 3),
        }
        typer.echo(json.dumps(figures, indent=2))
        return
    table = Table(box=None, show_header=False)
    table.add_row("rows read", f"{tally.rows:,}")
    for topic, count in sorted(tally.facts.items()):
        table.add_row(f"facts in {topic}", f"{count:,}")
    for reason, count in sorted(tally.refused.items()):
        table.add_row(f"dead letters {reason}", f"{count:,}")
    table.add_row("seconds", f"{seconds:,.1f} ({facts / max(seconds, 1e-9):,.0f} facts/s)")
    printer().print(table)
