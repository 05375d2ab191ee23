"""What a data-driven model has learned, and how its weights fall on a path (ledger specification, sections 4 and 9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import lcm

import msgspec

from models.attribution.path import Touch
from models.money import apportion

UNIT = 10**9
"""Weights and shares are whole multiples of 1e-9."""

MILLION = 10**6

Channels = tuple[str, ...]
"""Distinct channels, sorted."""

Weights = dict[Channels, dict[str, int]]
"""Weights of channels within a set of them; those under the empty set hold whatever the set."""


class Learned(msgspec.Struct, frozen=True):
    """One version of a model's weights, for conversions from ``applies_from`` on (microseconds)."""

    version: int
    applies_from: int
    weights: Weights


def among(weights: Weights, channels: Channels) -> list[int]:
    """What each channel of a set weighs; all the same where the version does not know every one of them."""
    known = weights.get(channels) or weights.get((), {})
    return [known[channel] for channel in channels] if known.keys() >= {*channels} else [1] * len(channels)


def spread(path: Sequence[Touch], learned: Learned) -> list[int]:
    """Whole weights of a path's touches: what the channel weighs, shared equally by its touches; all zero: linear.

    To stay whole, all weights are multiplied by the least common multiple of the channels' numbers of touches.
    """
    touches: Counter[str] = Counter()
    for touch in path:
        touches[touch.channel] += touch.count
    channels = tuple(sorted(touches))
    weighs = among(learned.weights, channels)
    if not any(weighs):
        return [touch.count for touch in path]
    common = lcm(*touches.values())
    each = {channel: weight * (common // touches[channel]) for channel, weight in zip(channels, weighs, strict=True)}
    return [each[touch.channel] * touch.count for touch in path]


def credited(conversions: int, channels: Channels, weights: Weights) -> list[int]:
    """Millionths of conversions that each channel of a set is credited with; equal shares where all weigh nothing."""
    weighs = among(weights, channels)
    return apportion(conversions * MILLION, weighs if any(weighs) else [1] * len(channels))


def moved(conversions: Mapping[Channels, int], before: Weights, after: Weights) -> tuple[int, int]:
    """Millionths of conversions that other weights would credit to another channel, and of all conversions."""
    changed = 0
    for channels, count in conversions.items():
        pairs = zip(credited(count, channels, before), credited(count, channels, after), strict=True)
        changed += sum(abs(was - will) for was, will in pairs)
    return changed // 2, sum(conversions.values()) * MILLION
