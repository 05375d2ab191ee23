"""The journey that a booking's path makes, as the workspace stage counts it (ledger specification, section 9)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from models.attribution.path import Touch
from models.local_time import monday
from models.touches import is_click_class
from schemas.events.weights import PathCounted


class Journey(NamedTuple):
    """Monday of the conversion's local week, channels in order, and whether the conversion stands."""

    week: int
    channels: tuple[str, ...]
    converted: bool


def journey(path: Sequence[Touch], day: int, net: int) -> Journey | None:
    """The journey to a conversion on a local day; none where nothing led to it, or nothing but views.

    Nobody counts views that came to nothing, so those that came to something would seem to convert always.
    """
    if not path or not is_click_class(path[0].kind):
        return None
    return Journey(monday(day), tuple(touch.channel for touch in path), net > 0)


def counted(before: Journey | None, after: Journey | None, at: int) -> list[PathCounted]:
    """What to tell: the old journey is taken back, the new one comes."""
    if before == after:
        return []
    return [
        PathCounted.build(
            occurred_at=at, week=one.week, channels=list(one.channels), converted=one.converted, change=change
        )
        for one, change in ((before, -1), (after, 1))
        if one is not None
    ]
