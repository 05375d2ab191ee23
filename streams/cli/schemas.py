"""`fineacers schemas`: the committed schemas against the types in code."""

from __future__ import annotations

import typer

from schemas.export import check as check_schemas
from schemas.export import export as export_schemas
from streams.cli.fail import REFUSED, fail

app = typer.Typer(
    no_args_is_help=True, help="Check the committed Avro schemas against the types, or write new versions."
)


@app.command()
def check() -> None:
    """Check that schemas/avro fits the event types, that new types read old records and that no field lost its class.

    Ends with 0 when all is well and with 1 when something is wrong.

    Example:

        fineacers schemas check
    """
    problems = check_schemas()
    for problem in problems:
        typer.echo(problem, err=True)
    if problems:
        raise typer.Exit(REFUSED)
    typer.echo("schemas fit the types")


@app.command()
def export() -> None:
    """Write a new version of each type that changed, and its id, into schemas/avro; refuse breaking changes.

    Ends with 2 when a change would break readers of old records; nothing of that type is written then.

    Example:

        fineacers schemas export
    """
    try:
        written = export_schemas()
    except ValueError as error:
        fail(str(error))
    for name in written:
        typer.echo(f"wrote {name}")
    if not written:
        typer.echo("nothing changed")
