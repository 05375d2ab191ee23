"""Topic ``bookings``: hotel stays and property contracts, each revision in full."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from schemas.events.base import Code, Currency, Day, Id, Identified, Instant, Minor, Revision

BookingStatus = Literal["booked", "contracted", "completed", "cancelled", "no_show", "refunded"]


class BookingChanged(Identified):
    """The whole state of a booking from ``occurred_at`` on; the highest revision wins whatever came first.

    ``amount_minor`` is the whole amount, never a delta. ``retained_minor`` is what is kept once the status is
    cancelled, no_show or refunded; it never exceeds the amount.
    """

    natural_key: ClassVar[tuple[str, ...]] = ("booking_id",)

    booking_id: Id
    revision: Revision
    status: BookingStatus
    amount_minor: Minor
    retained_minor: Minor = 0
    currency: Currency
    booked_at: Instant | None = None
    property_id: Id | None = None
    market_segment: Code | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None

    @model_validator(mode="after")
    def _retained_within_amount(self) -> Self:
        if self.retained_minor > self.amount_minor:
            raise PydanticCustomError("bad_amount", "retained_minor exceeds amount_minor")
        return self
