"""`fineacers dead-letters`: what was refused, why, and what to do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import psycopg
import typer
from psycopg.rows import dict_row
from rich.console import Console
from rich.table import Table

from streams.cli.fail import fail
from streams.cli.masking import Reveal, log_reveal
from streams.cli.originals import readable_original
from streams.cli.remedies import remedy
from streams.settings import SettingsError, load_settings

app = typer.Typer(no_args_is_help=True, help="Records, rows and lines that were refused: what, why, and what to do.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_OPERATOR = "fineacers_operator"  # readers may not see dead letters: the originals hold personal data
_COLUMNS = (
    'event_id::text, workspace_id, region, stage, reason, detail, topic, partition, "offset", arrived_at, fact_type'
)
_LIST = f"""
    SELECT {_COLUMNS} FROM dead_letters
    WHERE (%(reason)s::text IS NULL OR reason = %(reason)s) AND (%(topic)s::text IS NULL OR topic = %(topic)s)
    ORDER BY arrived_at DESC, event_id LIMIT %(limit)s
"""  # noqa: S608 constants only
_COUNT = """
    SELECT count(*) AS count FROM dead_letters
    WHERE (%(reason)s::text IS NULL OR reason = %(reason)s) AND (%(topic)s::text IS NULL OR topic = %(topic)s)
"""
_ONE = f"""
    SELECT {_COLUMNS}, fact_id::text, original FROM dead_letters
    WHERE event_id = %(id)s::uuid OR (topic = %(topic)s AND partition = %(partition)s AND "offset" = %(offset)s)
    ORDER BY arrived_at DESC, event_id
"""  # noqa: S608 constants only
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_COORDINATES = re.compile(r"(?P<topic>.+):(?P<partition>\d+):(?P<offset>\d+)")


@app.command("list")
def list_(
    reason: Annotated[str | None, typer.Option(help="Only those with this reason code.")] = None,
    topic: Annotated[
        str | None, typer.Option(help="Only those from this topic, such as bookings or file:x.csv.")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many, the newest first.", min=1)] = 50,
    as_json: AsJson = False,
) -> None:
    """List dead letters, the newest first.

    Examples:

        fineacers dead-letters list

        fineacers dead-letters list --reason bad_amount --topic bookings --json
    """
    wanted = {"reason": reason, "topic": topic, "limit": limit}
    with _database() as database:
        found = database.execute(_LIST, wanted).fetchall()
        total = database.execute(_COUNT, wanted).fetchone()
    if as_json:
        typer.echo(json.dumps([_form(row) for row in found], indent=2))
        return
    table = Table("arrived", "reason", "where", "stage", "workspace", "detail", box=None)
    for row in found:
        arrived = f"{row['arrived_at']:%Y-%m-%d %H:%M:%S}"
        table.add_row(arrived, row["reason"], _where(row), row["stage"], row["workspace_id"], row["detail"])
    Console(markup=False).print(table)
    typer.echo(
        f"{len(found):,} of {total['count'] if total else 0:,}; `fineacers dead-letters show WHERE` explains one"
    )


@app.command()
def show(
    which: Annotated[str, typer.Argument(metavar="ID|TOPIC:P:OFFSET", help="A dead letter's id, or where it stood.")],
    reveal: Reveal = False,
    as_json: AsJson = False,
) -> None:
    """Explain a dead letter: what was wrong, where, what to do, and the original with personal values masked.

    Ends with 2 when there is none such.

    Examples:

        fineacers dead-letters show bookings:2:1041

        fineacers dead-letters show file:hotel_bookings.csv.gz:0:17 --reveal
    """
    with _database() as database:
        found = database.execute(_ONE, _wanted(which)).fetchall()
    if not found:
        fail(f"no dead letter {which} in the database; `fineacers dead-letters list` shows those there are")
    if reveal:
        log_reveal(f"dead letter {which}")
    letters = [(row, readable_original(row["original"], wire=_came_by_kafka(row), reveal=reveal)) for row in found]
    if as_json:
        forms = [{**_form(row), "remedy": remedy(row["reason"]), "original": text} for row, text in letters]
        typer.echo(json.dumps(forms, indent=2, ensure_ascii=False))
        return
    for row, text in letters:
        typer.echo(
            f"{row['reason']}: {row['detail']}\n\n"
            f"where      {_where(row)}, refused by {row['stage']}\n"
            f"arrived    {row['arrived_at'].isoformat()}\n"
            f"workspace  {row['workspace_id']}\n"
            f"fact       {row['fact_type'] or 'unknown type'} {row['fact_id'] or ''}\n"
            f"id         {row['event_id']}\n\n"
            f"{remedy(row['reason'])}\n\n{text}\n"
        )


@contextmanager
def _database() -> Iterator[psycopg.Connection[dict[str, Any]]]:
    """A connection that sees all dead letters and can change nothing."""
    try:
        login = load_settings("postgres").postgres("admin")
        with psycopg.connect(**login, connect_timeout=10, row_factory=dict_row) as database:
            database.read_only = True
            database.execute(f"SET ROLE {_OPERATOR}")
            yield database
    except SettingsError as error:
        fail(str(error))
    except (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedObject, psycopg.errors.InvalidParameterValue):
        fail("the database has no dead letters' table yet: run `fineacers migrate`")
    except psycopg.Error as error:
        fail(f"PostgreSQL: {str(error).splitlines()[0]}")


def _wanted(which: str) -> dict[str, Any]:
    if _UUID.fullmatch(which):
        return {"id": which, "topic": None, "partition": None, "offset": None}
    place = _COORDINATES.fullmatch(which)
    if place is None:
        fail(f"{which} is neither an id nor TOPIC:PARTITION:OFFSET, such as bookings:2:1041")
    return {"id": None, **place.groupdict()}


def _came_by_kafka(row: dict[str, Any]) -> bool:
    return row["topic"] != "stdin" and not row["topic"].startswith("file:")


def _where(row: dict[str, Any]) -> str:
    return f"{row['topic']}:{row['partition']}:{row['offset']}"


def _form(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON, without its original."""
    return {**{k: v for k, v in row.items() if k != "original"}, "arrived_at": row["arrived_at"].isoformat()}
