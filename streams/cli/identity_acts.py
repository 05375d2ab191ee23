"""An operator's say in who is who: a fact, agreed to, noted in the audit log, and published."""

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
from streams.cli.audit import audit
from streams.cli.fail import REFUSED, fail
from streams.settings import Settings, SettingsError, load_settings
from streams.sources.publisher import Publisher, PublishError
from streams.sources.refusals import Publication


def settings() -> Settings:
    """What an act needs; ends the command where that is not there."""
    try:
        return load_settings("kafka", "postgres")
    except SettingsError as error:
        fail(str(error))


def stated(type_: type[Event], workspace: str, region: str, **fields: Any) -> Event:
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
    """Ask whether to publish, unless that is said already; ends the command where it is not agreed to."""
    if yes:
        return
    try:
        agreed = typer.confirm("Publish this?", err=True)
    except typer.Abort:
        fail("nobody answered, so nothing was published: add --yes where nobody can be asked")
    if not agreed:
        typer.echo("nothing was published")
        raise typer.Exit(REFUSED)


def act(command: str, fact: Event, reason: str, ids: dict[str, list[str]], then: str) -> None:
    """Note the act, then publish the fact, and say what to do ``then``; ends the command where either cannot be."""
    topic = FACT_TOPIC[type(fact)]
    note = {"workspace": fact.workspace_id, "event_id": fact.event_id}
    try:
        publisher = Publisher(settings(), "identity")
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
