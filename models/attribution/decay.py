"""Time decay: a touch weighs half as much as one that is a half-life younger (ledger specification, section 4).

In whole numbers throughout, so that every machine gives the same weights: with ``x`` the age in half-lives, in units of
2⁻³², a touch weighs ⌊2⁴⁸ · 2^(−x/2³²)⌋. The fraction of ``x`` is taken byte by byte from four tables.
"""

from collections.abc import Sequence
from math import isqrt

from models.attribution.path import Touch
from models.policy import Policy

_ONE = 48  # bits of the weight of the newest touch
_STEP = 32  # bits of the fraction of an age in half-lives
_TABLE = 128  # bits of a table's constants
_WORK = 192  # bits that the constants are computed with


def time_decay(path: Sequence[Touch], policy: Policy) -> list[int]:
    """Weights by age, counted back from the path's newest touch; those of a bundle have the age of their mean time."""
    times = [touch.mean_at for touch in path]
    newest, half_life = max(times), policy.half_life
    return [touch.count * _weight(((newest - at) << _STEP) // half_life) for touch, at in zip(path, times, strict=True)]


def _weight(age: int) -> int:
    halvings, fraction = age >> _STEP, age & ((1 << _STEP) - 1)
    first, second, third, fourth = _TABLES
    weight = first[fraction >> 24] << _ONE
    weight = weight * second[fraction >> 16 & 0xFF] >> _TABLE
    weight = weight * third[fraction >> 8 & 0xFF] >> _TABLE
    weight = weight * fourth[fraction & 0xFF] >> _TABLE
    return weight >> (_TABLE + halvings)


def _tables() -> tuple[tuple[int, ...], ...]:
    """2^(−b/256), 2^(−b/256²) … for each byte b, as multiples of 2⁻¹²⁸."""
    roots, root = [], 1 << (_WORK - 1)  # one half, then its square root, and that one's …
    for _ in range(_STEP):
        root = isqrt(root << _WORK)
        roots.append(root)  # 2^(−1/2), 2^(−1/4) …: the worth of each bit of a fraction, the highest first
    return tuple(_products(roots[first : first + 8]) for first in range(0, _STEP, 8))


def _products(bits: Sequence[int]) -> tuple[int, ...]:
    constants = []
    for byte in range(256):
        constant = 1 << _WORK
        for place, bit in enumerate(bits):
            if byte >> (7 - place) & 1:
                constant = constant * bit >> _WORK
        constants.append(constant >> (_WORK - _TABLE))
    return tuple(constants)


_TABLES = _tables()
