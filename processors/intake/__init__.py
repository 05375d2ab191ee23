"""Intake: everything from outside comes in here, and nothing else does. Stateless."""

from functools import partial

from processors.base import Received, Step
from processors.intake.admit import admit
from processors.intake.hear import hear


def steps(identity_key: bytes) -> tuple[Step, ...]:
    """The stage's steps. ``identity_key`` keys the hashes of identifiers."""
    return (
        Step("hear", hear, consumes=(Received,)),
        Step("admit", partial(admit, identity_key), consumes=(Received,)),
    )
