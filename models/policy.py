"""The rules of a workspace as data; what stands here is version 0, in force until a workspace says otherwise.

A workspace changes any of them with a ``PolicyChanged`` fact, whose document is a JSON object of these fields.
"""

from __future__ import annotations

import msgspec

DAY = 86_400_000_000


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One version of a workspace's rules. Times are in microseconds, money in minor units."""

    version: int = 0
    applies_from: int = 0
    time_zone: str = "UTC"
    reporting_currency: str = "AED"

    hot_score: int = 70
    warm_score: int = 40
    warming_engagements: int = 3
    warming_window: int = 30 * DAY
    cooling_after: int = 30 * DAY
    budget_points: tuple[tuple[int, int], ...] = ((200_000_000, 25), (50_000_000, 18), (10_000_000, 10), (1, 5))
    """(at least this many minor units of the reporting currency or of whatever the budget is in, points)."""

    attribution_models: tuple[str, ...] = ("first", "last", "linear")
    attribution_bases: tuple[str, ...] = ("net",)
    click_look_back: int = 30 * DAY
    view_look_back: int = DAY

    contact_not_after: int = DAY
    """A proposal to contact somebody lapses after this long."""


DEFAULT_POLICY = Policy()
