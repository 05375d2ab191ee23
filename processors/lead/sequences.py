"""Sequences of messages to a lead: since when, what was proposed, what is next.

A sequence belongs to the identifier that its lead was named after when it began, and moves with it. Of several that
have met in one person the earliest runs: it is the farthest on, whichever way they met, and it knows no day that
another has still to come to. The others wait, go on to the same days, and run again where people are told apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec.structs import replace

from processors.lead.history import Whereabouts
from schemas.events.base import DAY
from schemas.events.gate import Tier

Reason = Literal["booking", "opt_out", "reply", "warmer", "moved"]


class Proposed(msgspec.Struct, frozen=True, array_like=True):
    """A message that was proposed, when (microseconds), and the touches since, by kind, until the next one.

    They came after it, not provably by it: a touch does not name the message.
    """

    step: str
    at: int
    touches: dict[str, int] = {}

    @property
    def day(self) -> int:
        """The day of the sequence that it was for."""
        return int(self.step.rpartition("-")[2])


class Sequence(msgspec.Struct, frozen=True):
    """Since when, what was proposed, and on which day (none: never) the next message is due.

    ``stopped`` says why it ended before its last day, and ``stopped_at`` of when the reason is. Bound: a sequence has
    at most 366 days, a touch one of 17 kinds.
    """

    tier: Tier = "standard"
    since: int = 0
    next_day: int | None = None
    proposed: tuple[Proposed, ...] = ()
    stopped: Reason | None = None
    stopped_at: int = 0


Days = Callable[[Tier], tuple[int, ...]]
"""The days of a tier by the policy in force."""


class Nurturing(msgspec.Struct, frozen=True):
    """The last sequence of each identifier, and the identifiers that have objected."""

    by: dict[str, Sequence] = {}
    objected: tuple[str, ...] = ()

    @property
    def running(self) -> tuple[str, Sequence] | None:
        """The one sequence that speaks, or has spoken to its end, and whose it is."""
        going = [(one.since, who, one) for who, one in self.by.items() if one.stopped is None]
        return min(going)[1:] if going else None

    @property
    def due(self) -> int | None:
        """When the next message is due (microseconds)."""
        running = self.running
        if running is None or running[1].next_day is None:
            return None
        return running[1].since + running[1].next_day * DAY

    def with_one(self, who: str, sequence: Sequence) -> Nurturing:
        """With a sequence as it stands now."""
        return replace(self, by={**self.by, who: sequence})

    def stopped(self, reason: Reason, at: int) -> Nurturing:
        """With all stopped that a reason of an instant concerns; what was done before one began does not stop it."""
        by = {
            who: replace(one, next_day=None, stopped=reason, stopped_at=at)
            if one.stopped is None and not (reason in ("booking", "reply") and at < one.since)
            else one
            for who, one in self.by.items()
        }
        return replace(self, by=by)


def after_day(sequence: Sequence, day: int, days: Days) -> Sequence:
    """Waiting for the first day after ``day`` that the policy has for the tier."""
    return replace(sequence, next_day=next((one for one in days(sequence.tier) if one > day), None))


def settled(held: Nurturing, days: Days) -> Nurturing:
    """With what one sequence knows known to all: what stopped it, and the days that were proposed to this person."""
    if held.objected:
        held = held.stopped("opt_out", 0)
    for one in [*held.by.values()]:
        if one.stopped in ("booking", "reply"):
            held = held.stopped(one.stopped, one.stopped_at)
    going = {who: one for who, one in held.by.items() if one.stopped is None}
    last = max((said.day for one in going.values() for said in one.proposed), default=-1)
    for who, one in going.items():
        if one.next_day is not None and one.next_day <= last:
            held = held.with_one(who, after_day(one, last, days))
    return held


def parted(held: Nurturing, where: Whereabouts) -> tuple[Nurturing, dict[str, Nurturing]]:
    """Without an identifier's sequence, and this by lead; an objection goes with it and stays as well."""
    sequence = held.by.get(where.identifier)
    parts: dict[str, Nurturing] = {}
    if where.identifier in held.objected:
        parts = {lead: Nurturing({}, (where.identifier,)) for lead in where.leads}
    if sequence is not None:
        parts[where.lead_at(sequence.since)] = Nurturing({where.identifier: sequence}, held.objected)
    return replace(held, by={who: one for who, one in held.by.items() if who != where.identifier}), parts


def joined(held: Nurturing, part: Nurturing | None) -> Nurturing:
    """Together with a part of another lead's; of two sequences of one identifier the later one."""
    if part is None:
        return held
    by = dict(held.by)
    for who, one in part.by.items():
        by[who] = max(by.get(who, one), one, key=lambda either: either.since)
    return Nurturing(by, tuple(sorted({*held.objected, *part.objected})))
