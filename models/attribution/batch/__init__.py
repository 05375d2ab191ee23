"""Attribution of whole path tables at once. ``BATCH_MODELS`` is the list of models."""

from models.attribution.batch.heuristic import first, last, last_non_direct, linear, position_u
from models.attribution.batch.markov import markov
from models.attribution.batch.table import Credit, Model, Paths

BATCH_MODELS: dict[str, Model] = {
    "first": first,
    "last": last,
    "last_non_direct": last_non_direct,
    "linear": linear,
    "position_u": position_u,
    "markov": markov,
}

__all__ = ["BATCH_MODELS", "Credit", "Model", "Paths"]
