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
from msgspec.structs import replace

from models.attribution.bundle import Bundles, fold
from models.attribution.bundle import joined as bundles_joined
from models.attribution.path import Touch
from models.touches import OWN_SENDS
from processors.base import Context, DeadLetter, Drop, Emit, Output, Timer, TimerFired
from processors.lead.bookings import REACH, Booking, revised, revision_of, told_of
from processors.lead.bookings import joined as booking_joined
from processors.lead.candidates import candidates
from processors.lead.history import HistoryGiven, HistoryTaken, Whereabouts, brought_by, lead_id
from processors.lead.touch import as_touch
from schemas.events.base import DAY, HOUR
from schemas.events.bookings import BookingChanged
from schemas.events.clicks import ClickRecorded
from schemas.events.paths import BookingRevision, PathChanged
from schemas.events.touchpoints import TouchpointRecorded

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


Event = TouchpointRecorded | ClickRecorded | BookingChanged | HistoryGiven | HistoryTaken | TimerFired


def follow(held: Path | None, event: Event, ctx: Context) -> tuple[Path | None, Sequence[Output]]:
    """Take in a touch, a booking revision or moved history; tell the ledger of every booking whose path it changes."""
    path = held or Path()
    match event:
        case TouchpointRecorded() | ClickRecorded():  # first, since most are
            return _touch(path, as_touch(event, ctx), ctx)
        case TimerFired():
            return _told(replace(path, waiting=()), path.waiting, (), ctx)
        case HistoryGiven():
            return _given(path, event, ctx) if held is not None else (held, ())
        case HistoryTaken():
            part = event.parts.get("path")
            return _taken(path, part, ctx) if part is not None else (held, ())
        case BookingChanged():
            return _booking(path, event, ctx)


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
        path = replace(path, touches=touches)
        return _told(path, () if oldest is touch else sorted(hit), (), ctx)
    regrouped = _reached(path, folding.since, folding.until)
    at_once = regrouped if oldest is touch else hit
    path = replace(path, touches=touches, bundles=folding.bundles)
    path, told = _told(path, sorted(at_once), sorted(regrouped - at_once), ctx)
    return path, [*([Drop("bundle_forgotten")] * folding.forgotten), *told]


def _pruned(path: Path, newest: Touch) -> Path:
    """The path without the touches and bundles that are not kept as of its newest touch."""
    if _oldest(path).at >= horizon(newest) and not path.bundles.tallies:
        return path
    touches = {id_: one for id_, one in path.touches.items() if _is_kept(path, one.at, one.at, newest)}
    bundled = path.bundles.tallies.items()
    tallies = {key: one for key, one in bundled if _is_kept(path, one.first[0], one.last[0], newest)}
    bundles = replace(path.bundles, tallies=tallies)
    return replace(path, touches=touches, bundles=bundles)


def _is_kept(path: Path, since: int, until: int, newest: Touch) -> bool:
    """Whether touches between two instants, both included, are kept."""
    return until >= horizon(newest) or any(booking.reached_from(since, until) for booking in path.bookings.values())


def horizon(newest: Touch) -> int:
    """Since when touches are kept whatever they led to."""
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
    booking = revised(held, fact.revision, revision, brought_by(ctx), ctx.origin.ver)
    moved = held is None or (booking.epoch, booking.converted_at) != (held.epoch, held.converted_at)
    path = replace(path, bookings={**path.bookings, fact.booking_id: booking})
    path, message = _message(path, fact.booking_id, [told_of(fact)], ctx, with_touches=moved)
    return path, [message]


# -- history that moves


