"""One lead, Ada, and what she does: facts short to write, runs of them short to start."""

from __future__ import annotations

from typing import Any

from schemas.events.bookings import BookingChanged
from schemas.events.leads import LeadCaptured
from schemas.events.touchpoints import TouchpointRecorded
from streams.state import StateCodec
from tests.support.facts import fact
from tests.support.runs import STAGES, Run, new_run

_STAGE = next(stage for stage in STAGES if stage.name == "lead")


def captured(when: str = "3-1", **fields: Any) -> LeadCaptured:
    """Details of the lead; ``type`` LeadUpdated for newer ones."""
    type_ = fields.pop("type", LeadCaptured)
    return fact(type_, **{"occurred_at": when, "channel": "web", "email": "ada@example.com", **fields})


def touch(name: str, when: str, kind: str = "content_engagement", revision: int = 1, **fields: Any) -> Any:
    """A touch of the lead's; ``type`` TouchpointDeleted to delete it."""
    type_ = fields.pop("type", TouchpointRecorded)
    given = {"touch_id": name, "revision": revision, "kind": kind, "channel": "web", "email": "ada@example.com"}
    return fact(type_, occurred_at=when, **{**given, **fields})


def booking(name: str, revision: int, when: str, **fields: Any) -> BookingChanged:
    """A revision of one of the lead's bookings."""
    given = {"status": "booked", "amount_minor": 100, "currency": "AED", "email": "ada@example.com", **fields}
    return fact(BookingChanged, booking_id=name, revision=revision, occurred_at=when, **given)


def run_of(*facts: Any) -> Run:
    """A run in which facts came one by one, each when it happened or after the one before."""
    run = new_run()
    for one in facts:
        run.publish(one)
    return run


def remembered(run: Run, step: str) -> Any:
    """What a step of the lead stage remembers of the run's only lead; none: nothing."""
    (stored,) = (
        state
        for (inbox, _), store in run.driver.stores.items()
        if inbox == "journeys"
        for key in store.keys_after("", 9)
        if (state := store.get(key)) is not None
    )
    return StateCodec(_STAGE).decode(stored).slices.get(step)
