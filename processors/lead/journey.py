"""Journeys that came to nothing: runs of touches with no gap beyond the look-back, closed without a conversion.

What ought to be counted follows from the path; what was counted is kept; the difference is told to the workspace. A
late touch, a late conversion or another policy takes back just what it makes untrue. Conversions' own paths are
counted by the ledger.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from models.local_time import monday_of
from models.touches import is_click_class
from processors.base import Context, Emit, Output, Timer, TimerFired, Visit
from processors.lead.path import MAX_TOUCHES, Path, horizon
from schemas.events.bookings import BookingChanged
from schemas.events.clicks import ClickRecorded
from schemas.events.touchpoints import TouchpointRecorded
from schemas.events.weights import PathCounted

CLOSE = "close"
VERSION = 2


class Journey(NamedTuple):
    """A journey as it was counted: when its first touch was, the Monday of the week in which it closed, its path."""

    first: int
    week: int
    channels: tuple[str, ...]


class Journeys(msgspec.Struct, frozen=True):
    """The journeys counted. Bound: they consist of touches that the path keeps.

    ``until`` is how far quiet time has been accounted for; ``wakes`` when the timer is set for, never later than the
    next open journey may close. It is left where it is when touches put that off.
    """

    counted: tuple[Journey, ...] = ()
    until: int = 0
    wakes: int | None = None


_decode = msgspec.msgpack.Decoder(Journeys).decode


def upcast(version: int, data: bytes) -> bytes:
    """The slice as stored today; before, the timer of a lead without touches fired and left ``wakes`` behind."""
    if version != 1:
        raise ValueError(f"slice journey is stored as version {version}, this program reads {VERSION}")
    return msgspec.msgpack.encode(replace(_decode(data), wakes=None))


class Run(NamedTuple):
    """Touches of one journey: the first instant, the one at which it closes without another touch, its channels."""

    first: int
    closes: int
    channels: tuple[str, ...]


def journey(
    held: Journeys | None, event: TouchpointRecorded | ClickRecorded | BookingChanged | TimerFired | Visit, ctx: Context
) -> tuple[Journeys | None, Sequence[Output]]:
    """Bring what was counted up to what the path says, and set the timer for the next journey to close."""
    path: Path | None = ctx.slices.get("path")
    if path is None or not (path.touches or held):
        return held, ()
    before = held or Journeys()
    if isinstance(event, TouchpointRecorded | ClickRecorded) and _only_goes_on(before, event, ctx):
        return held, ()
    until, wakes = before.until, before.wakes
    if isinstance(event, TimerFired):
        until, wakes = max(until, event.due), None
    runs = list(_runs(path, ctx))
    kept_since, whole_since = _kept(path, ctx)
    counted = {one for one in before.counted if one.first >= kept_since}
    closed = _closed(runs, path, until, ctx)
    target = {one for one in closed if one.first >= whole_since or one in counted}
    outputs: list[Output] = [_told(one, -1, ctx) for one in sorted(counted - target)]
    outputs += [_told(one, 1, ctx) for one in sorted(target - counted)]
    closes = min((run.closes for run in runs if run.closes > until), default=None)
    if closes is not None and (wakes is None or closes < wakes):
        wakes = closes
        outputs.append(Timer(CLOSE, closes))
    return Journeys(tuple(sorted(target)), until, wakes), outputs


def _only_goes_on(before: Journeys, touch: TouchpointRecorded | ClickRecorded, ctx: Context) -> bool:
    """Whether all that a touch can do is to put off the closing of an open journey."""
    at = touch.occurred_at
    if touch.revision > 1 or before.wakes is None or at <= before.until:
        return False
    return before.wakes <= at + ctx.control.policy_at(at).click_look_back


def _runs(path: Path, ctx: Context) -> Iterator[Run]:
    """All runs; how long a gap may be says the policy that covers the touch before it."""
    touches = sorted(
        (touch.at, touch.id, touch.channel)
        for touch in path.touches.values()
        if touch.live and is_click_class(touch.kind)
    )
    begin = 0
    for place, (at, _, _) in enumerate(touches, start=1):
        closes = at + ctx.control.policy_at(at).click_look_back
        if place == len(touches) or touches[place][0] > closes:
            yield Run(touches[begin][0], closes, tuple(channel for _, _, channel in touches[begin:place]))
            begin = place


def _closed(runs: Sequence[Run], path: Path, until: int, ctx: Context) -> Iterator[Journey]:
    """Runs that are closed and hold no conversion, nor saw one before they closed."""
    conversions = sorted(booking.converted_at for booking in path.bookings.values())
    for run in runs:
        place = bisect_left(conversions, run.first)
        converted = place < len(conversions) and conversions[place] <= run.closes
        if run.closes <= until and not converted:
            zone = ctx.control.policy_at(run.closes).time_zone
            yield Journey(run.first, monday_of(run.closes, zone), run.channels)


def _kept(path: Path, ctx: Context) -> tuple[int, int]:
    """Since when a path keeps all touches, and since when what begins cannot be the rest of a journey.

    What began before is left as it was counted, and such a rest is not counted.
    """
    if not path.touches:
        return 0, 0
    since = horizon(next(reversed(path.touches.values())))
    whole = since + ctx.control.policy_at(since).click_look_back
    if len(path.touches) >= MAX_TOUCHES:
        since = max(since, min(touch.at for touch in path.touches.values()) + 1)
    return since, max(since, whole)


def _told(one: Journey, change: int, ctx: Context) -> Output:
    return Emit(
        PathCounted.build(
            occurred_at=ctx.at, week=one.week, channels=list(one.channels), converted=False, change=change
        )
    )
