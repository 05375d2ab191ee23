"""Models that look at places in a path, over whole tables (ledger specification, section 4, Weights)."""

from __future__ import annotations

import numpy as np

from models.attribution.batch.table import Credit, Floats, Paths, Places

_DIRECT = "direct"


def first(paths: Paths, _order: int) -> Credit:
    """Everything to the first touch."""
    return _at(paths, paths.firsts)


def last(paths: Paths, _order: int) -> Credit:
    """Everything to the last touch."""
    return _at(paths, paths.lasts)


def last_non_direct(paths: Paths, _order: int) -> Credit:
    """Everything to the last touch of another channel than direct; to the last one when all are direct."""
    if _DIRECT not in paths.channels:
        return last(paths, _order)
    places = np.arange(len(paths.touches))
    others = np.where(paths.touches == paths.channels.index(_DIRECT), -1, places)
    found = np.maximum.reduceat(others, paths.firsts)
    return _at(paths, np.where(found < 0, paths.lasts, found))


def linear(paths: Paths, _order: int) -> Credit:
    """The same to each touch."""
    return _shared(paths, np.ones(len(paths.touches)))


def position_u(paths: Paths, _order: int) -> Credit:
    """40 % to the first touch, 40 % to the last, the rest to those between; two touches share equally."""
    inner = np.maximum(paths.lengths - 2, 0)
    weights = np.ones(len(paths.touches))
    weights[paths.firsts] = weights[paths.lasts] = np.maximum(2 * inner, 1)
    return _shared(paths, weights)


def _at(paths: Paths, places: Places) -> Credit:
    winners = paths.touches[places]
    return Credit(paths.summed(winners, paths.conversions), paths.summed(winners, paths.value))


def _shared(paths: Paths, weights: Floats) -> Credit:
    shares = weights / np.add.reduceat(weights, paths.firsts)[paths.rows]
    return Credit(
        paths.summed(paths.touches, shares * paths.conversions[paths.rows]),
        paths.summed(paths.touches, shares * paths.value[paths.rows]),
    )
