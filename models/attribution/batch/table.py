"""Path tables: many journeys, equal ones counted together, channels as numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Paths:
    """Journeys by row: row ``r`` touched the channels ``touches[starts[r]:starts[r + 1]]``, in order.

    ``channels`` are the names behind the numbers in ``touches``. ``conversions``, ``value`` and ``nulls`` say, per row,
    how many of its journeys converted, what these were worth, and how many did not convert. A row has at least one
    touch.
    """

    channels: tuple[str, ...]
    touches: NDArray[np.int32]
    starts: Places
    conversions: Floats
    value: Floats
    nulls: Floats

    @cached_property
    def lengths(self) -> Places:
        """Number of touches by row."""
        return np.diff(self.starts)

    @cached_property
    def firsts(self) -> Places:
        """Where each row's first touch stands."""
        return self.starts[:-1]

    @cached_property
    def lasts(self) -> Places:
        """Where each row's last touch stands."""
        return self.starts[1:] - 1

    @cached_property
    def rows(self) -> Places:
        """The row of each touch."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)

    def summed(self, channels: NDArray[np.int32], weights: Floats) -> Floats:
        """Weights summed by channel."""
        return np.bincount(channels, weights, len(self.channels)).astype(np.float64)


class Credit(NamedTuple):
    """Conversions and value by channel, in the order of the table's channels; each sums to that of the table."""

    conversions: Floats
    value: Floats


Model = Callable[[Paths, int], Credit]
"""(paths, order) -> credit; ``order`` is how many touches back the chain of a data-driven model remembers."""
