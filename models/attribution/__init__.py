"""Attribution models: who gets which share of a conversion. ``MODELS`` is the list of them."""

from models.attribution.heuristic import first, last, linear
from models.attribution.path import Weigh

MODELS: dict[str, Weigh] = {"first": first, "last": last, "linear": linear}
