"""What a fact is before it is bytes, and when it reaches us."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any, NamedTuple

from schemas.events.base import DAY, HOUR, SECOND, Event, Region, assemble

LATE = HOUR
"""A fact published this long after it occurred, or longer, counts as late."""

_LATE_SHARE = 0.02
_VERY_LATE_SHARE = 0.003


class Fact(NamedTuple):
    """An event as planned: everything but its id. ``fields`` and ``identifiers`` are those that its type adds."""

    published_at: int
    occurred_at: int
    type: type[Event]
    region: Region
    source: str
    identifiers: dict[str, str]
    fields: dict[str, Any]

    def message(self, event_id: str, workspace: str) -> Event:
        """The event."""
        return assemble(
            self.type,
            {
                **_blank(self.type),
                "event_id": event_id,
                "workspace_id": workspace,
                "region": self.region,
                "occurred_at": self.occurred_at,
                "source": self.source,
                **self.identifiers,
                **self.fields,
            },
        )


@cache
def _blank(type_: type[Event]) -> dict[str, Any]:
    """The fields that a type fills in by itself."""
    return type_.build().__dict__


def published_at(chance: Random, occurred_at: int) -> int:
    """When a fact reaches us: mostly within seconds, sometimes after hours, seldom after days."""
    luck = chance.random()
    if luck < _VERY_LATE_SHARE:
        return occurred_at + int(chance.uniform(2, 9) * DAY)
    if luck < _VERY_LATE_SHARE + _LATE_SHARE:
        return occurred_at + int(chance.uniform(1, 40) * HOUR)
    return occurred_at + int(chance.uniform(0.1, 15) * SECOND)


def drawn_id(chance: Random) -> str:
    """An event id in the form of a random uuid, drawn from the scenario's chance."""
    digits = f"{chance.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
