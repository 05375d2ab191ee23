"""The account that every transaction gives of itself; reconciliation sums these, never a counter in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from schemas.events.operations import Count, Position, StageCounted
from streams.engine.owned import Owned

COUNTS_TOPIC = "stage.counts"


def stage_counted(stage: str, moved: Sequence[Owned], at: int) -> StageCounted:
    """The record for ``stage.counts`` of a transaction that moved these partitions; ``at``: wall time, microseconds."""
    positions = [
        Position.build(topic=owned.place[0], partition=owned.place[1], first=owned.first or 0, end=owned.position)
        for owned in moved
    ]
    total: Counter[tuple[str, str, str]] = Counter()
    for owned in moved:
        total.update(owned.partition.counts)
    counts = [
        Count.build(topic=topic, type=type_, outcome=outcome, count=count)
        for (topic, type_, outcome), count in sorted(total.items())
    ]
    return StageCounted.build(stage=stage, at=at, positions=positions, counts=counts)
