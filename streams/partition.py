"""One partition of a stage's inbox: its clock, its order of things, what a transaction of it changes.

The driver feeds a ``Partition`` over a memory store, the engine one over RocksDB; all that can make a difference to
outputs is in here, so that both give the same bytes.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from heapq import heappop, heappush

import msgspec

from processors.base import Broadcast, DeadLetter, Drop, Forward, Output, Received, Visit
from schemas.codec import decode, encode
from schemas.events.base import DAY, HOUR, Event
from schemas.events.operations import Tick
from schemas.events.routing import Prefix, Routed
from schemas.topics import FACT_TOPIC, TOPICS
from streams import visits
from streams.controls import Controls
from streams.dead_letters import coordinates, dead_letter, readable
from streams.quarantine import Coordinates, set_aside
from streams.records import InRecord, OutRecord
from streams.routing import Router
from streams.stage import Clock, Emitted, Input, KeyState, Outcome, Stage, fire_due, run
from streams.state import StateCodec
from streams.store import Changes, Seen, Store, TimerEntry, timer_entries

REMEMBER_IDS = 7 * DAY
TIMERS_PER_TICK = 2_000
MAX_TICK_AHEAD = HOUR
"""A tick counts for no later than this after the broker took it."""


class Meta(msgspec.Struct, array_like=True):
    """What belongs to the partition and to no key."""

    now: int = 0
    sweeps: list[visits.Sweep] = []


# made here and not by the first threads (DECISIONS 28)
_decode_meta = msgspec.msgpack.Decoder(Meta).decode


class Partition:
    """State and logic of one partition between transactions; not thread-safe.

    ``apply`` each record in order and produce what it returns; then ``changes`` says what to store, and ``committed``
    or ``aborted`` ends the transaction. Errors that no step declared pass through: the caller must abort. Facts at the
    offsets ``quarantined`` become dead letters unprocessed.
    """

    def __init__(
        self, stage: Stage, router: Router, store: Store, quarantined: frozenset[Coordinates] = frozenset()
    ) -> None:
        self.stage = stage
        self._quarantined = quarantined
        self._router = router
        self._store = store
        self._codec = StateCodec(stage)
        self._controls = Controls(store)
        self._begin()

    def _begin(self) -> None:
        self._meta_stored = self._store.meta()
        self._meta = _decode_meta(self._meta_stored) if self._meta_stored else Meta()
        self._states: dict[str, KeyState] = {}
        self._timers_before: dict[str, dict[str, tuple[int, int]]] = {}
        self._dirty: set[str] = set()
        self._seen: dict[str, Seen] = {}
        self._fresh_timers: list[TimerEntry] = []
        self.counts: Counter[tuple[str, str, str]] = Counter()

    @property
    def now(self) -> int:
        """The last tick, in microseconds; 0 before the first."""
        return self._meta.now

    # -- one record

    def apply(self, record: InRecord) -> list[OutRecord]:
        """Everything that one record brings about, in order."""
        if self._quarantined and (record.topic, record.partition, record.offset) in self._quarantined:
            letter, event, prefix, raw = set_aside(self.stage, record)
            return [self._refuse(letter, record, event, prefix, raw)]
        if not self.stage.stateful:
            return list(self._receive(record))
        message, prefix, raw = decode(record.value)
        if isinstance(message, Tick):
            return list(self._tick(message, record))
        assert isinstance(message, Event)
        if type(message) in self.stage.controls and prefix is None:
            self._control(message)
            return []
        return list(self._event(record, message, prefix, raw))

    def _receive(self, record: InRecord) -> Iterable[OutRecord]:
        received = Received(record.value, record.topic, record.partition, record.offset, record.timestamp)
        cause = f"{record.topic}:{record.partition}:{record.offset}"
        outcome = run(self.stage, KeyState(), Input("", received, cause, record.timestamp), Clock(record.timestamp))
        yield from self._put_out(outcome, record, None, None, record.value)

    def _event(self, record: InRecord, event: Event, prefix: Prefix | None, raw: bytes) -> Iterable[OutRecord]:
        deduplicated = self.stage.deduplicates and prefix is not None  # messages of stages come just once
        if deduplicated and (known := self._known(event.event_id)) is not None:
            if known.content == content_hash(raw):
                self._count(event, prefix, record, "duplicate")
                return
            letter = DeadLetter(
                "event_id_conflict", "this event_id was accepted before with other content: use a new id"
            )
            yield self._refuse(letter, record, event, prefix, raw)
            return
        key = record.key
        given = Input(key, event, event.event_id, event.occurred_at, prefix)
        outcome = run(self.stage, self._load(key), given, self._clock(key, record))
        self._keep(key, outcome.state)
        if deduplicated and not any(self._leaves_open(output) for output in outcome.outputs):
            self._seen[event.event_id] = Seen(content_hash(raw), self.now or record.timestamp)
            self._count(event, prefix, record, "accepted")
        yield from self._put_out(outcome, record, event, prefix, raw)

    def _leaves_open(self, output: Output | Emitted) -> bool:
        """Whether a fact is not accepted with this: it is refused, or another key of this stage has the say."""
        return isinstance(output, DeadLetter) or (
            isinstance(output, Forward) and type(output.prefix) is self.stage.carries
        )

    # -- time

    def _tick(self, tick: Tick, record: InRecord) -> Iterable[OutRecord]:
        # A worker whose clock is days ahead must not take them all there: no tick would ever lead back.
        self._meta.now = max(self._meta.now, min(tick.at, record.timestamp + MAX_TICK_AHEAD))
        yield from self._fire_timers()
        yield from self._visit_page(record.partition)

    def _fire_timers(self) -> Iterable[OutRecord]:
        """Timers due by now, oldest first, those set meanwhile included; what is left waits for the next tick."""
        stored = iter(self._store.due(self.now))
        upcoming = next(stored, None)
        for _ in range(TIMERS_PER_TICK):
            while upcoming is not None and not self._stands(upcoming):
                upcoming = next(stored, None)
            while self._fresh_timers and not self._stands(self._fresh_timers[0]):
                heappop(self._fresh_timers)
            fresh = self._fresh_timers[0] if self._fresh_timers else None
            entry = min((e for e in (upcoming, fresh) if e is not None), default=None)
            if entry is None or entry.due > self.now:
                return
            outcome = Outcome(self._load(entry.key))
            fire_due(self.stage, outcome, entry.key, entry.due, self._clock(entry.key))
            self._keep(entry.key, outcome.state)
            yield from self._put_out(outcome, None, None, None, b"")

    def _stands(self, entry: TimerEntry) -> bool:
        """Whether an index entry is still what its key says; of keys not touched since the store was written it is."""
        state = self._states.get(entry.key)
        return state is None or state.timers.get(entry.name) == (entry.due, entry.generation)

    def _clock(self, key: str, record: InRecord | None = None) -> Clock:
        """Now for a key: the last tick; a partition without one takes the record's own timestamp."""
        own_time = record.timestamp if record is not None else 0
        return Clock(self.now or own_time, self._controls.of(key.partition("/")[0]))

    def _visit_page(self, partition: int) -> Iterable[OutRecord]:
        if not self._meta.sweeps:
            return
        sweep = self._meta.sweeps[0]
        keys = visits.page(sweep, self._keys_after)
        for key in keys:
            outcome = run(self.stage, self._load(key), visits.visit(sweep, key), self._clock(key))
            self._keep(key, outcome.state)
            yield from self._put_out(outcome, None, None, None, b"")
        self._meta.sweeps, done = visits.advanced(self._meta.sweeps, keys)
        if done is not None:
            yield visits.finished(done, self.stage.name, partition, self.now)

    def _keys_after(self, key: str, limit: int) -> list[str]:
        stored = self._store.keys_after(key, limit)
        fresh = [dirty for dirty in self._dirty if dirty > key]
        return sorted({*stored, *fresh})[:limit]

    def _control(self, event: Event) -> None:
        if self._controls.hear(event) and Visit in self.stage.consumes and type(event) not in self.stage.consulted:
            self._meta.sweeps = visits.queued(self._meta.sweeps, event)

    # -- state

    def _load(self, key: str) -> KeyState:
        state = self._states.get(key)
        if state is None:
            stored = self._store.get(key)
            state = self._codec.decode(stored) if stored is not None else KeyState()
            self._states[key] = state
            self._timers_before[key] = state.timers
        return state

    def _keep(self, key: str, state: KeyState) -> None:
        before = self._states[key]
        if state is before:
            return
        self._states[key] = state
        self._dirty.add(key)
        if state.timers != before.timers:
            for name, (due, generation) in state.timers.items():
                if before.timers.get(name) != (due, generation):
                    heappush(self._fresh_timers, TimerEntry(due, key, name, generation))

    def _known(self, event_id: str) -> Seen | None:
        known = self._seen.get(event_id) or self._store.seen(event_id)
        return known if known is not None and self.now - known.at < REMEMBER_IDS else None

    # -- outputs

    def _put_out(
        self, outcome: Outcome, record: InRecord | None, event: Event | None, prefix: Prefix | None, raw: bytes
    ) -> Iterable[OutRecord]:
        for place, output in enumerate(outcome.outputs):
            match output:
                case Emitted():
                    yield from self._router.emitted(self.stage, output)
                case Forward(onward, named):
                    fact = named or event
                    assert fact is not None
                    yield from self._router.forwarded(self.stage, onward, fact, raw)
                    if isinstance(onward, Routed) and not self._leaves_open(output):
                        self._count(fact, onward, record, "routed")
                case Broadcast():
                    assert event is not None
                    yield from self._router.broadcast(event, raw)
                case Drop(reason) if place < outcome.of_timers:
                    self._count(None, None, None, f"drop:{reason}")
                case Drop(reason):
                    self._count(event, prefix, record, f"drop:{reason}")
                case DeadLetter():
                    assert record is not None
                    yield self._refuse(output, record, event, prefix, raw)

    def _refuse(
        self, letter: DeadLetter, record: InRecord, event: Event | None, prefix: Prefix | None, raw: bytes
    ) -> OutRecord:
        if event is not None and type(event) not in FACT_TOPIC:
            raise RuntimeError(
                f"{self.stage.name} refused a message between stages ({type(event).__name__} at {record.topic}:"
                f"{record.partition}:{record.offset}): {letter.reason}: {letter.detail}"
            )
        event = event or readable(raw)
        self._count(event, prefix, record, f"dead:{letter.reason}")
        refused = dead_letter(self.stage.name, letter, prefix or coordinates(record), event, raw)
        topic = TOPICS["dead.letters"]
        return OutRecord(topic.name, topic.key_of(refused), encode(refused))

    def _count(self, event: Event | None, prefix: Prefix | None, record: InRecord | None, outcome: str) -> None:
        topic = prefix.topic if prefix is not None else record.topic if record is not None else self.stage.inputs[0]
        self.counts[topic, type(event).__name__ if event is not None else "", outcome] += 1

    # -- the transaction

    def changes(self) -> Changes:
        """What this transaction changed, to be stored once it is committed."""
        changes = Changes(seen=self._seen, controls=self._controls.changed())
        for key in self._dirty:
            state = self._states[key]
            changes.states[key] = self._codec.encode(state)
            if state.timers != self._timers_before[key]:
                before, after = timer_entries(key, self._timers_before[key]), timer_entries(key, state.timers)
                changes.timers_set |= after - before
                changes.timers_gone |= before - after
        meta = msgspec.msgpack.encode(self._meta)
        changes.meta = meta if meta != self._meta_stored else None
        return changes

    def committed(self, changes: Changes) -> None:
        """The transaction is in Kafka: write it down and begin the next."""
        self._store.write(changes)
        self._controls.end(committed=True)
        self._begin()

    def aborted(self) -> None:
        """The transaction never was: forget it."""
        self._controls.end(committed=False)
        self._begin()


def content_hash(raw: bytes) -> bytes:
    """Eight bytes that tell one event content from another."""
    return hashlib.blake2b(raw, digest_size=8).digest()
