"""The store of one inbox partition on disk: RocksDB, with the position that it has reached.

One key space, so that what is on disk after a crash is always the result of a whole number of transactions:

    s<key>                          state
    t<due><key> NUL <name>          generation: the timer index
    d<event id>                     content hash and tick: the duplicate index
    q<first offset>                 ids that one transaction added to the duplicate index, for expiry
    m  p                            the partition's own record; the position

RocksDB's own log is off: what a crash takes away comes back from the changelog.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch, WriteBufferManager, WriteOptions

from streams.engine.faults import EngineFault
from streams.store import Changes, Seen, TimerEntry

log = logging.getLogger(__name__)

_CACHE_BYTES = 96 << 20  # of a process, memtables included; behind it is the system's own cache of files
_MEMTABLE_BYTES = 48 << 20
_U64 = struct.Struct(">Q")
_SEEN = struct.Struct(">8sQ")
_POSITION = struct.Struct(">qq")
_NEVER = (1 << 64) - 1
_FORGET_AT_ONCE = 10_000


class Position(NamedTuple):
    """How far a store is: next inbox offset (none: nothing was read yet), and the changelog offset up to which
    everything committed is in the store."""

    inbox: int | None
    changelog: int


class SeenBatch(msgspec.Struct, array_like=True, frozen=True):
    """What one transaction added to the duplicate index: ids, and the latest tick among them (microseconds)."""

    at: int
    ids: list[bytes]


_decode_batch = msgspec.msgpack.Decoder(SeenBatch).decode  # made here and not by the first threads (DECISIONS 28)


@dataclass(frozen=True, slots=True)
class Move:
    """Where a transaction moves a store, besides what it changes.

    ``batch`` is the first inbox offset of the transaction and names its part of the duplicate index; ``forget`` names
    such parts of the past that have expired.
    """

    position: Position
    batch: int
    forget: tuple[int, ...] = ()

    @classmethod
    def of(cls, inbox: int, batch: int) -> Move:
        """The move of a partition that keeps no store."""
        return cls(Position(inbox, 0), batch)


class RocksStore:
    """See ``streams.store.Store``; further the position, and reading many keys at once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._db: Any = Rdict(str(folder), _options())
        self._write_options = WriteOptions()
        self._write_options.disable_wal = True  # type: ignore[method-assign, assignment]  # a property in fact
        position = self._db.get(b"p")
        inbox, changelog = _POSITION.unpack(position) if position else (-1, 0)
        self.position = Position(None if inbox < 0 else inbox, changelog)
        self._move: Move | None = None
        self._fetched: dict[str, bytes | None] = {}
        # No timer is due before the first, no part of the duplicate index is older than the oldest.
        self._first_timer = 0
        self._oldest_batch = 0

    # -- streams.store.Store

    def get(self, key: str) -> bytes | None:
        """The stored state of a key."""
        if key in self._fetched:
            return self._fetched[key]
        found: bytes | None = self._db.get(b"s" + key.encode())
        return found

    def keys_after(self, key: str, limit: int) -> list[str]:
        """Up to ``limit`` keys greater than ``key``, in byte order."""
        found: list[str] = []
        for stored, _ in self._scan(b"s" + key.encode() + b"\0", b"t"):
            if len(found) == limit:
                break
            found.append(stored[1:].decode())
        return found

    def due(self, until: int) -> Iterable[TimerEntry]:
        """Timer entries due by an instant, in order of (due, key, name)."""
        if until < self._first_timer:
            return
        first = True
        for stored, generation in self._scan(b"t" + _U64.pack(self._first_timer), b"u"):
            (due,) = _U64.unpack_from(stored, 1)
            if first:
                self._first_timer, first = due, False
            if due > until:
                return
            key, _, name = stored[9:].partition(b"\0")
            yield TimerEntry(due, key.decode(), name.decode(), _U64.unpack(generation)[0])
        if first:
            self._first_timer = _NEVER

    def seen(self, event_id: str) -> Seen | None:
        """The duplicate index's entry of an event."""
        found = self._db.get(b"d" + id_bytes(event_id))
        return Seen(*_SEEN.unpack(found)) if found is not None else None

    def control(self, name: str) -> bytes | None:
        """The control state of a workspace, or a part of it."""
        found: bytes | None = self._db.get(b"c" + name.encode())
        return found

    def meta(self) -> bytes | None:
        """The partition's own record."""
        found: bytes | None = self._db.get(b"m")
        return found

    def write(self, changes: Changes) -> None:
        """Apply a transaction's changes and the move announced for it, all or nothing."""
        assert self._move is not None, "a store moves with its position only"
        move, self._move = self._move, None
        batch = WriteBatch(raw_mode=True)
        for key, state in changes.states.items():
            batch[b"s" + key.encode()] = state
        for entry in changes.timers_gone:
            del batch[_timer_key(entry)]
        for entry in changes.timers_set:
            batch[_timer_key(entry)] = _U64.pack(entry.generation)
            self._first_timer = min(self._first_timer, entry.due)
        if changes.seen:
            ids = {id_bytes(event_id): seen for event_id, seen in changes.seen.items()}
            for stored_id, seen in ids.items():
                batch[b"d" + stored_id] = _SEEN.pack(*seen)
            latest = max(seen.at for seen in ids.values())
            batch[b"q" + _U64.pack(move.batch)] = msgspec.msgpack.encode(SeenBatch(latest, list(ids)))
            self._oldest_batch = min(self._oldest_batch, move.batch)
        for first in move.forget:
            self._forget(batch, first, changes)
        for workspace, control in changes.controls.items():
            batch[b"c" + workspace.encode()] = control
        if changes.meta is not None:
            batch[b"m"] = changes.meta
        inbox = -1 if move.position.inbox is None else move.position.inbox
        batch[b"p"] = _POSITION.pack(inbox, move.position.changelog)
        try:
            self._db.write(batch, self._write_options)
        except Exception as error:  # RocksDB's errors have no type of their own
            raise self._unwritable(error) from error
        self.position = move.position
        self._fetched.clear()

    # -- what the engine needs besides

    def moves(self, move: Move) -> None:
        """Announce where the next write takes this store."""
        self._move = move

    def fetch(self, keys: Iterable[str]) -> None:
        """Read many states at once, ahead of their use in this transaction."""
        wanted = [key for key in keys if key not in self._fetched]
        if wanted:
            found = self._db.get([b"s" + key.encode() for key in wanted])
            self._fetched.update(zip(wanted, found, strict=True))

    def expired(self, before: int) -> tuple[int, ...]:
        """Names of the oldest parts of the duplicate index with nothing newer than an instant; a bounded number."""
        found: list[int] = []
        ids = 0
        for stored, value in self._scan(b"q" + _U64.pack(self._oldest_batch), b"r"):
            (first,) = _U64.unpack_from(stored, 1)
            if not found:
                self._oldest_batch = first
            part = _decode_batch(value)
            if part.at > before or ids > _FORGET_AT_ONCE:
                break
            ids += len(part.ids)
            found.append(first)
        return tuple(found)

    def contents(self) -> Iterator[tuple[bytes, bytes]]:
        """Everything in the store, in order; for tests and diagnosis."""
        return iter(self._db.items())

    def size(self) -> tuple[int, int]:
        """Estimated number of entries, and bytes on disk."""
        count = self._db.property_int_value("rocksdb.estimate-num-keys") or 0
        return count, self._db.property_int_value("rocksdb.total-sst-files-size") or 0

    def flush(self) -> None:
        """Bring to disk what is in memory; the writing goes on in the background."""
        try:
            self._db.flush(False)
        except Exception as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        """Bring everything to disk and let go of the folder.

        Where the disk does not take it, it comes back from the changelog: a worker that leaves because of a full disk
        must still give its partitions and its slot back, and say the fault that it leaves for.
        """
        try:
            self._db.close()
        except Exception as error:
            log.warning("%s", self._unwritable(error))

    def _unwritable(self, error: Exception) -> EngineFault:
        return EngineFault(
            f"{self._folder} cannot be written: {error}. Nothing is lost: make room, or repair the disk, and start "
            "again; what is missing here is in the changelog"
        )

    def _forget(self, batch: Any, first: int, changes: Changes) -> None:
        name = b"q" + _U64.pack(first)
        stored = self._db.get(name)
        if stored is None:
            return
        part = _decode_batch(stored)
        fresh = {id_bytes(event_id) for event_id in changes.seen}
        for event_id in part.ids:
            known = self._db.get(b"d" + event_id)
            # An id that was accepted again after it had expired belongs to a newer part.
            if event_id not in fresh and known is not None and _SEEN.unpack(known)[1] <= part.at:
                del batch[b"d" + event_id]
        del batch[name]

    def _scan(self, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
        for stored, value in self._db.items(from_key=start):
            if stored >= end:
                return
            yield stored, value


def id_bytes(event_id: str) -> bytes:
    """A short form of an event id that no other id has: 16 bytes for a lower-case uuid, else the text itself."""
    if len(event_id) == 36 and event_id == event_id.lower():
        return bytes.fromhex(event_id.replace("-", ""))
    return event_id.encode()


def _timer_key(entry: TimerEntry) -> bytes:
    return b"t" + _U64.pack(entry.due) + entry.key.encode() + b"\0" + entry.name.encode()


@cache
def _shared() -> tuple[Any, Any]:
    """One block cache and one bound on memory not yet on disk for all stores of the process."""
    blocks = Cache(_CACHE_BYTES)
    return blocks, WriteBufferManager.new_write_buffer_manager_with_cache(_MEMTABLE_BYTES, False, blocks)


def _options() -> Any:
    blocks, buffers = _shared()
    table = BlockBasedOptions()
    table.set_block_cache(blocks)
    table.set_bloom_filter(10, False)
    table.set_cache_index_and_filter_blocks(True)
    options = Options(raw_mode=True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_manager(buffers)
    options.set_write_buffer_size(16 << 20)
    options.set_max_open_files(256)
    options.set_max_background_jobs(2)
    options.set_keep_log_file_num(2)
    return options
