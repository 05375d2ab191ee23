"""What one inbox partition remembers between transactions, and the form it keeps in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from sortedcontainers import SortedDict, SortedSet


class TimerEntry(NamedTuple):
    """One entry of the timer index; whether it still stands, the key's own state says."""

    due: int
    key: str
    name: str
    generation: int


def timer_entries(key: str, timers: Mapping[str, tuple[int, int]]) -> set[TimerEntry]:
    """The index entries of a key's timers, given as name → (due, generation)."""
    return {TimerEntry(due, key, name, generation) for name, (due, generation) in timers.items()}


class Seen(NamedTuple):
    """An accepted event's content hash, and the tick (microseconds) at which it was accepted."""

    content: bytes
    at: int


@dataclass(slots=True)
class Changes:
    """Everything that a transaction changes in a partition's store.

    ``controls`` is the control state of workspaces and its parts, ``meta`` the partition's own record (clock, sweeps);
    none means unchanged.
    """

    states: dict[str, bytes] = field(default_factory=dict)
    timers_set: set[TimerEntry] = field(default_factory=set)
    timers_gone: set[TimerEntry] = field(default_factory=set)
    seen: dict[str, Seen] = field(default_factory=dict)
    controls: dict[str, bytes] = field(default_factory=dict)
    meta: bytes | None = None


class Store(Protocol):
    """Reads see what was last written; ``write`` is atomic."""

    def get(self, key: str) -> bytes | None:
        """The stored state of a key."""

    def keys_after(self, key: str, limit: int) -> list[str]:
        """Up to ``limit`` keys greater than ``key``, in byte order."""

    def due(self, until: int) -> Iterable[TimerEntry]:
        """Timer entries due by an instant, in order of (due, key, name)."""

    def seen(self, event_id: str) -> Seen | None:
        """The duplicate index's entry of an event."""

    def control(self, name: str) -> bytes | None:
        """The control state of a workspace, or a part of it."""

    def meta(self) -> bytes | None:
        """The partition's own record."""

    def write(self, changes: Changes) -> None:
        """Apply a transaction's changes, all or nothing."""


class MemoryStore:
    """A store in memory, for the driver."""

    def __init__(self) -> None:
        self.states: SortedDict[str, bytes] = SortedDict()
        self._timers: SortedSet[TimerEntry] = SortedSet()
        self._seen: dict[str, Seen] = {}
        self.controls: dict[str, bytes] = {}
        self._meta: bytes | None = None

    def get(self, key: str) -> bytes | None:
        """The stored state of a key."""
        found: bytes | None = self.states.get(key)
        return found

    def keys_after(self, key: str, limit: int) -> list[str]:
        """Up to ``limit`` keys greater than ``key``, in byte order (that of code points, which UTF-8 keeps)."""
        place = self.states.bisect_right(key)
        return list(self.states.keys()[place : place + limit])

    def due(self, until: int) -> Iterable[TimerEntry]:
        """Timer entries due by an instant, in order."""
        return list(self._timers.irange(maximum=TimerEntry(until + 1, "", "", 0), inclusive=(True, False)))

    def first_due(self) -> int | None:
        """When the first timer is due."""
        return self._timers[0].due if self._timers else None

    def seen(self, event_id: str) -> Seen | None:
        """The duplicate index's entry of an event."""
        return self._seen.get(event_id)

    def control(self, name: str) -> bytes | None:
        """The control state of a workspace, or a part of it."""
        return self.controls.get(name)

    def meta(self) -> bytes | None:
        """The partition's own record."""
        return self._meta

    def write(self, changes: Changes) -> None:
        """Apply a transaction's changes."""
        self.states.update(changes.states)
        self._timers -= changes.timers_gone
        self._timers |= changes.timers_set
        self._seen.update(changes.seen)
        self.controls.update(changes.controls)
        if changes.meta is not None:
            self._meta = changes.meta
