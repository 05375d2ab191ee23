"""Target minus posted: the one rule by which the books change (ledger specification, section 5)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from processors.base import Context, DeadLetter, Emit, Output, TimerFired, Visit
from processors.ledger.accounts import minus, packed, unpacked
from processors.ledger.books import Books, merged, with_risk
from processors.ledger.cells import cells_changed, told_under
from processors.ledger.close import close, dated, refused
from processors.ledger.journey import counted, journey
from processors.ledger.lines import posting
from processors.ledger.target import target, terms
from processors.ledger.value import net, steps
from schemas.events.governance import CancellationRisk
from schemas.events.paths import PathChanged

_REASON = {"PolicyChanged": "policy", "ExchangeRateSet": "rate", "WeightsVersion": "weights"}

Input = PathChanged | CancellationRisk | Visit


def post(held: Books | None, event: Input | TimerFired, ctx: Context) -> tuple[Books | None, Sequence[Output]]:
    """Take in what the event says, and post the difference between what should stand in the books and what does."""
    before = held or Books()
    if isinstance(event, TimerFired):
        return close(before, event)
    if before.closed:
        return held, refused(event)
    books = _informed(before, event)
    if books is None:
        return held, [DeadLetter("revision_conflict", "this version of the risk is known with other content: raise it")]
    if books is before and not books.revisions:
        return held, ()
    books, timer = dated(before, books, ctx.now)
    if not books.revisions:
        return books, timer
    under = terms(books, ctx.control)
    states = list(steps(books, under.policy, under.day))
    should, stands = target(states, under), unpacked(books.posted)
    changed = minus(should, stands)
    told, figured = told_under(under.policy)
    after = msgspec.structs.replace(
        books,
        posted=packed(should) if changed.blocks else books.posted,
        seq=books.seq + bool(changed.blocks),
        told=told,
        figured=figured,
        journey=journey(under.path, under.day, net(states[-1][1])),
    )
    said = [
        *posting(after, changed, _reason(before, books, event), under, ctx),
        *cells_changed(
            (should, told, figured), (stands, books.told, books.figured or books.told), states[-1][1], under, ctx
        ),
        *counted(books.journey, after.journey, ctx.at),
    ]
    return (after, [*timer, *map(Emit, said)]) if after != before else (held, ())


def _informed(books: Books, event: Input) -> Books | None:
    """The books with what an event says; none when it contradicts them."""
    match event:
        case PathChanged():
            return merged(books, event)
        case CancellationRisk():
            return with_risk(books, event)
        case _:
            return books


def _reason(before: Books, books: Books, event: Input) -> str:
    if isinstance(event, Visit):
        return _REASON[event.type]
    if isinstance(event, CancellationRisk):
        return "risk"
    if not before.revisions:
        return "conversion"
    return "revision" if books.revisions != before.revisions else "path"
