"""Removal effects in the Markov chain of journeys, in closed form (ledger specification, section 9).

With P the moves between channels, N = (I − P)⁻¹, s the entries and r the conversions, removing channel c loses

    (s·N)_c / N_cc · (N·r)_c / (s·N·r)

of all conversions: the chance to reach c at all, times what c brings from there on. Anderl, Becker, von Wangenheim,
Schumann: Mapping the customer journey, 2016, section 3; the first factor by Kemeny and Snell: Finite Markov chains,
theorem 3.2.4. Plain floats in one order, sums rounded once (``fsum``; ``sum`` differs between versions of Python), so
that every machine finds the same weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import fsum
from typing import NamedTuple

from models.attribution.learned import UNIT, Weights

Matrix = list[list[float]]


class Chain(NamedTuple):
    """Journeys counted: by first channel, by move from channel to channel, by last channel converted or not."""

    starts: Counter[str]
    moves: Counter[tuple[str, str]]
    conversions: Counter[str]
    nulls: Counter[str]

    @property
    def converted(self) -> int:
        """How many journeys converted."""
        return sum(self.conversions.values())

    @property
    def journeys(self) -> int:
        """How many journeys there were."""
        return sum(self.starts.values())


def markov(chain: Chain) -> Weights:
    """Removal effects as weights, whatever the set of a path's channels."""
    return {(): {channel: round(effect * UNIT) for channel, effect in removal_effects(chain).items()}}


def removal_effects(chain: Chain) -> dict[str, float]:
    """The part of all conversions that is lost without each channel, 0 to 1. Some journey must have converted."""
    leaving = chain.conversions + chain.nulls
    for (from_, _), count in chain.moves.items():
        leaving[from_] += count
    return _effects(chain, {channel: leaving[channel] for channel in sorted(leaving) if leaving[channel]})


def _effects(chain: Chain, leaving: Mapping[str, int]) -> dict[str, float]:
    journeys, places = chain.journeys, range(len(leaving))
    entry = [chain.starts[channel] / journeys for channel in leaving]
    gain = [chain.conversions[channel] / total for channel, total in leaving.items()]
    moves = [[chain.moves[from_, to] / leaving[from_] for to in leaving] for from_ in leaving]
    visits = inverse([[(i == j) - moves[i][j] for j in places] for i in places])
    reached = [fsum(entry[i] * visits[i][j] for i in places) for j in places]
    brings = [fsum(visits[i][j] * gain[j] for j in places) for i in places]
    whole = fsum(entry[i] * brings[i] for i in places)
    lost = (reached[c] / visits[c][c] * brings[c] / whole for c in places)
    return {channel: min(part, 1.0) for channel, part in zip(leaving, lost, strict=True)}  # beyond 1 is rounding


def inverse(matrix: Matrix) -> Matrix:
    """The inverse by Gauss and Jordan without pivoting, which I − P does not need: its diagonal dominates.

    Every state must be left for good some time.
    """
    rows = [list(row) for row in matrix]
    for place, row in enumerate(rows):
        pivot, row[place] = row[place], 1.0
        rows[place] = pivoted = [cell / pivot for cell in row]
        for other, cells in enumerate(rows):
            factor = cells[place]
            if other != place and factor:
                cells[place] = 0.0
                rows[other] = [cell - factor * by for cell, by in zip(cells, pivoted, strict=True)]
    return rows
