"""The command line: one file per command, put together here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer

from streams.cli import (
    dead_letters,
    demo,
    doctor,
    down,
    import_,
    lead,
    migrate,
    publish,
    replay,
    report,
    schemas,
    sink,
    tail,
    topics,
    topology,
    up,
    worker,
)

app = typer.Typer(
    name="fineacers",
    help="The event-streaming data platform behind real-estate and hospitality marketing.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_COMMANDS: dict[str, Callable[..., Any]] = {
    "up": up.up,
    "demo": demo.demo,
    "down": down.down,
    "doctor": doctor.doctor,
    "import": import_.import_,
    "publish": publish.publish,
    "tail": tail.tail,
    "replay": replay.replay_,
    "report": report.report,
    "topology": topology.topology_,
    "topics": topics.topics,
    "migrate": migrate.migrate,
    "worker": worker.worker,
    "sink": sink.sink,
}
for name, command in _COMMANDS.items():
    app.command(name)(command)
app.add_typer(lead.app, name="lead")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(schemas.app, name="schemas")


def main() -> None:
    """Entry point of the command ``fineacers``."""
    app()
