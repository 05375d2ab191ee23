"""`fineacers replay`: run the whole topology over a file of events, in one process."""

import json
from pathlib import Path
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.table import Table

from schemas.events.base import instant
from schemas.events.governance import PolicyChanged
from streams.cli.fail import fail
from streams.replay import published, replay, write
from streams.settings import SettingsError, identity_key, read_settings
from streams.topology import topology


def replay_(
    input_: Annotated[Path, typer.Option("--input", help="JSON lines, one fact each, with an optional received_at.")],
    output: Annotated[Path, typer.Option(help="Folder for one <topic>.jsonl per topic.")],
    policy: Annotated[Path | None, typer.Option(help="Policy to replay under: YAML of the policy's fields.")] = None,
    until: Annotated[str | None, typer.Option(help="Let time pass until then, ISO 8601 with a zone.")] = None,
) -> None:
    """Run all stages over a file of events on a virtual clock and write what each topic would hold.

    Nothing outside is touched: no Kafka, no store, nobody is contacted. The same input gives the same output to the
    byte, given the same identity key.

    Examples:

        fineacers replay --input history.jsonl --output out

        fineacers replay --input history.jsonl --output what-if --policy stricter.yaml --until 2026-12-31T00:00:00Z
    """
    try:
        lines = input_.read_text(encoding="utf-8").splitlines()
        if policy is not None:
            lines = [_policy_fact(policy, lines), *lines]
        stages = topology(identity_key(read_settings()))
        found = published(replay(stages, lines, instant(until) if until else None))
        write(found, output)
    except (OSError, ValueError, SettingsError) as error:
        fail(f"{input_}: {error}")
    table = Table("topic", "records", box=None)
    table.columns[1].justify = "right"
    for topic, values in sorted(found.items()):
        table.add_row(topic, f"{len(values):,}")
    Console().print(table)


def _policy_fact(path: Path, lines: list[str]) -> str:
    """The policy of a file as a fact before all others, for the workspace of the first event, from the beginning."""
    first = json.loads(next(line for line in lines if line.strip()))
    fact = {
        "type": PolicyChanged.__name__,
        "event_id": "00000000-0000-5000-8000-000000000001",
        "workspace_id": first["workspace_id"],
        "region": first["region"],
        "occurred_at": first.get("received_at", first["occurred_at"]),
        "source": "replay",
        "version": 1_000_000,
        "applies_from": "1970-01-01T00:00:00Z",
        "document": json.dumps(yaml.safe_load(path.read_text(encoding="utf-8"))),
    }
    return json.dumps(fact)
