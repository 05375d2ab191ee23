"""Models that look at places and milestones in a path (ledger specification, section 4, Weights)."""

from collections.abc import Sequence

from models.attribution.path import Touch
from models.policy import Policy

_DIRECT = "direct"
_INQUIRY = frozenset({"inquiry"})
_VISIT = frozenset({"meeting_requested", "site_visit"})


def first(path: Sequence[Touch], _policy: Policy) -> list[int]:
    """Everything to the first touch."""
    return _all_to(0, path)


def last(path: Sequence[Touch], _policy: Policy) -> list[int]:
    """Everything to the last touch."""
    return _all_to(len(path) - 1, path)


def last_non_direct(path: Sequence[Touch], _policy: Policy) -> list[int]:
    """Everything to the last touch of another channel than direct; to the last one when all are direct."""
    places = (place for place in reversed(range(len(path))) if path[place].channel != _DIRECT)
    return _all_to(next(places, len(path) - 1), path)


def linear(path: Sequence[Touch], _policy: Policy) -> list[int]:
    """The same to each touch."""
    return [1] * len(path)


def position_u(path: Sequence[Touch], _policy: Policy) -> list[int]:
    """40 % to the first touch, 40 % to the last, the rest to those between; two touches share equally."""
    inner = len(path) - 2
    if inner <= 0:
        return [1] * len(path)
    return [2 * inner, *[1] * inner, 2 * inner]


def position_w(path: Sequence[Touch], _policy: Policy) -> list[int]:
    """30 % to each milestone, 10 % to the touches that hold none; a touch that holds two gets both shares.

    Milestones: the first touch, the earliest inquiry, the earliest request of a meeting or visit to a site. With fewer
    of them, or nothing between them, the shares keep their proportions.
    """
    milestones = [place for place in (0, _earliest(path, _INQUIRY), _earliest(path, _VISIT)) if place is not None]
    others = len(path) - len(set(milestones))
    each, rest = (9 * others, len(milestones)) if others else (1, 0)
    weights = [0 if place in milestones else rest for place in range(len(path))]
    for place in milestones:
        weights[place] += each
    return weights


def _all_to(place: int, path: Sequence[Touch]) -> list[int]:
    return [int(place == other) for other in range(len(path))]


def _earliest(path: Sequence[Touch], kinds: frozenset[str]) -> int | None:
    return next((place for place, touch in enumerate(path) if touch.kind in kinds), None)
