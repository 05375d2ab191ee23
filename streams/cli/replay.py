"""`fineacers replay`: run the whole topology over a file of events, in one process."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from schemas.events.base import instant
from streams.cli.fail import REFUSED, fail
from streams.cli.printing import printer
from streams.proposal import ProposalError, policy_fact, read_document
from streams.replay import published, replay, write
from streams.report.show_what_if import show_what_if
from streams.settings import SettingsError, identity_key, read_settings
from streams.topology import topology
from streams.what_if import WhatIf, as_json, what_if


def replay_(
    input_: Annotated[Path, typer.Option("--input", help="JSON lines, one fact each, with an optional received_at.")],
    output: Annotated[Path, typer.Option(help="Folder for one <topic>.jsonl per topic.")],
    policy: Annotated[
        Path | None,
        typer.Option(
            help="Policy to replay under: YAML of the policy's fields, those left out as the defaults have them."
        ),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Let time pass until then, ISO 8601 with a zone.")] = None,
    as_json_: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
) -> None:
    """Run all stages over a file of events on a virtual clock and write what each topic would hold.

    Nothing outside is touched: no Kafka, no store, nobody is contacted. The same input gives the same output to the
    byte, given the same identity key.

    With --policy the topics are those under that policy, and the difference that it makes is printed: the history runs
    once more as recorded, and contacts allowed, held and denied are compared, by reason and by channel, with the
    credited revenue of the leads that were contacted before they booked. People book in both runs as they did, so that
    revenue is an estimate, not a causal claim. The policy is for the workspace of the first fact and stands for all
    policies in its history.

    Ends with 1 when the policy could not be applied, with 2 when the work could not be done; nothing is written then.

    Examples:

        fineacers replay --input history.jsonl --output out

        fineacers replay --input history.jsonl --output what-if --policy stricter.yaml --until 2026-12-31T00:00:00Z
    """
    compared: WhatIf | None = None
    try:
        document = read_document(policy) if policy is not None else None
    except OSError as error:
        fail(f"{policy}: {error}")
    except ProposalError as error:
        fail(f"{policy}: {error}", REFUSED)
    try:
        lines = input_.read_bytes().decode().split("\n")  # other ends of lines may stand in a text as they are
        end = instant(until) if until else None
        stages = topology(identity_key(read_settings()))
        found = published(replay(stages, lines, end))
        if document is not None:
            if not any(line.strip() for line in lines):
                raise ValueError("no fact in it, so nothing to compare and no workspace that the policy is for")
            recorded, found = found, published(replay(stages, [policy_fact(document, lines), *lines], end))
            compared = what_if(recorded, found)
        write(found, output)
    except (OSError, ValueError, SettingsError) as error:
        fail(f"{input_}: {error}")
    records = {topic: len(values) for topic, values in sorted(found.items())}
    if as_json_:
        told: dict[str, Any] = {"records": records}
        if compared is not None:
            told["what_if"] = as_json(compared)
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    _show(records, compared, printer())


def _show(records: dict[str, int], compared: WhatIf | None, console: Console) -> None:
    table = Table("topic", "records", box=None)
    table.columns[1].justify = "right"
    for topic, count in records.items():
        table.add_row(topic, f"{count:,}")
    console.print(table)
    if compared is not None:
        console.print()
        show_what_if(compared, console)
