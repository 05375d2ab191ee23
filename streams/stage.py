"""The one pass over a record: timers that were due, then the event through the stage's steps.

``run`` is the only thing that steps processors. The driver and the engine both call it (through ``Partition``); it
knows no domain event, no clock and no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import msgspec

from processors.base import (
    Broadcast,
    CancelTimer,
    Consumed,
    Context,
    DeadLetter,
    Drop,
    Emit,
    Forward,
    Output,
    Step,
    Timer,
    TimerFired,
)
from processors.control import EMPTY, Control
from schemas.events.base import Event, Message, assemble
from schemas.events.routing import Prefix
from schemas.ids import derived_id
from schemas.topics import TOPICS


@dataclass(frozen=True)
class Stage:
    """An ordered tuple of steps over one key, fed by one inbox (intake alone: by the fact topics).

    ``carries`` is the prefix behind which facts reach this stage; ``controls`` are the control records that its
    partitions hold, of which those ``consulted`` bring no visit: what was decided by them is not decided anew. A stage
    that ``deduplicates`` holds the duplicate index. ``takes`` is what each step consumes, ``consumes`` what any does;
    ``stateful`` whether the stage remembers anything.
    """

    name: str
    inputs: tuple[str, ...]
    steps: tuple[Step, ...]
    carries: type[Prefix] | None = None
    controls: tuple[type[Message], ...] = ()
    consulted: tuple[type[Message], ...] = ()
    deduplicates: bool = False
    takes: tuple[frozenset[Consumed], ...] = field(init=False)
    consumes: frozenset[Consumed] = field(init=False)
    stateful: bool = field(init=False)

    def __post_init__(self) -> None:
        takes = tuple(frozenset(step.consumes) for step in self.steps)
        object.__setattr__(self, "takes", takes)
        object.__setattr__(self, "consumes", frozenset().union(*takes))
        object.__setattr__(self, "stateful", any(step.slice for step in self.steps) or self.deduplicates)


NEVER = 2**63 - 1
"""Later than any instant (microseconds)."""


@dataclass(slots=True)
class KeyState:
    """Everything one key remembers: a slice per step and its timers as name → (due, generation).

    ``generation`` counts the timers ever set, so that no two have the same cause. ``region`` is the key's home region:
    that of its earliest fact, which happened at ``since``, whichever arrived first; before there is one, the region of
    what stages said to the key.
    """

    slices: dict[str, Any] = field(default_factory=dict)
    timers: dict[str, tuple[int, int]] = field(default_factory=dict)
    generation: int = 0
    region: str = ""
    since: int = NEVER


class Input(msgspec.Struct, frozen=True):
    """One thing to pass through a stage for one key: an event, a timer, a visit, or intake's raw bytes.

    ``cause`` is what ids are derived from; ``at`` the time that it speaks as of (microseconds).
    """

    key: str
    event: Any
    cause: str
    at: int
    prefix: Prefix | None = None


class Clock(NamedTuple):
    """The last tick (microseconds) and the control state, as the partition holds them before the input."""

    now: int
    control: Control = EMPTY


class Emitted(NamedTuple):
    """An event to publish; ``handed_on`` says that this stage has already seen it in the same pass."""

    event: Event
    handed_on: bool


@dataclass(slots=True)
class Outcome:
    """What a pass came to. ``state`` is new only where anything changed; outputs keep the order of the steps.

    The first ``of_timers`` outputs are of timers that were due before the input, which has nothing to do with them.
    """

    state: KeyState
    outputs: list[Emitted | Forward | Broadcast | Drop | DeadLetter] = field(default_factory=list)
    of_timers: int = 0


def run(stage: Stage, state: KeyState, given: Input, clock: Clock) -> Outcome:
    """Pass one input through a stage's steps for one key.

    Timers of the key that are due by ``min(given.at, clock.now)`` fire first, oldest first, each as a pass of its own.
    A ``DeadLetter`` from any step undoes what this input did and is the pass's only output after those of the timers.
    """
    outcome = Outcome(state)
    if state.timers:
        fire_due(stage, outcome, given.key, min(given.at, clock.now), clock)
        outcome.of_timers = len(outcome.outputs)
    _Pass(stage, given, clock, outcome.state).through(outcome)
    return outcome


def fire_due(stage: Stage, outcome: Outcome, key: str, until: int, clock: Clock) -> None:
    """Fire a key's timers due by ``until``, oldest first, the ones they set included."""
    while outcome.state.timers:
        due, name = min((due, name) for name, (due, _) in outcome.state.timers.items())
        if due > until:
            return
        owner, _, timer = name.partition(".")
        generation = outcome.state.timers[name][1]
        rest = {other: when for other, when in outcome.state.timers.items() if other != name}
        outcome.state = replace(outcome.state, timers=rest)
        given = Input(key, TimerFired(timer, due), f"timer:{timer}:{due}:{generation}", due)
        _Pass(stage, given, clock, outcome.state, addressee=owner).through(outcome)


