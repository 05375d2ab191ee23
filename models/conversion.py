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
    """A revision as far as its dates go. Times in microseconds."""

    @property
    def occurred_at(self) -> int:
        """Since when the revision holds."""

    @property
    def booked_at(self) -> int | None:
        """When the booking was made, if the revision says so."""


R = TypeVar("R", bound=Dated)


class Dropped(NamedTuple):
    """What revisions no longer kept leave: their earliest instant, and the highest of them with a ``booked_at``."""

    earliest: int
    revision: int = 0
    booked_at: int | None = None


def bounded(revisions: dict[int, R], dropped: Dropped | None) -> tuple[dict[int, R], Dropped | None]:
    """The ``MAX_REVISIONS`` highest revisions, and what all those dropped so far leave."""
    excess = sorted(revisions)[:-MAX_REVISIONS]
    for number in excess:
        gone = revisions[number]
        before = dropped or Dropped(gone.occurred_at)
        newer = gone.booked_at is not None and number > before.revision
        newest = (number, gone.booked_at) if newer else before[1:]
        dropped = Dropped(min(before.earliest, gone.occurred_at), *newest)
    return ({n: one for n, one in revisions.items() if n not in excess} if excess else revisions), dropped


def since(revisions: Mapping[int, Dated], dropped: Dropped | None) -> dict[int, int]:
    """The instant from which each revision holds; the lowest holds from the earliest of those dropped, too."""
    held = {number: one.occurred_at for number, one in revisions.items()}
    if dropped is not None:
        lowest = min(held)
        held[lowest] = min(held[lowest], dropped.earliest)
    return held


def converted_at(revisions: Mapping[int, Dated], dropped: Dropped | None) -> int:
    """``booked_at`` of the highest revision that has one, else the least ``occurred_at`` of all."""
    for number in sorted(revisions, reverse=True):
        booked_at = revisions[number].booked_at
        if booked_at is not None:
            return booked_at
    if dropped is not None and dropped.booked_at is not None:
        return dropped.booked_at
    return min(since(revisions, dropped).values())
