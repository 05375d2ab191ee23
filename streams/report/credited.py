"""Which models are to credit a booking's net revenue: a policy may ask for other bases alone."""

from __future__ import annotations

from models.policy import DEFAULT_POLICY
from processors.control import policy_of


def owing(document: str | None) -> frozenset[str]:
    """The models that credit the net revenue under a policy's document; none: under the defaults."""
    policy = DEFAULT_POLICY if document is None else policy_of(document, 1, 0)
    return frozenset(model for model, basis in policy.credited if basis == "net")
