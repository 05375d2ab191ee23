"""Attribution models: who gets which share of a conversion. ``MODELS`` is the list of them."""

from models.attribution.decay import time_decay
from models.attribution.heuristic import first, last, last_non_direct, linear, position_u, position_w
from models.attribution.path import Weigh

MODELS: dict[str, Weigh] = {
    "first": first,
    "last": last,
    "last_non_direct": last_non_direct,
    "linear": linear,
    "position_u": position_u,
    "position_w": position_w,
    "time_decay": time_decay,
}
