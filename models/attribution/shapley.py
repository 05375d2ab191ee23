"""Shapley values within sets of channels (ledger specification, section 9).

The worth of a set is the conversion rate of the journeys that touched exactly its channels; of sets seen too rarely,
nothing. A channel's value is its mean marginal worth over the orders in which a set's channels may come together.
Shapley: A value for n-person games, 1953; for channels Zhao, Mahboobi, Bagheri: Shapley value methods for attribution
modeling in online advertising, 2018, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import comb
from typing import NamedTuple

from models.attribution.learned import UNIT, Channels, Weights

LARGEST = 8
"""Channels of a set; larger ones are not counted."""

ENOUGH_JOURNEYS = 30
"""A set's conversion rate is taken from no fewer journeys."""

MOST_SETS = 100
"""Sets of a version, the most travelled ones: every ledger partition remembers every version."""


class Tally(NamedTuple):
    """Journeys that touched exactly one set of channels."""

    journeys: int
    conversions: int


def shapley(sets: Mapping[Channels, Tally]) -> Weights:
    """Weights within each set of two channels or more that has been seen often enough; negative values are 0."""
    rates = {channels: tally.conversions / tally.journeys for channels, tally in sets.items() if _enough(tally)}
    known = sorted((channels for channels in rates if len(channels) > 1), key=lambda one: (-sets[one].journeys, one))
    return {
        channels: {
            channel: round(max(value, 0.0) * UNIT)
            for channel, value in zip(channels, values(channels, rates), strict=True)
        }
        for channels in sorted(known[:MOST_SETS])
    }


def values(channels: Channels, worth: Mapping[Channels, float]) -> list[float]:
    """The Shapley value of each channel of a set, given the worth of its subsets (absent: nothing)."""
    count = len(channels)
    worths = [
        worth.get(tuple(channel for place, channel in enumerate(channels) if subset >> place & 1), 0.0)
        for subset in range(1 << count)
    ]
    found = []
    for place in range(count):
        value = 0.0
        for subset in range(1 << count):
            if not subset >> place & 1:
                gained = worths[subset | 1 << place] - worths[subset]
                value += gained / (count * comb(count - 1, subset.bit_count()))
        found.append(value)
    return found


def _enough(tally: Tally) -> bool:
    return tally.journeys >= ENOUGH_JOURNEYS
