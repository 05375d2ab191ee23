"""The log of a lead's engagements, and the score that follows from it.

The one log that the accounting steps of this stage share: entries in event-time order, a checkpoint for what was
before them, and the standing after them. A late entry, a corrected or deleted touch is folded in at its own place.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from models.scoring.points import Signals
from models.scoring.standing import Change, Happening, Kind, Standing, advance, score_at, together
from models.touches import is_click_class
from processors.base import Context, Drop, Emit, Output, Visit
from processors.lead.history import HistoryGiven, HistoryTaken, Whereabouts, brought_by, lead_id
from schemas.events.base import DAY, Identified
from schemas.events.clicks import ClickRecorded
from schemas.events.decisions import LeadScored
from schemas.events.leads import LeadCaptured
from schemas.events.touchpoints import TouchpointDeleted, TouchpointRecorded

MAX_ENTRIES = 200
HORIZON = 180 * DAY

_KIND: dict[str, Kind] = {
    "content_engagement": "content",
    "click": "content",
    "inquiry": "direct",
    "meeting_requested": "direct",
    "meeting_held": "visit",
    "site_visit": "visit",
}


class Log(msgspec.Struct, frozen=True):
    """The newest ``MAX_ENTRIES`` happenings within ``HORIZON``, and what followed from them.

    ``checkpoint`` is the standing before the first entry, ``head`` the one after the last; ``changes`` are those of
    temperature between them. ``forgotten`` is the time of the newest entry behind the checkpoint. ``told`` is the score
    last published, in its parts.
    """

    entries: tuple[Happening, ...] = ()
    checkpoint: Standing = Standing()
    head: Standing = Standing()
    changes: tuple[Change, ...] = ()
    forgotten: int = -1
    told: tuple[int, int, int, int] = (0, 0, 0, 0)
    seq: int = 0


def score(
    held: Log | None, fact: Identified | Visit | HistoryGiven | HistoryTaken, ctx: Context
) -> tuple[Log | None, Sequence[Output]]:
    """Take the fact into the log, let history come or go, or fold the log anew; publish the score when it changed."""
    if isinstance(fact, Visit | HistoryGiven | HistoryTaken):
        log = _revised(held, fact, ctx)
        return (held, ()) if log is None else _published(log, ctx)
    happening = _happening(fact, ctx)
    if happening is None:
        return held, ()
    log = held or Log()
    if happening.at <= log.forgotten:
        return log, [Drop("beyond_log")]
    return _published(_inserted(log, happening, ctx), ctx)


def _revised(held: Log | None, event: Visit | HistoryGiven | HistoryTaken, ctx: Context) -> Log | None:
    """The log folded anew: with what came, without what went, or under other policies."""
    if isinstance(event, HistoryTaken):
        part = event.parts.get("score")
        return held if part is None else joined(held or Log(), part, ctx)
    if held is None or isinstance(event, Visit):
        return None if held is None else _refolded(held, held.entries, ctx)
    rest, by_lead = parted(held, event.whereabouts(ctx))
    return joined(rest, by_lead.get(lead_id(ctx)), ctx)


def _published(log: Log, ctx: Context) -> tuple[Log, Sequence[Output]]:
    newest = log.entries[-1].at if log.entries else max(log.forgotten, 0)
    parts = score_at(log.head, newest, ctx.control.policy_at(newest))
    told = (parts.budget, parts.urgency, parts.engagement, parts.readiness)
    if told == log.told:
        return log, ()
    log = msgspec.structs.replace(log, told=told, seq=log.seq + 1)
    scored = LeadScored.build(
        occurred_at=newest if log.entries else ctx.at,
        lead_id=lead_id(ctx),
        seq=log.seq,
        score=parts.total,
        budget=parts.budget,
        urgency=parts.urgency,
        engagement=parts.engagement,
        readiness=parts.readiness,
        reasons=list(parts.reasons),
    )
    return log, [Emit(scored)]


def _happening(fact: Identified, ctx: Context) -> Happening | None:
    who = brought_by(ctx)
    if isinstance(fact, LeadCaptured):
        kind: Kind = "captured" if type(fact) is LeadCaptured else "updated"
        signals = Signals(fact.budget_minor, fact.timeframe_days, fact.financing)
        return Happening(fact.occurred_at, fact.event_id, kind, signals=signals, identifier=who)
    if isinstance(fact, ClickRecorded):
        return Happening(fact.occurred_at, fact.click_id, "content", fact.revision, identifier=who)
    if isinstance(fact, TouchpointRecorded):
        live = not isinstance(fact, TouchpointDeleted) and not fact.machine and is_click_class(fact.kind)
        kind = _KIND.get(fact.kind, "other")
        first_sight_of_nothing = not live and fact.revision == 1
        if first_sight_of_nothing:
            return None
        return Happening(fact.occurred_at, fact.touch_id, kind, fact.revision, live, identifier=who)
    raise TypeError(type(fact).__name__)


def parted(held: Log, where: Whereabouts) -> tuple[Log, dict[str, Log]]:
    """The log without an identifier's entries, and these by the lead that they belong to.

    What is behind the checkpoint is not told apart by identifier. It goes with the one that the lead is named after.
    """
    entries: dict[str, list[Happening]] = {}
    for entry in held.entries:
        if entry.identifier == where.identifier:
            entries.setdefault(where.lead_at(entry.at), []).append(entry)
    parts = {lead: Log(tuple(some)) for lead, some in entries.items()}
    rest = msgspec.structs.replace(
        held, entries=tuple(one for one in held.entries if one.identifier != where.identifier)
    )
    if where.is_anchor and held.forgotten >= 0:
        lead = where.lead_at(held.forgotten)
        behind = {"checkpoint": held.checkpoint, "forgotten": held.forgotten}
        parts[lead] = msgspec.structs.replace(parts.get(lead, Log()), **behind)
        rest = msgspec.structs.replace(rest, checkpoint=Standing(), forgotten=-1)
    return rest, parts


def joined(held: Log, part: Log | None, ctx: Context) -> Log:
    """The log with entries of another, folded anew.

    One checkpoint stands for both, as of the later of theirs. What either has before that is folded into it.
    """
    part = part or Log()
    forgotten = max(held.forgotten, part.forgotten)
    entries = {entry.id: entry for entry in held.entries}
    for entry in part.entries:
        known = entries.get(entry.id)
        if known is None or known.revision < entry.revision:
            entries[entry.id] = entry

    def behind(log: Log) -> Standing:
        old = [entry for entry in log.entries if entry.at <= forgotten and entries[entry.id] is entry]
        return _folded(log.checkpoint, old, ctx).standing

    held = msgspec.structs.replace(held, checkpoint=together(behind(held), behind(part)), forgotten=forgotten)
    kept = sorted((entry for entry in entries.values() if entry.at > forgotten), key=_place)
    log = _refolded(held, kept, ctx)
    return _trimmed(log, ctx) if kept else log


def _inserted(log: Log, happening: Happening, ctx: Context) -> Log:
    held = next((entry for entry in log.entries if entry.id == happening.id), None)
    if held is not None and held.revision >= happening.revision:
        return log
    if held is None and (not log.entries or _place(happening) > _place(log.entries[-1])):
        head, changes = advance(log.head, happening, ctx.control.policy_at)
        entries = (*log.entries, happening)
        log = msgspec.structs.replace(log, entries=entries, head=head, changes=(*log.changes, *changes))
    else:
        others = [entry for entry in log.entries if entry is not held]
        others.insert(bisect_left(others, _place(happening), key=_place), happening)
        log = _refolded(log, others, ctx)
    return _trimmed(log, ctx)


def _refolded(log: Log, entries: Sequence[Happening], ctx: Context) -> Log:
    fold = _folded(log.checkpoint, entries, ctx)
    return msgspec.structs.replace(log, entries=tuple(entries), head=fold.standing, changes=fold.changes)


def _place(entry: Happening) -> tuple[int, str]:
    return entry.at, entry.id


class _Fold(NamedTuple):
    standing: Standing
    changes: tuple[Change, ...]


def _folded(standing: Standing, entries: Sequence[Happening], ctx: Context) -> _Fold:
    changes: list[Change] = []
    for entry in entries:
        standing, more = advance(standing, entry, ctx.control.policy_at)
        changes += more
    return _Fold(standing, tuple(changes))


def _trimmed(log: Log, ctx: Context) -> Log:
    """The log without what is beyond its bounds; entries of one instant go together, so that an instant divides it."""
    oldest = log.entries[-1].at - HORIZON
    excess = max(len(log.entries) - MAX_ENTRIES, sum(1 for entry in log.entries if entry.at < oldest))
    if excess <= 0:
        return log
    while excess < len(log.entries) - 1 and log.entries[excess].at == log.entries[excess - 1].at:
        excess += 1
    gone = log.entries[:excess]
    fold = _folded(log.checkpoint, gone, ctx)
    forgotten = gone[-1].at
    return msgspec.structs.replace(
        log,
        entries=log.entries[excess:],
        checkpoint=fold.standing,
        changes=tuple(change for change in log.changes if change.at > forgotten),
        forgotten=forgotten,
    )
