"""Ledger: the books of one booking, kept by one writer. Keyed by booking."""

from processors.base import Step, TimerFired, Visit
from processors.control import OF_MONEY
from processors.ledger.books import Books
from processors.ledger.post import post
from schemas.events.governance import CancellationRisk
from schemas.events.ledger import CellChanged, CreditsPosted
from schemas.events.paths import PathChanged
from schemas.events.weights import PathCounted

STEPS = (
    Step(
        "post",
        post,
        consumes=(PathChanged, CancellationRisk, TimerFired, Visit),
        emits=(CreditsPosted, CellChanged, PathCounted),
        slice=Books,
    ),
)

CONTROLS = OF_MONEY
