"""A fact that a person publishes by hand: checked, agreed to, noted in the audit log, published, in this order."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import typer
from pydantic import ValidationError

from schemas.codec import encode
from schemas.events.base import Event
from schemas.reasons import reason_of
from schemas.topics import FACT_TOPIC
from streams.cli.audit import Ids, audit
from streams.cli.fail import REFUSED, fail
from streams.settings import Settings, SettingsError, load_settings
from streams.sources.publisher import Publisher, PublishError
from streams.sources.refusals import Publication


def settings() -> Settings:
    """The settings of a command that asks PostgreSQL and publishes; ends the command where they will not do."""
    try:
        return load_settings("kafka", "postgres")
    except SettingsError as error:
        fail(str(error))


def fact(type_: type[Event], workspace: str, region: str, **fields: Any) -> Event:
    """The validated fact; ends the command where it would be refused."""
    common = {
        "event_id": str(uuid4()), "workspace_id": workspace, "region": region,
        "occurred_at": time.time_ns() // 1_000, "source": "operator",
    }  # fmt: skip
    try:
        return type_.model_validate({**common, **fields})
    except ValidationError as error:
        reason, detail = reason_of(error)
        fail(f"{reason}: {detail}")


def confirm(yes: bool) -> None:
    """Ask, unless that was answered beforehand; ends the command with 1 where somebody says no."""
    if yes:
        return
    try:
        agreed = typer.confirm("Publish this?", err=True)
    except typer.Abort:
        fail("nobody answered, so nothing was published: add --yes where nobody can be asked")
    if not agreed:
        typer.echo("nothing was published")
        raise typer.Exit(REFUSED)


def act(command: str, fact: Event, reason: str, ids: Ids, then: str) -> None:
    """Note the act, then publish the fact and say what tells of it ``then``; ends the command where it cannot be."""
    topic = FACT_TOPIC[type(fact)]
    note = {"workspace": fact.workspace_id, "event_id": fact.event_id}
    try:
        publisher = Publisher(settings(), command.partition(" ")[0])
        publisher.need((topic.name,))
        audit(command, ids, reason=reason, **note)
        try:
            publisher.publish([Publication(topic.name, topic.key_of(fact), encode(fact))])
            publisher.flush()
        except PublishError:
            audit(f"{command}: not published", ids, reason="Kafka did not take it", **note)
            raise
    except PublishError as error:
        fail(str(error))
    typer.echo(f"published {type(fact).__name__} {fact.event_id}; {then}")
