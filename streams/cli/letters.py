"""Dead letters in the database, and how a command line names them."""

from __future__ import annotations

import re
from typing import Any

from streams.cli.fail import fail
from streams.cli.operator_database import UUID

COLUMNS = (
    'event_id::text, workspace_id, region, stage, reason, detail, topic, partition, "offset", arrived_at, fact_type'
)
_COORDINATES = re.compile(r"(?P<topic>.+):(?P<partition>\d{1,9}):(?P<offset>\d{1,18})")


def named(which: str) -> dict[str, Any]:
    """The parameters ``id``, ``topic``, ``partition`` and ``offset`` of a query for what somebody named."""
    if UUID.fullmatch(which):
        return {"id": which, "topic": None, "partition": None, "offset": None}
    place = coordinates(which)
    if place is None:
        fail(f"{which} is neither an id nor TOPIC:PARTITION:OFFSET, such as bookings:1:1041")
    return {"id": None, "topic": place[0], "partition": place[1], "offset": place[2]}


def coordinates(which: str) -> tuple[str, int, int] | None:
    """Topic, partition and offset of ``TOPIC:PARTITION:OFFSET``; none where it is no such text."""
    place = _COORDINATES.fullmatch(which)
    return (place["topic"], int(place["partition"]), int(place["offset"])) if place is not None else None


def where(row: dict[str, Any]) -> str:
    """Where a dead letter stood, as ``named`` takes it."""
    return f"{row['topic']}:{row['partition']}:{row['offset']}"
