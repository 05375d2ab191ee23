"""Counting: the campaign of a touch hears of it, and hears again when the touch moves, is taken back or erased.

This step stands before ``path``, whose slice still holds the touch as it was. It holds nothing of its own, so a touch
that ``path`` has let go counts as a new one when it is sent once more; and a policy that moves the past to another zone
leaves in its hour what was counted there. So does an erasure what it finds bundled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from models.attribution.path import Touch
from models.local_time import local_hour
from models.touches import OWN_SENDS
from processors.base import Context, Emit, Output
from processors.lead.history import HistoryErased, HistoryTaken
from processors.lead.path import Path
from processors.lead.touch import as_touch
from schemas.events.base import Identified
from schemas.events.campaigns import TouchCounted


class _Place(NamedTuple):
    campaign_id: str
    channel: str
    day: int
    hour: int
    kind: str


def count(_: None, event: Identified | HistoryErased | HistoryTaken, ctx: Context) -> tuple[None, Sequence[Output]]:
    """One more where the touch belongs now, one less where its older revision was counted or it is nobody's now."""
    path: Path = ctx.slices.get("path", Path())
    if isinstance(event, HistoryErased | HistoryTaken):
        moved: Path = event.parts.get("path", Path())
        gone = moved.touches.values() if isinstance(event, HistoryErased) else _older(path, moved)
        return None, [_told(touch, place, -1) for touch in gone if (place := _place(touch, ctx)) is not None]
    touch = as_touch(event, ctx)
    held = path.touches.get(touch.id)
    if held is not None and held.revision >= touch.revision:
        return None, ()
    before = _place(held, ctx) if held is not None else None
    after = _place(touch, ctx)
    if before == after:
        return None, ()
    changes = ((before, -1), (after, 1))
    return None, [_told(touch, place, change) for place, change in changes if place is not None]


def _older(path: Path, arrived: Path) -> list[Touch]:
    """The older revisions of touches that two leads have counted, each its own, while history was under way."""
    both = [(path.touches[id_], touch) for id_, touch in arrived.touches.items() if id_ in path.touches]
    return [min(pair, key=lambda touch: touch.revision) for pair in both]


def _told(touch: Touch, place: _Place, change: int) -> Emit:
    return Emit(TouchCounted.build(occurred_at=touch.at, **place._asdict(), change=change))


def _place(touch: Touch, ctx: Context) -> _Place | None:
    """Where a touch is counted; none if no campaign brought it, it is our own send, or it never happened."""
    if touch.campaign_id is None or not touch.live or touch.kind in OWN_SENDS:
        return None
    zone = ctx.control.policy_at(touch.at).time_zone
    return _Place(touch.campaign_id, touch.channel, *local_hour(touch.at, zone), touch.kind)
