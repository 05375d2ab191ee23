"""Books close: what a booking's key remembers is forgotten but for one mark (ledger specification, section 7).

Nothing is posted when they do: the lines stand. One timer per booking, set once: when it fires and the booking has
changed meanwhile, it is set anew, so that a change costs no timer. What values a booking anew (a policy, a rate,
weights, its path, a risk) is no change of the booking, else every rate would keep all books open.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from processors.base import DeadLetter, Drop, Output, Timer, TimerFired, Visit
from processors.closing import CLOSED_AFTER, DETAIL, LEDGER_CLOSED
from processors.ledger.books import Books
from schemas.events.governance import CancellationRisk
from schemas.events.paths import PathChanged

CLOSE = "close"


def dated(before: Books, books: Books, now: int) -> tuple[Books, Sequence[Output]]:
    """The books with the instant of their last change, and the timer that closes them, unless it is set."""
    if before.changed_at is not None and books.revisions == before.revisions:
        return books, ()
    books = msgspec.structs.replace(books, changed_at=now)
    return books, [Timer(CLOSE, now + CLOSED_AFTER)] if before.changed_at is None else ()


def close(books: Books, fired: TimerFired) -> tuple[Books, Sequence[Output]]:
    """The mark of closed books, or the books as they are if they changed since the timer was set.

    Risks of a booking that never came are forgotten: it may still come.
    """
    assert books.changed_at is not None, "the timer is set with it"
    due = books.changed_at + CLOSED_AFTER
    if due > fired.due:
        return books, [Timer(CLOSE, due)]
    return Books(closed=bool(books.revisions)), ()


def refused(event: PathChanged | CancellationRisk | Visit) -> Sequence[Output]:
    """What becomes of an event for closed books: a fact is refused, a message of the lead stage dropped and counted."""
    if isinstance(event, CancellationRisk):
        return [DeadLetter(LEDGER_CLOSED, DETAIL)]
    return [Drop(LEDGER_CLOSED)] if isinstance(event, PathChanged) else ()
