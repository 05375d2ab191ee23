"""What a step is, what it is told and what it may answer.

A step is one pure function: ``run(slice, event, ctx) -> (slice, outputs)``. No clock, no randomness, no I/O, and the
slice it was given stays as it was: a step answers with a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from models.policy import Policy
from processors.control import Control
from schemas.events.base import HOUR, Event, Message
from schemas.events.routing import Prefix


class Emit(msgspec.Struct, frozen=True):
    """Publish an event to its topic and to every stage that consumes its type.

    The step builds it with ``Event.build`` and leaves ``event_id``, ``workspace_id``, ``region``, ``source`` and
    ``cause_id`` out: the stage derives them.
    """

    event: Event


class Forward(msgspec.Struct, frozen=True):
    """Pass a fact on, its bytes unchanged, behind a new prefix; later steps of the pass do not see it any more.

    Behind a prefix of the kind that it came with it goes to another key of the same stage. Intake, which decoded the
    fact, says which one it is. An answer from outside goes without a prefix to whom it is addressed to.
    """

    prefix: Prefix | None
    fact: Event | None = None


class Broadcast(msgspec.Struct, frozen=True):
    """Write the fact being processed to every partition of each stage that takes it as a control record."""


class Timer(msgspec.Struct, frozen=True):
    """Wake this step for this key at an instant; one per name and key, setting it again moves it."""

    name: str
    at: int


class CancelTimer(msgspec.Struct, frozen=True):
    """Forget a timer; nothing happens when there is none."""

    name: str


class Drop(msgspec.Struct, frozen=True):
    """A deliberate discard, counted by its reason; ``whole``: of the input itself, which later steps do not see."""

    reason: str
    whole: bool = False


class DeadLetter(msgspec.Struct, frozen=True):
    """The fact being processed is refused: it goes to ``dead.letters`` whole and the key's state stays as it was.

    ``detail`` tells a person what was wrong and what to do, without repeating values.
    """

    reason: str
    detail: str


Output = Emit | Forward | Broadcast | Timer | CancelTimer | Drop | DeadLetter


class TimerFired(msgspec.Struct, frozen=True):
    """Handed to the step that set the timer. ``due`` is when it was due, not when it was noticed."""

    name: str
    due: int


class Visit(msgspec.Struct, frozen=True):
    """Handed to every key of a partition after a control record of a type changed what holds for all of them."""

    control_id: str
    type: str


class Received(msgspec.Struct, frozen=True):
    """What intake is handed: bytes as they arrived, with where and when. ``arrived_at``: microseconds, the broker's."""

    raw: bytes
    topic: str
    partition: int
    offset: int
    arrived_at: int


class Context(msgspec.Struct, frozen=True):
    """What a step may know besides its slice and the event. Read-only.

    ``key`` is ``workspace/rest``; ``now`` the last tick, in microseconds; ``at`` the time that the pass speaks as of;
    ``slices`` those of the stage's other steps, by name, earlier ones as this very pass left them; ``origin`` the
    prefix of the fact being processed, or none.
    """

    key: str
    now: int
    at: int
    cause: str
    control: Control
    slices: Mapping[str, Any] = {}
    origin: Any = None

    @property
    def policy(self) -> Policy:
        """The rules in force now, for steps that decide."""
        return self.control.policy_at(self.now)

    @property
    def workspace(self) -> str:
        """The tenant."""
        return self.key.partition("/")[0]

    def is_stale(self, occurred_at: int) -> bool:
        """Whether an event of that time, emitted in this pass, is too old to reach out to anybody."""
        return min(self.at, occurred_at) < self.now - STALE_AFTER


STALE_AFTER = 24 * HOUR
"""Nothing reaches out to a person for a cause older than this before the last tick."""

Run = Callable[[Any, Any, Context], tuple[Any, Sequence[Output]]]
Consumed = type[Message] | type[TimerFired] | type[Visit] | type[Received]


@dataclass(frozen=True)
class Step:
    """One processor of a stage, with all that it declares.

    ``slice`` is its part of the key's state (none: it remembers nothing), ``version`` that slice's; an ``upcast`` turns
    stored bytes of an older version into today's.
    """

    name: str
    run: Run
    consumes: tuple[Consumed, ...]
    emits: tuple[type[Message], ...] = ()
    slice: type[msgspec.Struct] | None = None
    version: int = 1
    upcast: Callable[[int, bytes], bytes] | None = None
