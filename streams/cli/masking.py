"""Personal values in what commands print: masked by their class, unless somebody says ``--reveal``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from schemas.contract import pii_fields
from schemas.events.base import Message
from schemas.topics import MESSAGES
from streams.sources.json_events import to_json

Reveal = Annotated[bool, typer.Option("--reveal", help="Show personal values, which the audit log notes.")]


def shown(message: Message, *, reveal: bool) -> dict[str, Any]:
    """The JSON form of a message, each personal value replaced by its class, such as ``<email>``."""
    form = to_json(message)
    return form if reveal else _masked(form, pii_fields(type(message)))


def shown_object(value: dict[str, Any], *, reveal: bool) -> dict[str, Any]:
    """A JSON object that may be an event but need not be a valid one: what no contract calls harmless is masked."""
    if reveal:
        return value
    name = value.get("type")
    type_ = MESSAGES.get(name) if isinstance(name, str) else None
    known = set(type_.model_fields) if type_ is not None else set()
    personal = pii_fields(type_) if type_ is not None else {}
    hidden = dict.fromkeys(value.keys() - known - {"type"}, "masked")
    if type_ is None:
        hidden["type"] = "masked"
    return _masked(value, {**hidden, **personal})


def _masked(form: dict[str, Any], classes: Mapping[str, str]) -> dict[str, Any]:
    masked = dict(form)
    for path, kind in classes.items():
        name, _, deep = path.partition(".")
        value = masked.get(name)
        if value is None:
            continue
        if deep and isinstance(value, list) and all(isinstance(item, dict) for item in value):
            masked[name] = [_masked(item, {deep: kind}) for item in value]
        else:
            masked[name] = f"<{kind}>"
    return masked
