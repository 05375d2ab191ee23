"""The removal effect in a Markov chain of touches, exactly: linear equations where others simulate.

A state is the newest ``order`` touches of a journey. Removing a channel ends every journey that would touch it without
a conversion; what is lost of all conversions (or value) is the channel's removal effect, and credit is shared in
proportion to these effects. Anderl, Becker, von Wangenheim, Schumann: Mapping the customer journey, 2016, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.attribution.batch.table import Credit, Floats, Paths, Places

MAX_STATES = 4_000
"""More would need more memory than an answer is worth: take a lower order."""


class TooManyStatesError(ValueError):
    """The table has too many different runs of touches for this order."""


@dataclass(frozen=True)
class _Chain:
    """Journeys enter by ``entry`` and move by ``moves``; ``converts`` and ``earns`` say what leaving a state brings."""

    channel: NDArray[np.int32]
    entry: Floats
    moves: Floats
    converts: Floats
    earns: Floats


def markov(paths: Paths, order: int) -> Credit:
    """Conversions and value in proportion to removal effects, of conversions and of value each.

    Raises:
        TooManyStatesError: more than ``MAX_STATES`` states.
    """
    chain = _chain(paths, order)
    whole = _brought(chain, np.ones(len(chain.channel), dtype=bool))
    lost = np.zeros((len(paths.channels), 2))
    for channel in range(len(paths.channels)):
        lost[channel] = whole - _brought(chain, chain.channel != channel)
    effects = np.clip(lost, 0, None)  # nothing is gained by removing a channel; what looks so is rounding
    sums = effects.sum(axis=0)
    shares = effects / np.where(sums > 0, sums, 1)
    return Credit(shares[:, 0] * paths.conversions.sum(), shares[:, 1] * paths.value.sum())


def converting(paths: Paths, order: int) -> float:
    """The chain's probability of a conversion: conversions / journeys at any order, if the chain is right."""
    chain = _chain(paths, order)
    return float(_brought(chain, np.ones(len(chain.channel), dtype=bool))[0])


def _brought(chain: _Chain, kept: NDArray[np.bool_]) -> Floats:
    """Conversions and value per journey when only some states may be entered."""
    moves = chain.moves[np.ix_(kept, kept)]
    rewards = np.stack([chain.converts[kept], chain.earns[kept]], axis=1)
    solved = np.linalg.solve(np.eye(len(moves)) - moves, rewards)
    brought: Floats = chain.entry[kept] @ solved
    return brought


def _chain(paths: Paths, order: int) -> _Chain:
    known, states = np.unique(_runs(paths, order), return_inverse=True)
    count = len(known)
    if count > MAX_STATES:
        raise TooManyStatesError(
            f"{count:,} different runs of {order} touches, {MAX_STATES:,} can be computed: take a lower order"
        )
    journeys = paths.conversions + paths.nulls
    leaving = np.bincount(states, journeys[paths.rows], count)
    from_, to = states[:-1], states[1:]
    within = np.flatnonzero(paths.rows[1:] == paths.rows[:-1])
    moves = np.bincount(from_[within] * count + to[within], journeys[paths.rows[within]], count * count)
    reached = np.where(leaving > 0, leaving, 1)
    ends = states[paths.lasts]
    channel = np.empty(count, dtype=np.int32)
    channel[states] = paths.touches
    return _Chain(
        channel=channel,
        entry=np.bincount(states[paths.firsts], journeys, count) / journeys.sum(),
        moves=moves.reshape(count, count) / reached[:, None],
        converts=np.bincount(ends, paths.conversions, count) / reached,
        earns=np.bincount(ends, paths.value, count) / reached,
    )


def _runs(paths: Paths, order: int) -> Places:
    """The newest ``order`` touches at each touch, as one number; fewer at a journey's begin."""
    width = len(paths.channels) + 1
    runs = paths.touches.astype(np.int64) + 1
    since = np.arange(len(paths.touches)) - paths.firsts[paths.rows]
    for back in range(1, order):
        earlier = np.zeros_like(runs)
        earlier[back:] = paths.touches[:-back] + 1
        runs = runs + np.where(since >= back, earlier, 0) * width**back
    return runs
