"""The path: a lead's touches and bookings; whenever a booking's candidates change, the ledger hears of it.

Nothing is posted here. A touch reaches every booking whose conversion it may have led to; the ledger decides.

What is kept follows from the lead's own facts and not from the clock, so that history can be imported at any time:
touches since ``RETENTION`` before the UTC day of the newest one, and older ones that may have led to a booking known
here. A touch that would not be kept is refused. Of those kept, the newest ``MAX_TOUCHES`` are held one by one, older
ones in bundles. A bundle does not know its touches apart: to correct or delete one is refused, and a repeat of one,
later than the resolve stage remembers ids, counts once more, unless it is the bundle's first or last.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from models.attribution.bundle import Bundles, fold
from models.attribution.path import Touch
from models.touches import OWN_SENDS
from processors.base import Context, DeadLetter, Drop, Emit, Output, Timer, TimerFired
from processors.lead.bookings import REACH, Booking, revised, revision_of, told_of
from processors.lead.candidates import candidates
from processors.lead.touch import as_touch
from schemas.events.base import DAY, HOUR, Identified
from schemas.events.bookings import BookingChanged
from schemas.events.paths import BookingRevision, PathChanged

RETENTION = REACH + 90 * DAY
"""The farthest look-back, and how much later than that a touch may come."""

MAX_TOUCHES = 200
MAX_BOOKINGS = 1_000

TOLD_AT_ONCE = 50
"""Bookings of which the ledger hears in one step; those beyond wait for the next tick."""

FOLDED_TOLD_AFTER = HOUR
"""Folding a touch changes how finely its credit is told, nothing else, so the ledger need not hear of each."""


class Path(msgspec.Struct, frozen=True):
    """A lead's touches and bookings, and how many messages about them were sent.

    Up to ``MAX_TOUCHES`` touches by id, in the order of (time, id), and the bundles of older ones; up to
    ``MAX_BOOKINGS`` bookings. ``waiting`` are those of which the ledger is yet to hear, the next one first.
    """

    touches: dict[str, Touch] = {}
    bookings: dict[str, Booking] = {}
    seq: int = 0
    bundles: Bundles = Bundles()
    waiting: tuple[str, ...] = ()


def follow(held: Path | None, event: Identified | TimerFired, ctx: Context) -> tuple[Path | None, Sequence[Output]]:
    """Take in a touch or a booking revision and tell the ledger of every booking whose path it changes."""
    path = held or Path()
    if isinstance(event, TimerFired):
        return _told(msgspec.structs.replace(path, waiting=()), path.waiting, (), ctx)
    if isinstance(event, BookingChanged):
        return _booking(path, event, ctx)
    return _touch(path, as_touch(event, ctx), ctx)


# -- touches


def _touch(path: Path, touch: Touch, ctx: Context) -> tuple[Path, Sequence[Output]]:
    held = path.touches.get(touch.id)
    if held is not None and held.revision >= touch.revision:
        if held.revision == touch.revision and held != touch:
            return path, [_conflict("touch")]
        return path, ()
    if touch.kind in OWN_SENDS and touch.revision == 1:
        return path, ()
    newest = next(reversed(path.touches.values()), touch)
    touches = {**path.touches, touch.id: touch}
    if held is not None or (touch.at, touch.id) < (newest.at, newest.id):
        if held is None and (refused := _refused(path, touch, newest)):
            return path, [refused]
        touches = dict(sorted(touches.items(), key=lambda item: item[1].first))
    hit = _reached(path, touch.at, touch.at)
    if held is not None:
        hit |= _reached(path, held.at, held.at)
    path = Path(touches, path.bookings, path.seq, path.bundles, path.waiting)
    if newest.at // DAY < touch.at // DAY:
        path = _pruned(path, touch)
    if len(path.touches) > MAX_TOUCHES:
        return _folded(path, touch, hit, ctx)
    return _told(path, sorted(hit), (), ctx) if hit else (path, ())


def _refused(path: Path, touch: Touch, newest: Touch) -> DeadLetter | None:
    if not _is_kept(path, touch.at, touch.at, newest):
        days = RETENTION // DAY
        why = f"{days} days older than the lead's newest touch, with no booking known that it may have led to"
    elif touch.revision > 1 and len(path.touches) >= MAX_TOUCHES and touch.first < _oldest(path).first:
        why = f"not among the lead's newest {MAX_TOUCHES} touches, and older ones are not told apart any more"
    else:
        return None
    return DeadLetter("beyond_restatement_horizon", why)


def _folded(path: Path, touch: Touch, hit: set[str], ctx: Context) -> tuple[Path, Sequence[Output]]:
    """The path with its oldest touch in a bundle, of which the bookings that ``touch`` does not hit hear later."""
    oldest = _oldest(path)
    touches = {**path.touches}
    del touches[oldest.id]
    folding = fold(path.bundles, oldest) if oldest.creditable else None
    if folding is None:
        path = msgspec.structs.replace(path, touches=touches)
        return _told(path, () if oldest is touch else sorted(hit), (), ctx)
    regrouped = _reached(path, folding.since, folding.until)
    at_once = regrouped if oldest is touch else hit
    path = msgspec.structs.replace(path, touches=touches, bundles=folding.bundles)
    path, told = _told(path, sorted(at_once), sorted(regrouped - at_once), ctx)
    return path, [*([Drop("bundle_forgotten")] * folding.forgotten), *told]


def _pruned(path: Path, newest: Touch) -> Path:
    """The path without the touches and bundles that are not kept as of its newest touch."""
    if _oldest(path).at >= _horizon(newest) and not path.bundles.tallies:
        return path
    touches = {id_: one for id_, one in path.touches.items() if _is_kept(path, one.at, one.at, newest)}
    tallies = {
        key: tally
        for key, tally in path.bundles.tallies.items()
        if _is_kept(path, tally.first[0], tally.last[0], newest)
    }
    bundles = msgspec.structs.replace(path.bundles, tallies=tallies)
    return msgspec.structs.replace(path, touches=touches, bundles=bundles)


def _is_kept(path: Path, since: int, until: int, newest: Touch) -> bool:
    """Whether touches between two instants, both included, are kept."""
    return until >= _horizon(newest) or any(booking.reached_from(since, until) for booking in path.bookings.values())


def _horizon(newest: Touch) -> int:
    return newest.at // DAY * DAY - RETENTION


def _oldest(path: Path) -> Touch:
    return next(iter(path.touches.values()))


def _reached(path: Path, since: int, until: int) -> set[str]:
    """The bookings that touches between two instants, both included, may have led to."""
    return {booking_id for booking_id, booking in path.bookings.items() if booking.reached_from(since, until)}


# -- bookings


def _booking(path: Path, fact: BookingChanged, ctx: Context) -> tuple[Path, Sequence[Output]]:
    held = path.bookings.get(fact.booking_id)
    if held is None and len(path.bookings) >= MAX_BOOKINGS:
        return path, [DeadLetter("too_many_bookings", f"this lead has {MAX_BOOKINGS:,} bookings already")]
    revision = revision_of(fact)
    known = held.revisions.get(fact.revision) if held is not None else None
    if known is not None:
        return path, () if known == revision else [_conflict("booking")]
    booking = revised(held, fact.revision, revision, ctx.origin.epoch)
    moved = held is None or (booking.epoch, booking.converted_at) != (held.epoch, held.converted_at)
    path = msgspec.structs.replace(path, bookings={**path.bookings, fact.booking_id: booking})
    path, message = _message(path, fact.booking_id, [told_of(fact)], ctx, with_touches=moved)
    return path, [message]


# -- messages


def _told(path: Path, at_once: Sequence[str], later: Sequence[str], ctx: Context) -> tuple[Path, Sequence[Output]]:
    """Tell the ledger of bookings, of as many as one step may; the others wait for their turn."""
    told, rest = at_once[:TOLD_AT_ONCE], at_once[TOLD_AT_ONCE:]
    outputs: list[Output] = []
    for booking_id in told:
        path, message = _message(path, booking_id, [], ctx, with_touches=True)
        outputs.append(message)
    if rest:
        outputs.append(Timer("tell", ctx.now + 1))
    elif later and not path.waiting:
        outputs.append(Timer("tell", ctx.now + FOLDED_TOLD_AFTER))
    waiting = dict.fromkeys((*path.waiting, *rest, *later))
    path = msgspec.structs.replace(path, waiting=tuple(one for one in waiting if one not in told))
    return path, outputs


def _message(
    path: Path, booking_id: str, facts: list[BookingRevision], ctx: Context, *, with_touches: bool
) -> tuple[Path, Output]:
    booking, seq = path.bookings[booking_id], path.seq + 1
    message = PathChanged.build(
        occurred_at=ctx.at,
        booking_id=booking_id,
        lead_id=ctx.key.partition("/")[2],
        epoch=booking.epoch,
        seq=seq,
        facts=facts,
        touches=candidates(path.touches, path.bundles, booking) if with_touches else None,
    )
    return msgspec.structs.replace(path, seq=seq), Emit(message)


def _conflict(what: str) -> DeadLetter:
    return DeadLetter(
        "revision_conflict", f"this revision of the {what} is known with other content: publish a higher revision"
    )
