"""Models that look at places and milestones in a path (ledger specification, section 4, Weights; 8 for bundles)."""

from collections.abc import Collection, Sequence

from models.attribution.path import Touch
from models.policy import Policy
from models.touches import INQUIRIES, MEETINGS

_DIRECT = "direct"


def first(path: Sequence[Touch], _policy: Policy) -> list[int]:
    """Everything to the first touch."""
    return _all_to(0, path)


def last(path: Sequence[Touch], _policy: Policy) -> list[int]:
    """Everything to the last touch."""
    return _all_to(_latest(path, range(len(path))), path)


def last_non_direct(path: Sequence[Touch], _policy: Policy) -> list[int]:
    """Everything to the last touch of another channel than direct; to the last one when all are direct."""
    others = [place for place, touch in enumerate(path) if touch.channel != _DIRECT]
    return _all_to(_latest(path, others or range(len(path))), path)


def linear(path: Sequence[Touch], _policy: Policy) -> list[int]:
    """The same to each touch."""
    return [touch.count for touch in path]


def position_u(path: Sequence[Touch], _policy: Policy) -> list[int]:
    """40 % to the first touch, 40 % to the last, the rest to those between; two touches share equally."""
    weights = [touch.count for touch in path]
    inner = sum(weights) - 2
    if inner > 0:
        for place in (0, _latest(path, range(len(path)))):
            weights[place] += 2 * inner - 1
    return weights


def position_w(path: Sequence[Touch], _policy: Policy) -> list[int]:
    """30 % to each milestone, 10 % to the touches that hold none; a touch that holds two gets both shares.

    Milestones: the first touch, the earliest inquiry, the earliest request of a meeting or visit to a site. With fewer
    of them, or nothing between them, the shares keep their proportions.
    """
    milestones = [place for place in (0, _earliest(path, INQUIRIES), _earliest(path, MEETINGS)) if place is not None]
    counts = [touch.count - (place in milestones) for place, touch in enumerate(path)]
    others = sum(counts)
    each, rest = (9 * others, len(milestones)) if others else (1, 0)
    weights = [rest * count for count in counts]
    for place in milestones:
        weights[place] += each
    return weights


def _all_to(place: int, path: Sequence[Touch]) -> list[int]:
    weights = [0] * len(path)
    weights[place] = 1
    return weights


def _earliest(path: Sequence[Touch], kinds: frozenset[str]) -> int | None:
    return next((place for place, touch in enumerate(path) if touch.kind in kinds), None)


def _latest(path: Sequence[Touch], places: Collection[int]) -> int:
    ends = [touch.last for touch in path]
    return max(places, key=ends.__getitem__)