def _home(before: KeyState, given: Input) -> tuple[str, int]:
    """A key's home region once it has seen an input, and since when: facts alone, which have a prefix, decide it."""
    event = given.event
    if not isinstance(event, Event):
        return before.region, before.since
    if given.prefix is None:
        return before.region or event.region, before.since
    if not before.region or event.occurred_at < before.since:
        return event.region, event.occurred_at
    if event.occurred_at == before.since:
        return min(before.region, event.region), before.since
    return before.region, before.since


class _Pass:
    """One input on its way through the steps of a stage, with what has come of it so far."""

    def __init__(
        self, stage: Stage, given: Input, clock: Clock, before: KeyState, addressee: str | None = None
    ) -> None:
        self._stage = stage
        self._given = given
        self._addressee = addressee
        self._before = before
        region, since = _home(before, given)
        self._state = KeyState(dict(before.slices), dict(before.timers), before.generation, region, since)
        self._outputs: list[Emitted | Forward | Broadcast | Drop | DeadLetter] = []
        self._ctx = Context(
            given.key, clock.now, given.at, given.cause, clock.control, self._state.slices, given.prefix
        )
        self._offered: list[Any] = [given.event]
        self._number = 0
        self._gone = False  # a fact that a step has passed on is no business of later ones

    def through(self, outcome: Outcome) -> None:
        """The input, and what steps emit for this key, through each step in order; the result goes to ``outcome``."""
        given, slices = self._given, self._state.slices
        for place, (step, takes) in enumerate(zip(self._stage.steps, self._stage.takes, strict=True)):
            for event in self._offered[:]:  # what this step emits is for later ones
                if type(event) not in takes or (event is given.event and self._gone):
                    continue
                if event is given.event and self._addressee not in (None, step.name):
                    continue
                fresh, answers = step.run(slices.get(step.name), event, self._ctx)
                if step.slice is not None and fresh is not None:
                    slices[step.name] = fresh
                for answer in answers:
                    if isinstance(answer, DeadLetter):
                        outcome.outputs.append(answer)
                        return
                    self._take(place, answer)
        if self._changed():
            outcome.state = self._state
        outcome.outputs += self._outputs

    def _changed(self) -> bool:
        """Whether a step answered with another slice than the one it was given, or anything else is not as before.

        A home alone is not worth keeping: a key that remembers nothing else learns it again.
        """
        before, after = self._before, self._state
        if (before.timers, before.generation) != (after.timers, after.generation):
            return True
        if any(before.slices.get(name) is not slice_ for name, slice_ in after.slices.items()):
            return True
        return bool(after.slices) and (before.region, before.since) != (after.region, after.since)

    def _take(self, place: int, answer: Output) -> None:
        match answer:
            case Emit(event):
                self._emit(place, event)
            case Timer(name, at):
                self._state.generation += 1
                self._state.timers[f"{self._stage.steps[place].name}.{name}"] = (at, self._state.generation)
            case CancelTimer(name):
                self._state.timers.pop(f"{self._stage.steps[place].name}.{name}", None)
            case Forward() | Drop(whole=True):
                self._gone = True
                self._outputs.append(answer)
            case _:
                self._outputs.append(answer)

    def _emit(self, place: int, event: Event) -> None:
        if event.reaches_out and self._ctx.is_stale(event.occurred_at):
            self._outputs.append(Drop("stale"))
            return
        stamped = self._stamp(self._stage.steps[place], event)
        handed_on = any(type(event) in takes for takes in self._stage.takes[place + 1 :]) and self._is_mine(event)
        if handed_on:
            self._offered.append(stamped)
        self._outputs.append(Emitted(stamped, handed_on))

    def _is_mine(self, event: Event) -> bool:
        """Whether an emitted event is for the key of this pass: it names no other."""
        named = [event.__dict__[name] for name in TOPICS[self._stage.inputs[0]].key if name in event.__dict__]
        return not named or self._given.key.partition("/")[2] == ":".join(map(str, named))

    def _stamp(self, step: Step, event: Event) -> Event:
        """The event with what every derived event has: id (unless the step gave one), tenant, region, source, cause."""
        given = self._given
        derived = {
            "event_id": event.__dict__.get("event_id") or derived_id(step.name, given.key, given.cause, self._number),
            "workspace_id": given.key.partition("/")[0],
            "region": self._state.region,
            "source": f"{self._stage.name}.{step.name}",
            "cause_id": given.cause,
        }
        self._number += 1
        return assemble(type(event), {**event.__dict__, **derived})
