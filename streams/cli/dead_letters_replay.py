"""`fineacers dead-letters replay`: facts that were refused, corrected and published once more."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer

from schemas.topics import FACTS
from streams.cli.audit import audit_reveal
from streams.cli.fail import REFUSED, fail
from streams.cli.letters import named, where
from streams.cli.masking import Reveal, shown
from streams.cli.operator_database import database
from streams.corrections import Letter, corrected
from streams.settings import SettingsError, load_settings
from streams.sources.fixes import FixError, Fixes, load_fixes
from streams.sources.json_events import EventError
from streams.sources.publisher import Publisher, PublishError
from streams.sources.refusals import Publication

MAX_NAMED = 1_000
_FETCHED = 20  # originals have up to 2 MB
_CHOSEN = """
    FROM dead_letters
    WHERE (%(every)s OR event_id = ANY(%(ids)s::uuid[]) OR (topic, partition, "offset") IN
        (SELECT * FROM unnest(%(topics)s::text[], %(partitions)s::bigint[], %(offsets)s::bigint[])))
    AND (%(reason)s::text IS NULL OR reason = %(reason)s) AND (%(topic)s::text IS NULL OR topic = %(topic)s)
"""
_COUNT = f"SELECT count(*) AS count {_CHOSEN}"
_PLACES = f'SELECT event_id::text AS id, topic, partition, "offset" {_CHOSEN}'
_LETTERS = f"""
    SELECT event_id::text, stage, reason, topic, partition, "offset", original {_CHOSEN}
    ORDER BY arrived_at, topic, partition, "offset", event_id LIMIT %(limit)s
"""

Chosen = dict[str, Any]
"""The parameters of the queries."""


@dataclass
class _Told:
    """What became of the letters."""

    published: Counter[str] = field(default_factory=Counter)
    refused: list[dict[str, str]] = field(default_factory=list)
    facts: list[dict[str, Any]] = field(default_factory=list)
    """The corrected facts, masked; in a dry run alone."""


def replay(
    which: Annotated[
        list[str] | None, typer.Argument(metavar="ID|TOPIC:P:OFFSET", help="Dead letters' ids or places.")
    ] = None,
    *,
    reason: Annotated[str | None, typer.Option(help="Only those with this reason code.")] = None,
    topic: Annotated[str | None, typer.Option(help="Only those from this topic, such as bookings or stdin.")] = None,
    fix: Annotated[Path | None, typer.Option(help="A YAML file that says how to correct them.")] = None,
    limit: Annotated[int, typer.Option(help="If there are more, do nothing.", min=1, max=1_000_000)] = 1_000,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the corrected facts and publish nothing.")] = False,
    reveal: Reveal = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Publish refused facts once more, corrected by a fix, under the event_id that they had.

    A fact that was refused was never accepted, so it is counted once now, and replaying it again makes a duplicate that
    is discarded. One that is still not valid is told on standard error and not published. Rows of files are not
    replayed: mend the file and import it again.

    \b
    A fix names fact types and what to do with their fields, in this order:
        BookingChanged:
          drop:
            - market_segment               # a field that shall go
          rename:
            amount: amount_minor           # a field under another name
          replace:
            currency: {EURO: EUR}          # a value; null: a missing one
          set:
            region: EUR                    # a field, whatever it was
    `event_id: new` under `set` gives each fact an id of its own, which
    those need whose id was accepted before.

    Ends with 0 when all were published, with 1 when some were not, with 2 when none were chosen or a part failed.

    Examples:

        fineacers dead-letters replay --reason unknown_region --topic bookings --fix regions.yaml --dry-run

        fineacers dead-letters replay --reason unknown_region --topic bookings --fix regions.yaml

        fineacers dead-letters replay bookings:1:1041 stdin:0:7 --fix fix.yaml --json
    """
    chosen = _chosen(which or [], reason, topic, limit)
    told = _Told()
    if dry_run and reveal:
        named = {"dead_letters": which or [], "reasons": [reason or ""], "topics": [topic or ""]}
        ids = {name: some for name, of in named.items() if (some := [one for one in of if one])}
        audit_reveal("dead-letters replay --dry-run", "dead letters that a replay would take", ids)
    try:
        fixes = load_fixes(fix) if fix is not None else {}
        publisher = None if dry_run else Publisher(load_settings("kafka"), "dead-letters-replay")
        if publisher is not None:
            publisher.need(fact.name for fact in FACTS)
        with database() as connection:
            _check(connection, chosen, which or [])
            records = _records(connection, chosen, fixes, told, dry_run=dry_run, reveal=reveal)
            if publisher is None:
                for record in records:
                    told.published[record.topic] += 1
            else:
                publisher.publish(records)
                publisher.flush()
                told.published = publisher.published
    except (SettingsError, FixError, PublishError) as error:
        fail(str(error))
    _print(told, dry_run=dry_run, as_json=as_json)
    if told.refused:
        raise typer.Exit(REFUSED)


