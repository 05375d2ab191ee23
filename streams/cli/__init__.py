"""The command line: one file per command, put together here."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module

import typer

from streams.cli.fail import FAILED, complain
from streams.settings import SettingsError

# Command -> its file in this folder and what that file calls it; a Typer is a group of commands.
_COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("up", "up"),
    "demo": ("demo", "demo"),
    "down": ("down", "down"),
    "doctor": ("doctor", "doctor"),
    "import": ("import_", "import_"),
    "publish": ("publish", "publish"),
    "tail": ("tail", "tail"),
    "replay": ("replay", "replay_"),
    "report": ("report", "report"),
    "changes": ("changes", "changes"),
    "attribute": ("attribute", "attribute"),
    "topology": ("topology", "topology_"),
    "topics": ("topics", "topics"),
    "migrate": ("migrate", "migrate"),
    "worker": ("worker", "worker"),
    "sink": ("sink", "sink"),
    "effects": ("effects", "effects"),
    "gateway": ("gateway", "gateway"),
    "lead": ("lead", "app"),
    "identity": ("identity", "app"),
    "booking": ("booking", "app"),
    "approvals": ("approvals", "app"),
    "dead-letters": ("dead_letters", "app"),
    "schemas": ("schemas", "app"),
}


def command_line(names: Iterable[str] = tuple(_COMMANDS)) -> typer.Typer:
    """The program ``fineacers`` with some of its commands."""
    app = typer.Typer(
        name="fineacers",
        help="The event-streaming data platform behind real-estate and hospitality marketing.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(lambda: None)  # a program of one command would not want to hear its name
    for name in names:
        file, attribute = _COMMANDS[name]
        command = getattr(import_module(f"streams.cli.{file}"), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def main() -> None:
    """Entry point of the command ``fineacers``: loads what was asked for, and everything only to explain itself."""
    if (number := _unreadable(sys.argv[1:])) is not None:
        complain(f"argument {number} is not UTF-8 text")
        sys.exit(FAILED)
    asked = sys.argv[1:2]
    app = command_line(asked) if asked and asked[0] in _COMMANDS else command_line()
    try:
        app()
    except SettingsError as error:  # of any command that has nothing better to say of it
        complain(str(error))
        sys.exit(FAILED)


def _unreadable(arguments: Iterable[str]) -> int | None:
    """The number, from 1, of the first argument that is no UTF-8: nothing could be written down or sent with it."""
    for number, argument in enumerate(arguments, 1):
        try:
            argument.encode()
        except UnicodeEncodeError:
            return number
    return None
