"""What a workspace counts of one week's journeys, so that any of them can be taken back exactly.

Channels and sets have a place from the first journey that names them, kept as long as the week is: whatever finds none
left is folded then and stays so, and its retraction finds it where it was counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from models.attribution.learned import Channels
from models.attribution.markov import Chain
from models.attribution.shapley import LARGEST, Tally

OTHER = "(other)"
"""All channels beyond the bound."""

MAX_CHANNELS = 64
"""Of a week and of a solution, ``OTHER`` included."""

MAX_SETS = 1_000

_REST = MAX_CHANNELS - 1
_BEGIN, _CONVERSION, _NULL = MAX_CHANNELS, MAX_CHANNELS + 1, MAX_CHANNELS + 2
_WIDTH = 128


class Week(msgspec.Struct, frozen=True, array_like=True):
    """Moves by 128 · from + to, and (journeys, conversions) by set as a bit mask; both of places in ``channels``.

    Bounds: the first 63 channels, the others are one; the first 1,000 sets of up to 8 channels, the others are left
    out of ``sets`` alone.
    """

    channels: tuple[str, ...] = ()
    moves: dict[int, int] = {}
    sets: dict[int, tuple[int, int]] = {}

    def counted(self, path: Sequence[str], *, converted: bool, change: int) -> Week:
        """The week with a journey of some channels in it (``change`` 1) or out of it again (-1)."""
        names = {name: place for place, name in enumerate(self.channels)}
        for name in path:
            if name not in names and len(names) < _REST:
                names[name] = len(names)
        places = [names.get(name, _REST) for name in path]
        moves, sets = dict(self.moves), self.sets
        for from_, to in pairwise((_BEGIN, *places, _CONVERSION if converted else _NULL)):
            move = from_ * _WIDTH + to
            moves[move] = moves.get(move, 0) + change
        mask = sum(1 << place for place in {*places})
        if mask.bit_count() <= LARGEST and (mask in sets or len(sets) < MAX_SETS):
            journeys, conversions = sets.get(mask, (0, 0))
            sets = {**sets, mask: (journeys + change, conversions + change * converted)}
        return Week(tuple(names), moves, sets)

    @property
    def names(self) -> list[str]:
        """The channel of each place."""
        return [*self.channels, *[OTHER] * (MAX_CHANNELS - len(self.channels))]


class Totals(NamedTuple):
    """The journeys of some weeks by channel: as a chain, and by set."""

    chain: Chain
    sets: dict[Channels, Tally]


def total(weeks: Sequence[Week]) -> Totals:
    """Weeks together; beyond 63 channels the least visited become ``OTHER``."""
    kept = _most_visited(weeks)
    chain = Chain(Counter(), Counter(), Counter(), Counter())
    sets: dict[Channels, Tally] = {}
    for week in weeks:
        names = [name if name in kept else OTHER for name in week.names]
        for move, count in week.moves.items():
            from_, to = divmod(move, _WIDTH)
            if from_ == _BEGIN:
                chain.starts[names[to]] += count
            elif to == _CONVERSION:
                chain.conversions[names[from_]] += count
            elif to == _NULL:
                chain.nulls[names[from_]] += count
            else:
                chain.moves[names[from_], names[to]] += count
        for mask, (journeys, conversions) in week.sets.items():
            channels = tuple(sorted({names[place] for place in _places(mask)}))
            held = sets.get(channels, Tally(0, 0))
            sets[channels] = Tally(held.journeys + journeys, held.conversions + conversions)
    return Totals(chain, sets)


def _places(mask: int) -> Iterator[int]:
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _most_visited(weeks: Sequence[Week]) -> frozenset[str]:
    visits: Counter[str] = Counter()
    for week in weeks:
        names = week.names
        for move, count in week.moves.items():
            if (to := move % _WIDTH) < MAX_CHANNELS:
                visits[names[to]] += count
    del visits[OTHER]
    return frozenset(sorted(visits, key=lambda name: (-visits[name], name))[:_REST])
