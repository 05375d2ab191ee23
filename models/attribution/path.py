"""A conversion's path: which of a lead's touches may be credited for it, in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby

import msgspec

from models.policy import Policy
from models.touches import OWN_SENDS, is_click_class
from schemas.events.base import DAY


class Many(msgspec.Struct, frozen=True, array_like=True):
    """What makes a touch a bundle of several: their number and mean time, ids of first and last, time of the last."""

    count: int
    mean_at: int
    first_id: str
    last_at: int
    last_id: str


class Touch(msgspec.Struct, frozen=True, array_like=True):
    """A touch as attribution sees it, or a bundle of them. Times in microseconds.

    ``live`` is false once it was deleted. A bundle's ``id`` is its account's, ``at`` the time of its first touch.
    """

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
    many: Many | None = None

    @property
    def creditable(self) -> bool:
        """Whether it may be credited at all: it happened, and not by our own doing."""
        return self.live and self.kind not in OWN_SENDS

    @property
    def count(self) -> int:
        """How many touches it stands for."""
        return 1 if self.many is None else self.many.count

    @property
    def first(self) -> tuple[int, str]:
        """Time and id of its first touch."""
        return self.at, self.id if self.many is None else self.many.first_id

    @property
    def last(self) -> tuple[int, str]:
        """Time and id of its last touch."""
        return (self.at, self.id) if self.many is None else (self.many.last_at, self.many.last_id)

    @property
    def mean_at(self) -> int:
        """The mean of its touches' times."""
        return self.at if self.many is None else self.many.mean_at

    @property
    def account(self) -> str:
        """The ledger account that its credit goes to."""
        return f"{self.id}#{self.revision}" if self.many is None else self.id

    @property
    def dated_at(self) -> int:
        """The instant that tells its day: a bundle's is noon of its UTC day, whichever touches it holds."""
        return self.at if self.many is None else self.at // DAY * DAY + DAY // 2


Weigh = Callable[[Sequence[Touch], Policy], list[int]]
"""Whole weights of the touches of a path that has some, by first touch, none negative and not all zero.

A bundle weighs what its touches do together.
"""


def path(touches: Sequence[Touch], conversion: int, policy: Policy) -> list[Touch]:
    """Touches that qualify for a conversion at an instant, by (time, id) of the first one of each.

    Click class within the click look-back; only where none qualifies, view class within the view look-back; both ends
    included, a bundle when it overlaps. Own sends and deleted touches never. (Ledger specification, section 4.) With
    ``exposure`` only the last of a run of one channel.
    """
    clicks = _within(touches, conversion - policy.click_look_back, conversion, clicks=True)
    chosen = clicks or _within(touches, conversion - policy.view_look_back, conversion, clicks=False)
    return _exposures(chosen) if policy.exposure else chosen


def _within(touches: Sequence[Touch], start: int, end: int, *, clicks: bool) -> list[Touch]:
    chosen = (
        touch
        for touch in touches
        if touch.at <= end and start <= touch.last[0] and touch.creditable and is_click_class(touch.kind) is clicks
    )
    return _in_order(chosen)


def _exposures(touches: Iterable[Touch]) -> list[Touch]:
    runs = groupby(touches, key=lambda touch: touch.channel)
    return _in_order(_alone(max(run, key=lambda touch: touch.last)) for _, run in runs)


def _alone(touch: Touch) -> Touch:
    """The touch; of a bundle its last one alone, still on the bundle's account."""
    if touch.many is None:
        return touch
    at, id_ = touch.last
    return msgspec.structs.replace(touch, at=at, many=Many(1, at, id_, at, id_))


def _in_order(touches: Iterable[Touch]) -> list[Touch]:
    return sorted(touches, key=lambda touch: touch.first)