def parted(held: Path, where: Whereabouts) -> tuple[Path, dict[str, Path]]:
    """The path without an identifier's touches, bundles and booking, and these by the lead that they belong to."""
    parts: dict[str, Path] = {}

    def part(at: int) -> Path:
        return parts.setdefault(where.lead_at(at), Path({}, {}, 0, Bundles({}, held.bundles.coarse_until)))

    touches, bookings, tallies = dict(held.touches), dict(held.bookings), dict(held.bundles.tallies)
    for touch in held.touches.values():
        if touch.identifier == where.identifier:
            part(touch.at).touches[touch.id] = touches.pop(touch.id)
    for booking_id, booking in held.bookings.items():
        if booking.identifier == where.identifier:
            part(booking.converted_at).bookings[booking_id] = bookings.pop(booking_id)
    for key, tally in held.bundles.tallies.items():
        if key.identifier == where.identifier:
            part(tally.first[0]).bundles.tallies[key] = tallies.pop(key)
    bundles = replace(held.bundles, tallies=tallies)
    waiting = tuple(one for one in held.waiting if one in bookings)
    return Path(touches, bookings, held.seq, bundles, waiting), parts


def joined(held: Path, part: Path) -> Path:
    """The path with a part of another; what is more than may be held one by one goes into bundles."""
    touches = dict(held.touches)
    for touch in part.touches.values():
        known = touches.get(touch.id)
        if known is None or known.revision < touch.revision:
            touches[touch.id] = touch
    touches = dict(sorted(touches.items(), key=lambda item: item[1].first))
    bookings = dict(held.bookings)
    for booking_id, booking in part.bookings.items():
        bookings[booking_id] = booking_joined(bookings.get(booking_id), booking)
    path = Path(touches, bookings, held.seq, bundles_joined(held.bundles, part.bundles), held.waiting)
    if touches:
        path = _pruned(path, next(reversed(touches.values())))
    while len(path.touches) > MAX_TOUCHES:
        path = _one_folded(path)
    return path


def _one_folded(path: Path) -> Path:
    oldest = _oldest(path)
    rest = {id_: touch for id_, touch in path.touches.items() if id_ != oldest.id}
    folding = fold(path.bundles, oldest) if oldest.creditable else None
    return replace(path, touches=rest, bundles=folding.bundles if folding else path.bundles)


def _given(path: Path, event: HistoryGiven, ctx: Context) -> tuple[Path, Sequence[Output]]:
    """Without what is another lead's now; bookings that it may have led to are told."""
    rest, parts = parted(path, event.whereabouts(ctx))
    for lead, part in parts.items():
        if lead == lead_id(ctx):
            rest = joined(rest, part)
    gone = [part for lead, part in parts.items() if lead != lead_id(ctx)]
    return _told(rest, sorted({one for part in gone for one in _led_to(part, rest)}), (), ctx)


def _taken(path: Path, part: Path, ctx: Context) -> tuple[Path, Sequence[Output]]:
    """With what is this lead's now; bookings that came, and those that came touches may have led to, are told."""
    known = ctx.slices["hold"].known
    bookings = {id_: replace(one, epoch=known[one.identifier].ver) for id_, one in part.bookings.items()}
    part = replace(part, bookings=bookings)
    path = joined(path, part)
    return _told(path, sorted({*bookings, *_led_to(part, path)}), (), ctx)


def _led_to(part: Path, path: Path) -> set[str]:
    """The bookings of a path that touches of a part may have led to."""
    spans = [(touch.at, touch.at) for touch in part.touches.values()]
    spans += [(tally.first[0], tally.last[0]) for tally in part.bundles.tallies.values()]
    return {one for since, until in spans for one in _reached(path, since, until)}


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
    path = replace(path, waiting=tuple(one for one in waiting if one not in told))
    return path, outputs


def _message(
    path: Path, booking_id: str, facts: list[BookingRevision], ctx: Context, *, with_touches: bool
) -> tuple[Path, Output]:
    booking, seq = path.bookings[booking_id], path.seq + 1
    message = PathChanged.build(
        occurred_at=ctx.at,
        booking_id=booking_id,
        lead_id=lead_id(ctx),
        epoch=booking.epoch,
        seq=seq,
        facts=facts,
        touches=candidates(path.touches, path.bundles, booking) if with_touches else None,
    )
    return replace(path, seq=seq), Emit(message)


def _conflict(what: str) -> DeadLetter:
    return DeadLetter(
        "revision_conflict", f"this revision of the {what} is known with other content: publish a higher revision"
    )
