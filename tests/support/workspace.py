"""The workspace stage alone, fed by hand: journeys and ticks in, versions of weights out."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.codec import decode, encode
from schemas.events.base import Event
from schemas.events.operations import Tick
from schemas.events.weights import PathCounted, WeightsVersion
from streams.partition import Partition
from streams.records import InRecord, OutRecord
from streams.routing import Router
from streams.store import MemoryStore
from tests.support.facts import WORKSPACE, at, fact
from tests.support.runs import STAGES

STAGE = next(stage for stage in STAGES if stage.name == "workspace")


def counted(channels: str, week: str = "3-9", *, converted: bool = True, change: int = 1) -> PathCounted:
    """A journey over channels of one letter, closed in the week of a Monday of 2026."""
    monday = at(week) // 86_400_000_000
    return fact(PathCounted, occurred_at=week, week=monday, channels=list(channels), converted=converted, change=change)


class Bench:
    """One partition of the stage; every call is a transaction of its own."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.partition = Partition(STAGE, Router(STAGES), self.store)
        self.records: list[InRecord] = []
        self.outputs: list[OutRecord] = []

    def take(self, *messages: Event | Tick) -> list[WeightsVersion]:
        """What is published after some records."""
        before = len(self.outputs)
        for message in messages:
            key = f"{WORKSPACE}/{WORKSPACE}" if isinstance(message, PathCounted) else f"{WORKSPACE}/"
            arrived = message.at if isinstance(message, Tick) else 0
            record = InRecord("workspace.inbox", 0, len(self.records), arrived, key, encode(message))
            self.records.append(record)
            self.outputs += self.partition.apply(record)
        self.partition.committed(self.partition.changes())
        return published(self.outputs[before:])

    def tick(self, when: str) -> list[WeightsVersion]:
        """What is published at a moment of 2026."""
        return self.take(Tick.build(at=at(when)))


def published(outputs: Sequence[OutRecord]) -> list[WeightsVersion]:
    """The versions among outputs, each as it goes to its topic."""
    said = (decode(out.value).message for out in outputs if out.topic == "attribution.weights")
    return [message for message in said if isinstance(message, WeightsVersion)]