def _chosen(which: list[str], reason: str | None, topic: str | None, limit: int) -> Chosen:
    if not which and reason is None and topic is None:
        fail("which ones? Name them, or choose by --reason and --topic; `fineacers dead-letters list` shows them")
    if len(which) > MAX_NAMED:
        fail(f"{len(which):,} named; at most {MAX_NAMED:,} at once: choose by --reason and --topic")
    wanted = [named(one) for one in which]
    places = [one for one in wanted if one["id"] is None]
    return {
        "every": not which,
        "ids": [one["id"] for one in wanted if one["id"] is not None],
        "topics": [one["topic"] for one in places],
        "partitions": [one["partition"] for one in places],
        "offsets": [one["offset"] for one in places],
        "reason": reason,
        "topic": topic,
        "limit": limit,
    }


def _check(connection: psycopg.Connection[dict[str, Any]], chosen: Chosen, which: list[str]) -> None:
    """End the command where a named one is not there, where there are none, or more than wanted."""
    if which:
        rows = connection.execute(_PLACES, chosen).fetchall()
        there = {name for row in rows for name in (row["id"], where(row))}
        missing = [one for one in which if one not in there and one.lower() not in there]
        if missing:
            fail(f"no such dead letter: {', '.join(missing[:10])}; `fineacers dead-letters list` shows those there are")
    counted = connection.execute(_COUNT, chosen).fetchone()
    count = counted["count"] if counted is not None else 0
    if count == 0:
        fail("no dead letters like that; `fineacers dead-letters list` shows those there are")
    if count > chosen["limit"]:
        fail(f"{count:,} dead letters are like that, more than {chosen['limit']:,}: choose fewer, or raise --limit")


def _records(
    connection: psycopg.Connection[dict[str, Any]],
    chosen: Chosen,
    fixes: Fixes,
    told: _Told,
    *,
    dry_run: bool,
    reveal: bool,
) -> Iterator[Publication]:
    """The records to publish, the oldest first; what cannot be published is told."""
    now = time.time_ns() // 1_000
    with closing(connection.cursor("letters")) as cursor:
        cursor.itersize = _FETCHED
        for row in cursor.execute(_LETTERS, chosen):
            try:
                event, record = corrected(Letter(**row), fixes, now)
            except EventError as error:
                refusal = {"id": row["event_id"], "where": where(row), "reason": error.reason, "detail": error.detail}
                told.refused.append(refusal)
                typer.echo(f"{refusal['where']}: {error.reason}: {error.detail}", err=True)
                continue
            if dry_run:
                told.facts.append({"where": where(row), "topic": record.topic, "fact": shown(event, reveal=reveal)})
            yield record


def _print(told: _Told, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        figures = {"dry_run": dry_run, "published": dict(told.published), "refused": told.refused}
        if dry_run:
            figures = {"dry_run": True, "would_publish": dict(told.published), "refused": told.refused,
                       "facts": told.facts}  # fmt: skip
        typer.echo(json.dumps(figures, indent=2, ensure_ascii=False))
        return
    for fact in told.facts:
        typer.echo(f"{fact['where']}: {json.dumps(fact['fact'], ensure_ascii=False)}")
    by_topic = ", ".join(f"{count:,} in {topic}" for topic, count in sorted(told.published.items()))
    verb = "would be published" if dry_run else "published"
    typer.echo(
        f"{told.published.total():,} facts {verb}{f' ({by_topic})' if by_topic else ''}, {len(told.refused):,} not"
    )
