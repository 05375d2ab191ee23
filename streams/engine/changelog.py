"""The changelog of a stage: everything that its stores hold, one topic, one changelog partition per inbox partition.

| record key | value |
|---|---|
| a state's key | the state's bytes |
| ``#control:<workspace>`` | of what parts the control state of a workspace is |
| ``#control:<workspace>/<part>`` | a policy, a stretch of a pair's rates or a version of weights |
| ``#meta`` | the partition's own record |
| ``#position`` | the next inbox offset, decimal |
| ``#seen:<first offset>`` | what one transaction added to the duplicate index, named by its first inbox offset |

The topic is compacted. State keys begin with a workspace, which never begins with ``#``. The timer index is left out:
states hold their timers. The duplicate index would grow for ever under compaction alone, since every part of it has a
key of its own; so the transaction in which a part expires (by the tick clock, that is after seven days of the *inbox's*
time) also writes a tombstone for it. Deleting by the broker's retention instead would go by another clock than the one
that decides what is a duplicate, and the log law would no longer hold after an outage.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from streams.engine.rocks import Move, Position, RocksStore
from streams.kafka import group_of
from streams.partition import REMEMBER_IDS
from streams.state import timers_in
from streams.store import Changes, Seen, timer_entries

_CONTROL = b"#control:"
_META = b"#meta"
_POSITION = b"#position"
_SEEN = b"#seen:"


class _SeenRecord(msgspec.Struct, array_like=True, frozen=True):
    entries: list[tuple[str, bytes, int]]


_encode = msgspec.msgpack.Encoder().encode
_decode_seen = msgspec.msgpack.Decoder(_SeenRecord).decode


def changelog_of(stage: str) -> str:
    """The changelog topic of a stage."""
    return f"{group_of(stage)}.changelog"


CHANGELOG_CONFIG = {
    "cleanup.policy": "compact",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "delete.retention.ms": "86400000",
    "max.message.bytes": "3000000",
    "min.cleanable.dirty.ratio": "0.3",
    "segment.bytes": "67108864",
    "segment.ms": "86400000",
    "message.timestamp.type": "LogAppendTime",
}
"""Settings of a changelog topic; small segments, since the one being written is never compacted."""


def records(changes: Changes, move: Move) -> Iterator[tuple[bytes, bytes | None]]:
    """Keys and values (none: a tombstone) of one transaction of one partition."""
    for key, state in changes.states.items():
        yield key.encode(), state
    if changes.seen:
        entries = [(event_id, seen.content, seen.at) for event_id, seen in changes.seen.items()]
        yield _SEEN + str(move.batch).encode(), _encode(_SeenRecord(entries))
    for first in move.forget:
        yield _SEEN + str(first).encode(), None
    for workspace, control in changes.controls.items():
        yield _CONTROL + workspace.encode(), control
    if changes.meta is not None:
        yield _META, changes.meta
    yield _POSITION, str(move.position.inbox).encode()


def bring_forward(store: RocksStore, read: Iterable[tuple[bytes, bytes | None]], end: int) -> None:
    """Apply committed changelog records, in order, to a store; ``end`` is the changelog offset after the last one.

    Every call leaves the store as a changelog read up to ``end`` makes it: an interrupted restore goes on from there.
    """
    changes = Changes()
    inbox = store.position.inbox
    batches: dict[int, dict[str, Seen]] = {}
    forget: list[int] = []
    for key, value in read:
        if not key.startswith(b"#"):
            assert value is not None, "states are never deleted"
            changes.states[key.decode()] = value
        elif key == _POSITION:
            assert value is not None
            inbox = int(value)
        elif key == _META:
            changes.meta = value
        elif key.startswith(_CONTROL):
            assert value is not None, "control state is never deleted"
            changes.controls[key.removeprefix(_CONTROL).decode()] = value
        else:
            first = int(key.removeprefix(_SEEN))
            if value is None:
                batches.pop(first, None)
                forget.append(first)
            else:
                batches[first] = {name: Seen(content, at) for name, content, at in _decode_seen(value).entries}
    store.fetch(changes.states)
    for name, state in changes.states.items():
        before = store.get(name)
        stood = timer_entries(name, timers_in(before)) if before is not None else set()
        stands = timer_entries(name, timers_in(state))
        changes.timers_gone |= stood - stands
        changes.timers_set |= stands - stood
    for first, seen in batches.items():
        _write(store, Changes(seen=seen), Move(store.position, first))
    _write(store, changes, Move(Position(inbox, end), 0, tuple(forget)))


def move_of(store: RocksStore, now: int, first: int, end: int, bookmark: int | None) -> Move:
    """Where a transaction moves a store that read its inbox from ``first`` to ``end``; ``now`` is the tick clock."""
    changelog = store.position.changelog if bookmark is None else bookmark
    return Move(Position(end, changelog), first, store.expired(now - REMEMBER_IDS))


def _write(store: RocksStore, changes: Changes, move: Move) -> None:
    store.moves(move)
    store.write(changes)
