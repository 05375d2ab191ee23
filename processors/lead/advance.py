"""Temperature: publish how it moves as the log moves, and cool it down when nothing happens.

What should have been said follows from the log and the clock; what was said is kept. The difference goes out: later
changes as they are, others as a restatement from the first instant that differs.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from models.scoring.standing import BANDS, Change, cool, cools_at
from processors.base import CancelTimer, Context, Emit, Output, Timer, TimerFired, Visit
from processors.lead.history import HistoryGiven, HistoryTaken
from processors.lead.score import Log
from schemas.events.base import Identified
from schemas.events.decisions import TemperatureChanged

COOL = "cool"


class Temperatures(msgspec.Struct, frozen=True):
    """The changes published so far, as far back as the log's checkpoint.

    ``until`` is how far quiet time has been accounted for; ``cools`` when the timer is set for.
    """

    lead_id: str
    published: tuple[Change, ...] = ()
    until: int = 0
    cools: int | None = None
    seq: int = 0


def advance(
    held: Temperatures | None, event: Identified | HistoryGiven | HistoryTaken | TimerFired | Visit, ctx: Context
) -> tuple[Temperatures | None, Sequence[Output]]:
    """Bring what was published up to what the log says, and set the timer for the next cooling.

    A lead whose history went to another has no temperature, from the first instant on that it had one.
    """
    log: Log | None = ctx.slices.get("score")
    if log is None:
        return held, ()
    before = held or Temperatures(ctx.key.partition("/")[2])
    until, cools = before.until, before.cools
    if isinstance(event, TimerFired):
        until, cools = max(until, event.due), None
    policy_at = ctx.control.policy_at
    standing, quiet = cool(log.head, until, policy_at)
    target = (*log.changes, *quiet)
    published = tuple(change for change in before.published if change.at > log.forgotten)
    outputs, seq = _difference(before, published, target)
    due = cools_at(standing, policy_at)
    if due != cools:
        outputs.append(Timer(COOL, due) if due is not None else CancelTimer(COOL))
    after = Temperatures(before.lead_id, target, until, due, seq)
    return after, outputs


def _difference(
    held: Temperatures, published: tuple[Change, ...], target: tuple[Change, ...]
) -> tuple[list[Output], int]:
    """Records that turn what was published into the target, and the sequence number of the last."""
    same = 0
    while same < min(len(published), len(target)) and published[same] == target[same]:
        same += 1
    restates_from = None
    if same < len(published):
        restates_from = min(change.at for change in (published[same], *target[same : same + 1]))
        while same and target[same - 1].at >= restates_from:
            same -= 1  # of the same instant, so voided with the others: say it again
    changes = list(target[same:])
    if restates_from is not None and not changes:
        holds = published[same].before
        changes = [Change(restates_from, holds, holds, "restated")]
    outputs: list[Output] = []
    for number, change in enumerate(changes, start=held.seq + 1):
        record = TemperatureChanged.build(
            occurred_at=change.at,
            lead_id=held.lead_id,
            seq=number,
            temperature=BANDS[change.after] if change.after >= 0 else "none",
            previous=BANDS[change.before] if change.before >= 0 else None,
            reason=change.reason,
            restates_from=restates_from if number == held.seq + 1 else None,
        )
        outputs.append(Emit(record))
    return outputs, held.seq + len(changes)
