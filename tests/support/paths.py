"""One lead and the step ``path`` alone: facts in, messages to the ledger out, the slice to look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from processors.base import DeadLetter, Drop
from processors.lead import steps
from processors.lead.path import Path
from schemas.events.base import Event
from schemas.events.paths import PathChanged
from schemas.events.routing import Accepted
from schemas.ids import derived_id
from streams.stage import Clock, Emitted, Input, KeyState, Outcome, Stage, fire_due, run

STAGE = Stage("lead", ("journeys",), tuple(step for step in steps(bytes(32)) if step.name == "path"))
LEAD = derived_id("lead")


@dataclass
class Lead:
    """What the step holds and has said so far; ``now`` is the last tick."""

    now: int = 0
    state: KeyState = field(default_factory=KeyState)
    told: list[PathChanged] = field(default_factory=list)
    drops: list[str] = field(default_factory=list)
    refused: list[DeadLetter] = field(default_factory=list)

    @property
    def path(self) -> Path:
        """The slice."""
        found: Path = self.state.slices["path"]
        return found

    def take(self, *facts: Event, epoch: int = 0) -> int:
        """Let facts arrive; how many messages they led to at once."""
        before = len(self.told)
        origin = Accepted.build(lead_id=LEAD, identifier=None, ver=epoch)
        for fact in facts:
            given = Input(f"acme/{LEAD}", fact, fact.event_id, fact.occurred_at, origin)
            self._keep(run(STAGE, self.state, given, Clock(self.now)))
        return len(self.told) - before

    def tick(self, now: int) -> int:
        """Let time pass; how many messages that led to."""
        before, self.now = len(self.told), max(self.now, now)
        outcome = Outcome(self.state)
        fire_due(STAGE, outcome, f"acme/{LEAD}", self.now, Clock(self.now))
        self._keep(outcome)
        return len(self.told) - before

    def rest(self) -> None:
        """Let time pass until nothing is left to say."""
        while self.state.timers:
            self.tick(max(due for due, _ in self.state.timers.values()))

    def newest(self, booking_id: str) -> list[Any]:
        """The candidates that the ledger last heard of for a booking."""
        words = [one for one in self.told if one.booking_id == booking_id and one.touches is not None]
        return words[-1].touches or []

    def _keep(self, outcome: Outcome) -> None:
        self.state = outcome.state
        for output in outcome.outputs:
            if isinstance(output, Emitted) and isinstance(output.event, PathChanged):
                self.told.append(output.event)
            elif isinstance(output, Drop):
                self.drops.append(output.reason)
            elif isinstance(output, DeadLetter):
                self.refused.append(output)
