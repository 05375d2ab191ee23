"""Models that look at positions alone (ledger specification, section 4, Weights)."""

from collections.abc import Sequence

from models.attribution.path import Touch


def first(path: Sequence[Touch]) -> list[int]:
    """Everything to the first touch."""
    return [1] + [0] * (len(path) - 1)


def last(path: Sequence[Touch]) -> list[int]:
    """Everything to the last touch."""
    return [0] * (len(path) - 1) + [1]


def linear(path: Sequence[Touch]) -> list[int]:
    """The same to each touch."""
    return [1] * len(path)
