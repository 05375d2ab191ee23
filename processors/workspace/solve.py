"""Learn once a week what each channel brings, from the journeys of the last half year (ledger specification, 9).

The latest Monday alone is solved, from the full weeks before it; what was published is never computed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from models.attribution.learned import UNIT, Channels, Learned, Weights, credited, moved
from models.attribution.markov import markov
from models.attribution.shapley import Tally, shapley
from models.local_time import WEEK, monday_of, start_of
from models.money import apportion
from models.policy import Policy
from processors.base import Context, Emit, Output, Timer, TimerFired, Visit
from processors.workspace.week import Totals, Week, total
from schemas.events.base import DAY
from schemas.events.weights import PathCounted, Share, Weight, WeightsVersion

MONDAY = "monday"
WEEKS = 26
"""Full weeks that are counted; journeys of older ones are let be, when they come and when they are taken back."""

ENOUGH_CONVERSIONS = 300

RECENT_WEEKS = 5
MOVES_ENOUGH = 100
"""New weights are adopted when they credit at least one in so many recent conversions to another channel."""


class Learning(msgspec.Struct, frozen=True):
    """Journeys by their week's Monday, and what was made of them.

    Bound: 26 full weeks, the one under way and those ahead that bookings claim to be made in. ``oldest`` is the oldest
    week counted, ``wakes`` when the timer is set for, ``solved`` the last Monday solved, ``adopted`` the newest adopted
    weights by model.
    """

    weeks: dict[int, Week] = {}
    oldest: int = 0
    wakes: int | None = None
    solved: int = 0
    version: int = 0
    adopted: dict[str, Weights] = {}


def solve(
    held: Learning | None, event: PathCounted | TimerFired | Visit, ctx: Context
) -> tuple[Learning, Sequence[Output]]:
    """Count a journey, or solve the latest Monday; and wait for the next one."""
    zone = ctx.policy.time_zone
    monday = monday_of(ctx.now, zone)
    learning, outputs = _since(held or Learning(), monday - WEEKS * WEEK), list[Output]()
    if isinstance(event, PathCounted):
        learning = _counted(learning, event)
    elif isinstance(event, TimerFired):
        learning, outputs = _solved(msgspec.structs.replace(learning, wakes=None), monday, ctx)
    wakes = start_of(monday + WEEK, zone)
    overdue = learning.wakes is not None and learning.wakes <= ctx.now
    if not overdue and learning.wakes != wakes:
        learning = msgspec.structs.replace(learning, wakes=wakes)
        outputs.append(Timer(MONDAY, wakes))
    return learning, outputs


def _since(learning: Learning, oldest: int) -> Learning:
    if oldest <= learning.oldest:
        return learning
    weeks = {monday: week for monday, week in learning.weeks.items() if monday >= oldest}
    return msgspec.structs.replace(learning, weeks=weeks, oldest=oldest)


def _counted(learning: Learning, event: PathCounted) -> Learning:
    """With a journey more or less. One without a touch teaches nothing."""
    if event.week < learning.oldest or not event.channels:
        return learning
    week = learning.weeks.get(event.week, Week())
    week = week.counted(event.channels, converted=event.converted, change=event.change)
    return msgspec.structs.replace(learning, weeks={**learning.weeks, event.week: week})


def _solved(learning: Learning, monday: int, ctx: Context) -> tuple[Learning, list[Output]]:
    full = {begins: learning.weeks[begins] for begins in sorted(learning.weeks) if begins < monday}
    totals = total(list(full.values()))
    if monday <= learning.solved or totals.chain.converted < ENOUGH_CONVERSIONS:
        return learning, []
    recent = total([week for begins, week in full.items() if begins >= monday - RECENT_WEEKS * WEEK])
    adopted, outputs = dict(learning.adopted), list[Output]()
    for model, weights in (("markov_path", markov(totals.chain)), ("shapley_set", shapley(totals.sets))):
        adopts = model not in adopted or _moves_enough(recent.sets, adopted[model], weights)
        if adopts:
            adopted[model] = weights
        learned = Learned(learning.version + 1, applies_from(ctx.policy, ctx.now), weights)
        outputs.append(Emit(_version(model, learned, totals, adopts, start_of(monday, ctx.policy.time_zone))))
    return (
        msgspec.structs.replace(learning, solved=monday, version=learning.version + 1, adopted=adopted),
        outputs,
    )


def applies_from(policy: Policy, now: int) -> int:
    """Since when conversions are weighed by what is adopted now."""
    return {"stable": now, "open": max(0, now - 30 * DAY), "all": 0}[policy.weights_adoption]


def _moves_enough(sets: Mapping[Channels, Tally], before: Weights, after: Weights) -> bool:
    """Whether other weights would move recent credit.

    The stage knows no revenue: conversions of the last weeks stand for it, counted by set, so those on more than eight
    channels are left out.
    """
    elsewhere, credit = moved({channels: tally.conversions for channels, tally in sets.items()}, before, after)
    return credit > 0 and elsewhere * MOVES_ENOUGH >= credit


def _version(model: str, learned: Learned, totals: Totals, adopted: bool, at: int) -> WeightsVersion:
    return WeightsVersion.build(
        occurred_at=at,
        model=model,
        version=learned.version,
        applies_from=learned.applies_from,
        adopted=adopted,
        conversions=totals.chain.converted,
        journeys=totals.chain.journeys,
        weights=[
            Weight.build(among=list(channels), channel=channel, weight=weight)
            for channels, weighs in learned.weights.items()
            for channel, weight in weighs.items()
        ],
        shares=list(_shares(totals, learned.weights)),
    )


def _shares(totals: Totals, weights: Weights) -> Iterator[Share]:
    """Each channel's share of all conversions: in proportion to its removal effect, or the sum of what sets credit."""
    credit = dict(weights.get((), {}))
    if not credit:
        for channels, tally in totals.sets.items():
            for channel, part in zip(channels, credited(tally.conversions, channels, weights), strict=True):
                credit[channel] = credit.get(channel, 0) + part
    names = sorted(credit)
    if any(credit.values()):
        for channel, share in zip(names, apportion(UNIT, [credit[name] for name in names]), strict=True):
            yield Share.build(channel=channel, share=share)
