"""Ledger: the books of one booking, kept by one writer. Keyed by booking."""

from processors.base import Step, Visit
from processors.control import CONTROL_TYPES
from processors.ledger.books import Books
from processors.ledger.post import post
from schemas.events.ledger import CreditsPosted
from schemas.events.paths import PathChanged

STEPS = (Step("post", post, consumes=(PathChanged, Visit), emits=(CreditsPosted,), slice=Books),)

CONTROLS = CONTROL_TYPES
