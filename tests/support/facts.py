"""Facts for tests, short to write: common fields are filled in, ids are derived from a running number."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar
from uuid import UUID

from schemas.events.base import Event, instant

E = TypeVar("E", bound=Event)
_NUMBERS = count(1)
WORKSPACE = "acme"


def fresh_id() -> str:
    """An event id that was not given out before."""
    return str(UUID(int=next(_NUMBERS), version=4))


def at(text: str) -> int:
    """Microseconds of a moment of 2026, in UTC: ``3-10`` or ``3-10 18:00``."""
    day, _, time = text.partition(" ")
    month, _, of_month = day.partition("-")
    hour, _, minute = (time or "0:0").partition(":")
    return instant(datetime(2026, int(month), int(of_month), int(hour), int(minute), tzinfo=UTC))


def fact(type_: type[E], **fields: Any) -> E:
    """A valid fact; ``occurred_at`` may be text as in ``at``."""
    if isinstance(fields.get("occurred_at"), str):
        fields["occurred_at"] = at(fields["occurred_at"])
    if isinstance(fields.get("booked_at"), str):
        fields["booked_at"] = at(fields["booked_at"])
    common = {"event_id": fresh_id(), "workspace_id": WORKSPACE, "region": "UAE", "source": "test"}
    return type_(**{**common, **fields})
