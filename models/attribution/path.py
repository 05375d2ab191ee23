"""A conversion's path: which of a lead's touches may be credited for it, in order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from models.policy import Policy
from models.touches import OWN_SENDS, is_click_class


class Touch(msgspec.Struct, frozen=True, array_like=True):
    """A touch as attribution sees it. ``at`` in microseconds; ``live`` is false once it was deleted."""

    id: str
    revision: int
    at: int
    kind: str
    channel: str
    campaign_id: str | None = None
    content_id: str | None = None
    variant_id: str | None = None
    identifier: str | None = None
    live: bool = True


Weigh = Callable[[Sequence[Touch], Policy], list[int]]
"""Whole weights of the touches of a path that has some, in order, none negative and not all zero."""


def path(touches: Sequence[Touch], conversion: int, policy: Policy) -> list[Touch]:
    """Touches that qualify for a conversion at an instant, by (time, id).

    Click class within the click look-back; only where none qualifies, view class within the view look-back; both ends
    included. Own sends and deleted touches never. (Ledger specification, section 4.)
    """
    clicks = _within(touches, conversion - policy.click_look_back, conversion, clicks=True)
    return clicks or _within(touches, conversion - policy.view_look_back, conversion, clicks=False)


def _within(touches: Sequence[Touch], start: int, end: int, *, clicks: bool) -> list[Touch]:
    chosen = (
        touch
        for touch in touches
        if start <= touch.at <= end
        and touch.live
        and touch.kind not in OWN_SENDS
        and is_click_class(touch.kind) is clicks
    )
    return sorted(chosen, key=lambda touch: (touch.at, touch.id))
