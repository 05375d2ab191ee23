"""`fineacers publish`: JSON lines on standard input become facts."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Annotated

import typer

from schemas.topics import FACTS, MAX_FACT_BYTES, TOPICS, Topic
from streams.cli.fail import REFUSED, fail
from streams.settings import SettingsError, load_settings
from streams.sources.files import line_of
from streams.sources.lines import publications
from streams.sources.publisher import Publisher, PublishError
from streams.sources.refusals import DEAD_LETTERS


def publish(
    topic: Annotated[str, typer.Argument(help="A fact topic.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Publish JSON lines from standard input as facts, each a flat object of type and fields.

    A line that is no such fact becomes a dead letter under stdin and its line number, with a message on standard
    error, and the rest goes on. Publishing the same lines again changes nothing: the event_id tells.

    Ends with 0 when every line became a fact, with 1 when some became dead letters, with 2 when the topic or Kafka
    failed.

    Examples:

        fineacers publish bookings < bookings.jsonl

        jq -c . fact.json | fineacers publish spend
    """
    target = _fact_topic(topic)
    refusals: Counter[str] = Counter()

    def tell(number: int, reason: str, detail: str) -> None:
        refusals[reason] += 1
        typer.echo(f"line {number}: {reason}: {detail}", err=True)

    try:
        publisher = Publisher(load_settings("kafka"), "publish")
        publisher.need((target.name, DEAD_LETTERS.name))
        lines: Iterable[bytes] = iter(partial(line_of, sys.stdin.buffer, MAX_FACT_BYTES), b"")
        publisher.publish(publications(target, lines, "stdin", time.time_ns() // 1_000, tell))
        publisher.flush()
    except (SettingsError, PublishError) as error:
        fail(str(error))
    published = publisher.published[target.name]
    if as_json:
        typer.echo(json.dumps({"topic": target.name, "facts": published, "dead_letters": dict(refusals)}, indent=2))
    else:
        typer.echo(f"{published:,} facts in {target.name}, {refusals.total():,} dead letters")
    if refusals:
        raise typer.Exit(REFUSED)


def _fact_topic(name: str) -> Topic:
    topic = TOPICS.get(name)
    facts = ", ".join(fact.name for fact in FACTS)
    if topic is None:
        fail(f"no topic {name}; facts are published to {facts}")
    if topic.kind != "fact":
        fail(f"the platform itself writes {name}, nobody else may; facts are published to {facts}")
    return topic
