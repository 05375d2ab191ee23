"""Options that several commands take."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

import typer

from models.attribution import MODELS
from schemas.events.base import as_datetime, instant
from streams.cli.fail import fail

Models = Annotated[list[str] | None, typer.Option("--model", help="Only this attribution model; can be repeated.")]


def moment(option: str, text: str | None) -> datetime | None:
    """The instant that an option was given, if it was; ends the command if it is none."""
    try:
        return None if text is None else as_datetime(instant(text))
    except ValueError as error:
        fail(f"{option}: {error}; such as 2026-01-31T00:00:00Z")


def known_models(names: Iterable[str] | None) -> list[str]:
    """The models that were asked for; ends the command if there is no such one."""
    asked = list(names or ())
    unknown = [name for name in asked if name not in MODELS]
    if unknown:
        fail(f"no model {', '.join(unknown)}; there are {', '.join(MODELS)}")
    return asked
