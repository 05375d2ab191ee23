"""Batch attribution by definition, in exact rationals: one journey after the other, one channel removed at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple


class Journeys(NamedTuple):
    """Journeys over the same channels: how many converted, what these were worth together, how many did not."""

    channels: tuple[str, ...]
    conversions: int
    value: int
    nulls: int


def share(model: str, channels: Sequence[str]) -> dict[int, Fraction]:
    """What each place of a path gets of a conversion."""
    last = len(channels) - 1
    if model == "first":
        return {0: Fraction(1)}
    if model == "last_non_direct":
        return {max((n for n, name in enumerate(channels) if name != "direct"), default=last): Fraction(1)}
    if model == "position_u" and last > 1:
        between = {place: Fraction(1, 5) / (last - 1) for place in range(1, last)}
        return {0: Fraction(2, 5), last: Fraction(2, 5), **between}
    if model in ("linear", "position_u"):
        return {place: Fraction(1, len(channels)) for place in range(len(channels))}
    return {last: Fraction(1)}


def heuristic(model: str, journeys: Sequence[Journeys], of: str) -> dict[str, Fraction]:
    """Conversions or value by channel."""
    found: dict[str, Fraction] = defaultdict(Fraction)
    for one in journeys:
        for place, part in share(model, one.channels).items():
            found[one.channels[place]] += part * getattr(one, of)
    return dict(found)


def markov(journeys: Sequence[Journeys], order: int, of: str) -> dict[str, Fraction]:
    """Removal effects as shares of the total; the chain is walked backwards until nothing is left to solve."""
    total = sum(Fraction(getattr(one, of)) for one in journeys)
    names = sorted({name for one in journeys for name in one.channels})
    whole = brought(journeys, order, of, None)
    lost = {name: whole - brought(journeys, order, of, name) for name in names}
    together = sum(lost.values())
    return {name: effect / together * total if together else Fraction(0) for name, effect in lost.items()}


def brought(journeys: Sequence[Journeys], order: int, of: str, without: str | None) -> Fraction:
    """Conversions or value per journey of the chain when one channel ends every journey that reaches it."""
    moves: dict[object, dict[object, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    gains: dict[object, Fraction] = defaultdict(Fraction)
    for one in journeys:
        weight = Fraction(one.conversions + one.nulls)
        states = [("begin",), *(one.channels[max(0, n - order + 1) : n + 1] for n in range(len(one.channels)))]
        for here, there in zip(states, [*states[1:], ("end",)], strict=True):
            moves[here][there] += weight
        gains[states[-1]] += getattr(one, of)
    states = [state for state in moves if without is None or state[-1] != without]  # type: ignore[index]
    # Gauss and Jordan on x = gain + moves x, all divided by what leaves the state
    rows = []
    for here in states:
        leaving = sum(moves[here].values())
        row = [Fraction(here == there) - (moves[here][there] / leaving if leaving else 0) for there in states]
        rows.append([*row, gains[here] / leaving if leaving else Fraction(0)])
    for place in range(len(rows)):
        pivot = next(n for n in range(place, len(rows)) if rows[n][place])
        rows[place], rows[pivot] = rows[pivot], rows[place]
        rows[place] = [cell / rows[place][place] for cell in rows[place]]
        for other in range(len(rows)):
            if other != place and rows[other][place]:
                factor = rows[other][place]
                rows[other] = [a - factor * b for a, b in zip(rows[other], rows[place], strict=True)]
    return rows[states.index(("begin",))][-1]
