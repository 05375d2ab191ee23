"""`fineacers doctor`: what is wrong with this machine or with the servers."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from streams.local.checks import all_checks
from streams.settings import SettingsError, read_settings

_STYLE = {"ok": "green", "note": "yellow", "wrong": "bold red"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> None:
    """Check what the platform needs and whether the servers answer; ends with 1 if something is wrong.

    Examples:

        fineacers doctor

        fineacers doctor --json
    """
    try:
        checks = list(all_checks(read_settings()))
    except SettingsError as error:
        Console(stderr=True).print(str(error), style="red", markup=False, highlight=False)
        raise typer.Exit(1) from None
    if as_json:
        typer.echo(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        table = Table("check", "result", Column("found", overflow="fold"), box=None)
        for check in checks:
            table.add_row(check.name, Text(check.result, _STYLE[check.result]), Text(check.found))
        Console().print(table)
    if any(check.result == "wrong" for check in checks):
        raise typer.Exit(1)
