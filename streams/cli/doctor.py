"""`fineacers doctor`: what is wrong with this machine or with the servers."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Column, Table
from rich.text import Text

from streams.cli.fail import fail
from streams.cli.printing import printer
from streams.local.checks import all_checks
from streams.settings import SettingsError, read_settings

_STYLE = {"ok": "green", "note": "yellow", "wrong": "bold red"}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False) -> None:
    """Check what the platform needs and whether the servers answer, and list all settings; ends with 1 if one is wrong.

    Examples:

        fineacers doctor

        fineacers doctor --json
    """
    try:
        settings = read_settings()
        checks = list(all_checks(settings))
    except SettingsError as error:
        fail(str(error), 1)
    if as_json:
        found = {"checks": [asdict(check) for check in checks], "settings": list(settings.shown())}
        typer.echo(json.dumps(found, indent=2))
    else:
        table = Table("check", "result", Column("found", overflow="fold"), box=None)
        for check in checks:
            table.add_row(check.name, Text(check.result, _STYLE[check.result]), Text(check.found))
        printer().print(table)
        known = Table(Column("setting", no_wrap=True), "value", Column("meaning", overflow="fold"), box=None)
        for setting in settings.shown():
            known.add_row(setting["name"], Text(setting["value"]), Text(setting["meaning"]))
        printer().print("", known)
    if any(check.result == "wrong" for check in checks):
        raise typer.Exit(1)
