"""`fineacers topics`: every topic and what it is for."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from schemas.topics import TOPICS, Topic
from streams.cli.printing import printer
from streams.settings import read_settings


def topics(as_json: Annotated[bool, typer.Option("--json", help="Print the topics as JSON.")] = False) -> None:
    """List the topics as declared: kind, event types, key, partitions, retention, personal data.

    Examples:

        fineacers topics

        fineacers topics --json
    """
    asked = read_settings().partitions
    if as_json:
        typer.echo(json.dumps([_form(topic, asked) for topic in TOPICS.values()], indent=2))
        return
    table = Table(
        Column("topic", no_wrap=True),
        "kind",
        Column("types", overflow="fold"),
        "key",
        "partitions",
        "kept",
        "personal data",
        box=None,
    )
    for topic in TOPICS.values():
        types = [type_.__name__ for type_ in topic.types]
        named = ", ".join(types) if len(types) < 5 else f"{len(types)} types"
        table.add_row(
            topic.name,
            topic.kind,
            named,
            ":".join(topic.key),
            str(topic.count(asked)),
            _kept(topic),
            "yes" if topic.personal else "",
        )
    printer().print(table)


def _kept(topic: Topic) -> str:
    if topic.compacted:
        return "newest per key"
    return "always" if topic.retention_days is None else f"{topic.retention_days} days"


def _form(topic: Topic, asked: int | None) -> dict[str, Any]:
    return {
        "name": topic.name,
        "kind": topic.kind,
        "types": [type_.__name__ for type_ in topic.types],
        "key": list(topic.key),
        "partitions": topic.count(asked),
        "retention_days": topic.retention_days,
        "compacted": topic.compacted,
        "max_bytes": topic.max_bytes,
        "personal": topic.personal,
    }
