"""When a booking converted, from its revisions, of which only the highest are kept.

What is dropped leaves what others may need: its earliest instant, which the lowest revision kept takes, and the newest
``booked_at``, which counts when no kept one has any. So nothing depends on the order in which revisions came (ledger
specification, section 7).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol, TypeVar

MAX_REVISIONS = 64


class Dated(Protocol):
    """A version of something, as far as its date goes. Times in microseconds."""

    @property
    def occurred_at(self) -> int:
        """Since when the version holds."""


class Booked(Dated, Protocol):
    """A revision of a booking, as far as its dates go."""

    @property
    def booked_at(self) -> int | None:
        """When the booking was made, if the revision says so."""


V = TypeVar("V", bound=Dated)


class Dropped(NamedTuple):
    """What versions no longer kept leave: their earliest instant, and the highest of them with a ``booked_at``."""

    earliest: int
    revision: int = 0
    booked_at: int | None = None


def bounded(
    versions: dict[int, V], dropped: Dropped | None, limit: int | None = None
) -> tuple[dict[int, V], Dropped | None]:
    """The highest versions, ``MAX_REVISIONS`` unless another limit is given, and what all those dropped leave."""
    limit = limit or MAX_REVISIONS
    excess = sorted(versions)[:-limit] if len(versions) > limit else []
    for number in excess:
        gone = versions[number]
        before = dropped or Dropped(gone.occurred_at)
        booked_at = getattr(gone, "booked_at", None)
        newest = (number, booked_at) if booked_at is not None and number > before.revision else before[1:]
        dropped = Dropped(min(before.earliest, gone.occurred_at), *newest)
    return ({n: one for n, one in versions.items() if n not in excess} if excess else versions), dropped


def since(versions: Mapping[int, Dated], dropped: Dropped | None) -> dict[int, int]:
    """The instant from which each version holds; the lowest holds from the earliest of those dropped, too."""
    held = {number: one.occurred_at for number, one in versions.items()}
    if dropped is not None and held:
        lowest = min(held)
        held[lowest] = min(held[lowest], dropped.earliest)
    return held


def converted_at(revisions: Mapping[int, Booked], dropped: Dropped | None) -> int:
    """``booked_at`` of the highest revision that has one, else the least ``occurred_at`` of all."""
    for number in sorted(revisions, reverse=True):
        booked_at = revisions[number].booked_at
        if booked_at is not None:
            return booked_at
    if dropped is not None and dropped.booked_at is not None:
        return dropped.booked_at
    return min(since(revisions, dropped).values())
