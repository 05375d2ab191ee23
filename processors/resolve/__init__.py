"""Resolve: who is this? The only stage that says which lead a fact belongs to."""

from processors.base import Step
from processors.resolve.booking import Booking, own
from processors.resolve.identifier import Identifier, bind
from processors.resolve.unnamed import pass_on
from schemas.events.base import Identified
from schemas.events.bookings import BookingChanged
from schemas.events.identity import IdentifierBound
from schemas.topics import FACT_TOPIC

_PERSONAL = tuple(t for t in FACT_TOPIC if issubclass(t, Identified) and t is not BookingChanged)
_UNNAMED = tuple(t for t in FACT_TOPIC if not issubclass(t, Identified))

STEPS = (
    Step("identifier", bind, consumes=_PERSONAL, emits=(IdentifierBound,), slice=Identifier),
    Step("booking", own, consumes=(BookingChanged,), slice=Booking),
    Step("unnamed", pass_on, consumes=_UNNAMED),
)
