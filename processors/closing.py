"""When the books of a booking close: so long after its newest revision came that nothing about it changes any more.

By the platform's clock and not by the booking's own dates, so that history can be imported at any time.
"""

from __future__ import annotations

from schemas.events.base import DAY

REFUSED_AFTER = 1_096 * DAY
"""Three years, whichever of them is a leap year: a booking without a new revision for so long takes no other one."""

CLOSED_AFTER = REFUSED_AFTER + 30 * DAY
"""The ledger keeps the books for longer than facts are let through to it, so that none meets closed ones however far
the ledger is behind."""

LEDGER_CLOSED = "ledger_closed"
DETAIL = (
    "the books of this booking closed 3 years after its last new revision: post a correction as a booking of its own, "
    "or have its books reopened from ledger_lines and replay this fact"
)
