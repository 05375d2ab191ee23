"""`fineacers dead-letters`: what was refused, why, and what to do about it."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from streams.cli.audit import audit_reveal
from streams.cli.dead_letters_quarantine import quarantine
from streams.cli.dead_letters_replay import replay
from streams.cli.fail import fail
from streams.cli.letters import COLUMNS, named, where
from streams.cli.masking import Reveal
from streams.cli.operator_database import database
from streams.cli.originals import readable_original
from streams.cli.printing import printer
from streams.cli.remedies import remedy

app = typer.Typer(no_args_is_help=True, help="Records, rows and lines that were refused: what, why, and what to do.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_LIST = f"""
    SELECT {COLUMNS} FROM dead_letters
    WHERE (%(reason)s::text IS NULL OR reason = %(reason)s) AND (%(topic)s::text IS NULL OR topic = %(topic)s)
    ORDER BY arrived_at DESC, event_id LIMIT %(limit)s
"""  # noqa: S608 constants only
_COUNT = """
    SELECT count(*) AS count FROM dead_letters
    WHERE (%(reason)s::text IS NULL OR reason = %(reason)s) AND (%(topic)s::text IS NULL OR topic = %(topic)s)
"""
_ONE = f"""
    SELECT {COLUMNS}, fact_id::text, original FROM dead_letters
    WHERE event_id = %(id)s::uuid OR (topic = %(topic)s AND partition = %(partition)s AND "offset" = %(offset)s)
    ORDER BY arrived_at DESC, event_id
"""  # noqa: S608 constants only

app.command("replay")(replay)
app.command("quarantine")(quarantine)


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
    with database() as connection:
        found = connection.execute(_LIST, wanted).fetchall()
        total = connection.execute(_COUNT, wanted).fetchone()
    if as_json:
        typer.echo(json.dumps([_form(row) for row in found], indent=2))
        return
    table = Table(
        "arrived",
        Column("reason", no_wrap=True),
        Column("where", no_wrap=True),
        "stage",
        "workspace",
        Column("detail", overflow="fold"),
        box=None,
    )
    for row in found:
        arrived = f"{row['arrived_at']:%Y-%m-%d %H:%M:%S}"
        table.add_row(arrived, row["reason"], where(row), row["stage"], row["workspace_id"], row["detail"])
    printer().print(table)
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

        fineacers dead-letters show bookings:1:1041

        fineacers dead-letters show file:hotel_bookings.csv.gz:0:17 --reveal
    """
    with database() as connection:
        found = connection.execute(_ONE, named(which)).fetchall()
    if not found:
        fail(f"no dead letter {which} in the database; `fineacers dead-letters list` shows those there are")
    if reveal:
        ids = {"dead_letters": [str(row["event_id"]) for row in found]}
        audit_reveal("dead-letters show", f"dead letter {which}", ids)
    letters = [(row, readable_original(row["original"], wire=_came_by_kafka(row), reveal=reveal)) for row in found]
    if as_json:
        forms = [{**_form(row), "remedy": remedy(row["reason"]), "original": text} for row, text in letters]
        typer.echo(json.dumps(forms, indent=2, ensure_ascii=False))
        return
    for row, text in letters:
        typer.echo(
            f"{row['reason']}: {row['detail']}\n\n"
            f"where      {where(row)}, refused by {row['stage']}\n"
            f"arrived    {row['arrived_at'].isoformat()}\n"
            f"workspace  {row['workspace_id']}\n"
            f"fact       {row['fact_type'] or 'unknown type'} {row['fact_id'] or ''}\n"
            f"id         {row['event_id']}\n\n"
            f"{remedy(row['reason'])}{_replay(row)}\n\n{text}\n"
        )


def _came_by_kafka(row: dict[str, Any]) -> bool:
    return row["topic"] != "stdin" and not row["topic"].startswith("file:")


def _replay(row: dict[str, Any]) -> str:
    """How to publish a fact again; a row of a file comes again with its file."""
    if row["topic"].startswith("file:"):
        return ""
    return f"\nOr correct it here: fineacers dead-letters replay {row['event_id']} --fix FIX.yaml"


def _form(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON, without its original."""
    return {**{k: v for k, v in row.items() if k != "original"}, "arrived_at": row["arrived_at"].isoformat()}
