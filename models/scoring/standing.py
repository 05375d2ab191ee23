"""A lead's standing: score and temperature as a fold over its engagements, in event-time order.

``advance`` takes one happening, ``cool`` the passing of time. Both are pure, so a late happening is folded in at its
own place and everything after it follows; the order of arrival cannot enter. Rules and defaults: ``models.policy``; a
happening is judged by the policy that covers it, a quiet period by the one that covers its beginning.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

from models.policy import MAX_COUNTED, Policy
from models.scoring.points import Points, Signals, merged, points

PolicyAt = Callable[[int], Policy]
"""The policy that covers an instant."""

Kind = Literal["captured", "updated", "content", "direct", "visit", "other"]
"""A lead's details came (first or again), or the lead engaged: with content, by asking, by coming, otherwise."""

BANDS = ("cold", "warm", "hot")
KEEP = MAX_COUNTED
"""Newest times kept of each kind of engagement; no rule counts more."""


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """Where a lead stands after its happenings so far.

    ``temperature`` indexes ``BANDS`` (-1: none yet); ``since`` is when the 30 days without engagement began to run.
    Times in microseconds, oldest first, the newest ``KEEP``.
    """

    temperature: int = -1
    since: int = 0
    score: int = 0
    signals: Signals = Signals()
    engaged: tuple[int, ...] = ()
    content: tuple[int, ...] = ()
    direct: tuple[int, ...] = ()
    ready: tuple[int, ...] = ()


class Happening(msgspec.Struct, frozen=True, array_like=True):
    """One entry of the log, brought by an ``identifier`` (its hash).

    ``live`` is false for a touch that was deleted; ``signals`` come with a lead's details.
    """

    at: int
    id: str
    kind: Kind
    revision: int = 1
    live: bool = True
    signals: Signals | None = None
    identifier: str = ""


class Change(msgspec.Struct, frozen=True, array_like=True):
    """A change of temperature at an instant. Indexes of ``BANDS``; ``before`` -1: there was none."""

    at: int
    before: int
    after: int
    reason: str


def advance(standing: Standing, happening: Happening, policy_at: PolicyAt) -> tuple[Standing, list[Change]]:
    """The standing after one more happening, which is not older than any before, and how the temperature moved."""
    standing, changes = cool(standing, happening.at, policy_at)
    if not happening.live:
        return standing, changes
    at, kind, policy = happening.at, happening.kind, policy_at(happening.at)
    engaged = kind not in ("captured", "updated")
    before = standing.score
    standing = msgspec.structs.replace(
        standing,
        signals=merged(standing.signals, happening.signals) if happening.signals else standing.signals,
        engaged=_with(standing.engaged, at, engaged),
        content=_with(standing.content, at, kind == "content"),
        direct=_with(standing.direct, at, kind == "direct"),
        ready=_with(standing.ready, at, kind in ("direct", "visit")),
        since=max(standing.since, at) if engaged else standing.since,
    )
    score = score_at(standing, at, policy).total
    standing = msgspec.structs.replace(standing, score=score)
    if kind == "captured" and standing.temperature < 0:
        start = _band(score, policy)
        standing = msgspec.structs.replace(standing, temperature=start, since=at)
        changes.append(Change(at, -1, start, "captured"))
    elif standing.temperature >= 0:
        crossed = _band(score, policy) if score > before and _band(score, policy) > _band(before, policy) else -1
        standing = _raise(standing, crossed, at, "score", changes)
    if standing.temperature >= 0 and (engaged or (changes and changes[-1].reason == "captured")):
        warming = [t for t in standing.content if t > at - policy.warming_window]
        if len(warming) >= policy.warming_engagements:
            standing = _raise(standing, 1, at, "content_engagement", changes)
        if standing.direct and standing.direct[-1] > at - policy.warming_window and (kind in ("direct", "captured")):
            standing = _raise(standing, 2, at, "direct_inquiry", changes)
    return standing, changes


def together(one: Standing, other: Standing) -> Standing:
    """Two leads' standings as one person's: the warmer and later of both, and all that either did."""

    def united(times: tuple[int, ...], more: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted((*times, *more)))[-KEEP:]

    older, newer = sorted((one, other), key=lambda standing: standing.since)
    return Standing(
        max(one.temperature, other.temperature),
        newer.since,
        max(one.score, other.score),
        merged(older.signals, newer.signals),
        united(one.engaged, other.engaged),
        united(one.content, other.content),
        united(one.direct, other.direct),
        united(one.ready, other.ready),
    )


def cool(standing: Standing, until: int, policy_at: PolicyAt) -> tuple[Standing, list[Change]]:
    """The standing at an instant when nothing more happened: one step down per quiet period that is over by then."""
    changes: list[Change] = []
    while (due := cools_at(standing, policy_at)) is not None and due <= until:
        below = standing.temperature - 1
        changes.append(Change(due, standing.temperature, below, "quiet"))
        standing = msgspec.structs.replace(standing, temperature=below, since=due)
    return standing, changes


def cools_at(standing: Standing, policy_at: PolicyAt) -> int | None:
    """When the lead cools next if nothing happens, or none when it is as cold as it gets."""
    return standing.since + policy_at(standing.since).cooling_after if standing.temperature > 0 else None


def score_at(standing: Standing, at: int, policy: Policy) -> Points:
    """The score in its four parts as of an instant."""
    recent = sum(1 for t in standing.engaged if t > at - policy.warming_window)
    ready = any(t > at - policy.warming_window for t in standing.ready)
    return points(standing.signals, recent, ready, policy)


def _band(score: int, policy: Policy) -> int:
    return 2 if score >= policy.hot_score else 1 if score >= policy.warm_score else 0


def _raise(standing: Standing, to: int, at: int, reason: str, changes: list[Change]) -> Standing:
    """Up to a band, every step of the way recorded; never down."""
    while standing.temperature < to:
        above = standing.temperature + 1
        changes.append(Change(at, standing.temperature, above, reason))
        standing = msgspec.structs.replace(standing, temperature=above, since=max(standing.since, at))
    return standing


def _with(times: tuple[int, ...], at: int, wanted: bool) -> tuple[int, ...]:
    return (*times, at)[-KEEP:] if wanted else times
