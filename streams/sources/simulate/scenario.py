"""What is simulated, what comes out, and where all chance comes from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from typing import Generic, NamedTuple, TypeVar

from schemas.events.base import DAY

T = TypeVar("T")


@dataclass(frozen=True)
class Scenario:
    """One simulated agency: ``days`` days that end at the instant ``end``, which the caller makes the present.

    At least ``events`` records are published, though never fewer than the agency's daily facts need.
    """

    end: int
    seed: int = 1
    days: int = 180
    events: int = 100_000
    workspace: str = "harborline"

    @property
    def start(self) -> int:
        """The first instant."""
        return self.end - self.days * DAY

    def chance(self, name: object) -> Random:
        """A source of chance of its own, so that drawing more in one place changes nothing in another."""
        return Random(f"{self.seed}/{name}")  # noqa: S311 a simulation wants chance that repeats


class Published(NamedTuple):
    """A record as an upstream system publishes it. Instants in microseconds."""

    topic: str
    key: str
    value: bytes
    occurred_at: int
    published_at: int


class Weighted(Generic[T]):
    """Things to choose from, each with a weight."""

    def __init__(self, weighted: Iterable[tuple[T, float]]) -> None:
        things, weights = zip(*((thing, weight) for thing, weight in weighted if weight > 0), strict=True)
        self._things: tuple[T, ...] = things
        self._cumulative = list(accumulate(weights))

    def pick(self, chance: Random) -> T:
        """One of the things, as likely as its weight says."""
        place = bisect_right(self._cumulative, chance.random() * self._cumulative[-1])
        return self._things[min(place, len(self._things) - 1)]
