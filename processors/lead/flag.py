"""A lead of more touches than a person makes is flagged (ledger specification, section 8).

Counted are the touches that the path keeps, within 30 days up to its newest one, so by event time: history shows what
was hot then, in whatever year it is imported, and a burst that comes when the lead has newer touches is seen as far as
it lies within their 30 days. A day's bundle counts as a whole when any of it lies within.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from processors.base import Context, Emit, Output
from processors.lead.path import MAX_TOUCHES, Path
from schemas.events.base import DAY, Identified
from schemas.events.incidents import IncidentRaised

HOT_TOUCHES = 1_000
DAYS = 30


class Flagged(msgspec.Struct, frozen=True):
    """When the newest touch was at which the lead was last flagged (microseconds)."""

    at: int


def flag(held: Flagged | None, _: Identified, ctx: Context) -> tuple[Flagged | None, Sequence[Output]]:
    """Raise an incident when a lead has become hot, at most one in 30 days of the lead's own time."""
    path: Path | None = ctx.slices.get("path")
    if path is None or len(path.touches) < MAX_TOUCHES:
        return held, ()
    newest = next(reversed(path.touches.values())).at
    since = newest - DAYS * DAY
    if held is not None and since < held.at:
        return held, ()
    touches = _count(path, since)
    if touches < HOT_TOUCHES:
        return held, ()
    incident = IncidentRaised.build(
        occurred_at=newest,
        lead_id=ctx.key.partition("/")[2],
        kind="hot_lead",
        severity="warning",
        touches=touches,
        days=DAYS,
        detail="a robot, an agent's phone or a shared device",
    )
    return Flagged(newest), [Emit(incident)]


def _count(path: Path, since: int) -> int:
    """Touches from an instant on; older ones than those held one by one are in bundles."""
    if next(iter(path.touches.values())).at < since:
        return 0  # fewer than are held
    singles = sum(touch.creditable for touch in path.touches.values())
    return singles + sum(tally.count for tally in path.bundles.tallies.values() if tally.last[0] >= since)
