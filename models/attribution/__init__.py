"""Attribution models: who gets which share of a conversion. ``MODELS`` is the list of them."""

from collections.abc import Sequence

from models.attribution.decay import time_decay
from models.attribution.heuristic import first, last, last_non_direct, linear, position_u, position_w
from models.attribution.learned import Learned, spread
from models.attribution.path import Touch, Weigh
from models.policy import Policy

MODELS: dict[str, Weigh] = {
    "first": first,
    "last": last,
    "last_non_direct": last_non_direct,
    "linear": linear,
    "position_u": position_u,
    "position_w": position_w,
    "time_decay": time_decay,
    "markov_path": linear,
    "shapley_set": linear,
}
"""How each model weighs a path by itself: a data-driven one, the last two, as long as no weights are in force."""


def weigh(model: str, touches: Sequence[Touch], policy: Policy, learned: Learned | None) -> list[int]:
    """Whole weights of the touches of a path that has some, in order, none negative and not all zero.

    ``learned`` is the version of a data-driven model's weights in force for the conversion; others have none.
    """
    return spread(touches, learned) if learned is not None else MODELS[model](touches, policy)
