"""What a refused record says of itself, as far as a dead letter may repeat it: perhaps nobody has validated it."""

from __future__ import annotations

import re
from typing import NamedTuple, get_args

from schemas.events.base import Event, Region

_WORKSPACE = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}")


class Named(NamedTuple):
    """Workspace, region and id of an event in the forms that stores take: ``unknown`` or none where it has others."""

    workspace_id: str = "unknown"
    region: str | None = None
    fact_id: str | None = None


def named(event: Event | None) -> Named:
    """What the dead letter of an event names; ``event``: none where the record could not be read that far."""
    if event is None:
        return Named()
    fact_id = event.event_id.lower()
    return Named(
        event.workspace_id if _WORKSPACE.fullmatch(event.workspace_id) else "unknown",
        event.region if event.region in get_args(Region) else None,
        fact_id if _UUID.fullmatch(fact_id) else None,
    )
