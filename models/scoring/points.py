"""The score: budget, urgency, engagement, readiness, up to 25 points each, with the reasons in words."""

from __future__ import annotations

import msgspec

from models.policy import Policy

_URGENCY = ((30, 25), (90, 15), (180, 8))
_FINANCING = {"cash": 15, "preapproved": 12, "needed": 5, "none": 0}
ENGAGEMENT_POINTS = 5
READY_POINTS = 10
FULL = 25


class Signals(msgspec.Struct, frozen=True, array_like=True):
    """What a lead said of itself that scores: money in minor units, days until decision, kind of financing."""

    budget_minor: int | None = None
    timeframe_days: int | None = None
    financing: str | None = None


class Points(msgspec.Struct, frozen=True):
    """A score in its parts."""

    budget: int
    urgency: int
    engagement: int
    readiness: int
    reasons: tuple[str, ...]

    @property
    def total(self) -> int:
        """0 to 100."""
        return self.budget + self.urgency + self.engagement + self.readiness


def merged(before: Signals, newer: Signals) -> Signals:
    """Newer signals over older ones; what the newer leave out stays."""
    return Signals(
        before.budget_minor if newer.budget_minor is None else newer.budget_minor,
        before.timeframe_days if newer.timeframe_days is None else newer.timeframe_days,
        newer.financing or before.financing,
    )


def points(signals: Signals, recent_engagements: int, ready: bool, policy: Policy) -> Points:
    """The score of some signals, the engagements of the last 30 days, and whether one of them showed readiness."""
    budget = next((p for least, p in policy.budget_points if (signals.budget_minor or 0) >= least), 0)
    days = signals.timeframe_days
    urgency = 0 if days is None else next((p for most, p in _URGENCY if days <= most), 3)
    engagement = min(FULL, ENGAGEMENT_POINTS * recent_engagements)
    financing = _FINANCING.get(signals.financing or "none", 0)
    readiness = min(FULL, financing + (READY_POINTS if ready else 0))
    told = (
        (budget, f"budget {signals.budget_minor}"),
        (urgency, f"decides within {days} days"),
        (engagement, f"{recent_engagements} engagements in 30 days"),
        (financing, f"financing {signals.financing}"),
        (READY_POINTS if ready else 0, "asked or came in 30 days"),
    )
    reasons = tuple(f"{reason}: {count}" for count, reason in told if count)
    return Points(budget, urgency, engagement, readiness, reasons)
