"""One stage on Kafka, exactly once: fetch records, apply them, commit everything that they brought about as one."""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack

from confluent_kafka import TopicPartition

from schemas.codec import encode
from streams.engine.accounts import COUNTS_TOPIC, stage_counted
from streams.engine.changelog import changelog_of, move_of, records
from streams.engine.faults import EngineFault, Fenced, Stopped
from streams.engine.inbox import Inbox, Place
from streams.engine.metrics import Metrics
from streams.engine.orders import quarantined
from streams.engine.owned import Owned, OwnedPartitions
from streams.engine.preflight import check_not_forgotten, check_topics, claim
from streams.engine.restore import Bookmarks
from streams.engine.retry import LONGEST_SILENCE_SECONDS, Patience
from streams.engine.rocks import Move
from streams.engine.slot import take_slot
from streams.engine.ticks import Ticker
from streams.engine.transaction import Aborted, Transactions
from streams.engine.watchdog import Watchdog
from streams.kafka import admin_client, group_of
from streams.records import InRecord
from streams.routing import Router
from streams.settings import Settings, identity_fingerprint
from streams.stage import Stage
from streams.store import Changes

log = logging.getLogger(__name__)

SESSION_MS = 10_000
TRANSACTION_MS = 10_000
_IDLE_SECONDS = 0.2
_LONGEST_COMMIT_SECONDS = 1.0
_SLICE = 200  # records between two looks at the clock, so that a slow batch cannot outlast its transaction
_RESTORE_WAIT_SECONDS = 0.02
_BOOKMARK_SECONDS = 10.0
_FLUSH_SECONDS = 30.0
_STALL_SECONDS = 10.0
_PAUSE_SECONDS = (0.1, 3.0)  # after an abort, and at most after several in a row

Batch = Mapping[Place, Sequence[InRecord]]
"""Records of one fetch by inbox partition, in order."""


class Engine:
    """A member of a stage's group: ``poll`` and ``process`` by turns, one thread at a time, then ``close``.

    Any of them may raise ``EngineFault``; then ``abandon`` and end the process: nothing of the open transaction is
    visible, and whoever starts next does it again. ``session_ms`` is how long the group waits for a silent member,
    ``transaction_ms`` how long the broker does before it aborts a silent member's transaction. ``stopping`` may be set
    from any thread and from a signal handler, before the engine is made too: it asks for an end.
    """

    def __init__(
        self,
        stage: Stage,
        stages: Sequence[Stage],
        settings: Settings,
        identity_key: bytes,
        metrics: Metrics,
        *,
        stopping: threading.Event,
        session_ms: int = SESSION_MS,
        transaction_ms: int = TRANSACTION_MS,
    ) -> None:
        self.stage = stage
        self._metrics = metrics
        self._commit_seconds = settings.commit_interval_ms / 1_000
        # A batch is not cut by the interval: a stage that is behind commits less often, and catches up the sooner.
        self._longest_seconds = max(self._commit_seconds, _LONGEST_COMMIT_SECONDS)
        self._batch_records = settings.batch_records
        self._ticker = Ticker(settings.tick_seconds if stage.stateful else math.inf)
        self._stopping = stopping
        self._watchdog = Watchdog()
        patience = Patience(self._stopping, self._watchdog)
        group, self._changelog, folder = group_of(stage.name), changelog_of(stage.name), settings.state_dir / "engine"
        admin = admin_client(settings, f"{group}.admin")
        self._bookmarks = Bookmarks(admin, self._changelog)
        with ExitStack() as undo:
            self._slot = take_slot(folder, stage.name)
            undo.callback(self._watchdog.stop)
            undo.callback(self._slot.release)
            member = f"{group}.{self._slot.name}"
            orders = quarantined(settings, patience)
            self._inbox = Inbox(
                settings=settings,
                group=group,
                member=member,
                session_ms=session_ms,
                patience=patience,
                on_assigned=self._assigned,
                on_revoked=self._revoked,
            )
            undo.callback(self._inbox.close)
            claim(folder, identity_fingerprint(identity_key), self._inbox.cluster())
            router = Router(stages, check_topics(stage, stages, self._inbox))
            check_not_forgotten(stage, group, self._inbox)
            self._owned = OwnedPartitions(stage, router, settings, self._slot.folder, admin, quarantined=orders)
            self._transaction = Transactions(settings, f"{group}.outputs", member, transaction_ms, patience)
            self._inbox.subscribe(stage.inputs)
            undo.pop_all()
        self._records = 0
        self._pause = 0.0
        self._failed = False
        self._out_since: float | None = time.monotonic()
        self._turned = self._committed = self._next_bookmark = 0.0
        self._next_flush = time.monotonic() + _FLUSH_SECONDS

    # -- from outside

    @property
    def ready(self) -> bool:
        """Whether it is in the group, all its partitions flow, and it did something lately."""
        return self._out_since is None and self._owned.settled and time.monotonic() - self._turned < _STALL_SECONDS

    def run(self) -> None:
        """Work until asked to stop, then close."""
        try:
            while not self._stopping.is_set():
                batch = self.poll()
                if batch:
                    self.process(batch)
        except BaseException:
            self.abandon()
            raise
        self.close()

    # -- turns

    def poll(self) -> Batch:
        """Do what is due (restoring, ticks, commit), then the next records; waits for them a little."""
        self._turned = time.monotonic()
        try:
            self._upkeep(self._turned)
        except Aborted as why:
            self._redo(why)
        fetched = self._inbox.fetch(max(1, self._batch_records - self._records), self._wait())
        self._owned.heard(fetched)
        if not fetched.records and (silent := self._owned.silent(LONGEST_SILENCE_SECONDS)):
            raise Fenced(f"{silent[0]}:{silent[1]} gives nothing to read, though there is something")
        if self._out_since is not None and time.monotonic() - self._out_since > LONGEST_SILENCE_SECONDS:
            raise Fenced(f"its group has not taken it in for {LONGEST_SILENCE_SECONDS:.0f} s")
        return fetched.records

    def process(self, batch: Batch) -> None:
        """Apply records; those of a partition that went away meanwhile are left to its next owner."""
        try:
            for place, arrived in batch.items():
                owned = self._owned.get(place)
                if owned is None or not owned.flows:
                    continue
                for begin in range(0, len(arrived), _SLICE):
                    self._transaction.begin()
                    owned.apply(arrived[begin : begin + _SLICE], self._transaction.put)
                    self._records += len(arrived[begin : begin + _SLICE])
                    if self._commit_is_due(self._longest_seconds):
                        self._commit()
        except Aborted as why:
            self._redo(why)

    def close(self) -> None:
        """Commit, bring the stores to disk, give the partitions back."""
        try:
            self._commit()
        except Aborted as why:
            log.info("stage %s: %s", self.stage.name, why)
            self._failed = True
        except BaseException:
            self.abandon()
            raise
        self._leave()

    def abandon(self) -> None:
        """Give the open transaction up and leave; what it held will be done again by the next owner."""
        self._failed = True
        try:
            self._transaction.abort()
        except (EngineFault, Stopped) as error:
            log.warning("stage %s: %s", self.stage.name, error)
        self._leave()

    # -- inside

    def _upkeep(self, now: float) -> None:
        if not self._owned.settled:
            self._owned.advance(self._inbox, _RESTORE_WAIT_SECONDS)
            self._metrics.restoring(self.stage.name, self._owned)
        for topic, number, tick in self._ticker.due(self._owned, now):
            self._transaction.begin()
            self._transaction.put(topic, tick, b"", number)
        if self._commit_is_due(self._commit_seconds):
            self._commit()
        if self.stage.stateful and now >= self._next_bookmark:
            self._next_bookmark = now + _BOOKMARK_SECONDS
            self._bookmarks.ask([owned.place[1] for owned in self._owned if owned.flows])
        if now >= self._next_flush:
            self._next_flush = now + _FLUSH_SECONDS
            self._owned.flush()

    def _wait(self) -> float:
        if not self._owned.settled:
            return 0.0 if self._owned.restoring else _RESTORE_WAIT_SECONDS
        until = _IDLE_SECONDS
        if self._transaction.is_open:
            until = min(until, self._committed + self._commit_seconds - time.monotonic())
        return max(0.0, min(until, self._ticker.next - time.monotonic()))

    def _commit_is_due(self, seconds: float) -> bool:
        """Whether the last commit lies so far back: after a pause the first record's comes at once."""
        is_late = self._records >= self._batch_records or time.monotonic() >= self._committed + seconds
        return is_late and self._transaction.is_open

    def _commit(self) -> None:
        """End the open transaction: changelog, counts and positions go into it; the stores follow."""
        began = self._transaction.began
        if began is None:
            return
        started = self._committed = time.monotonic()
        self._bookmarks.listen()
        moved = [owned for owned in self._owned if owned.flows and owned.moved]
        changes = [self._log_changes(owned) for owned in moved]
        counted = stage_counted(self.stage.name, moved, time.time_ns() // 1_000)
        if moved:
            self._transaction.put(COUNTS_TOPIC, encode(counted), self.stage.name)
        positions = [TopicPartition(*owned.place, owned.position or 0) for owned in moved]
        self._transaction.commit(positions, self._inbox.membership())
        for owned, (changed, move) in zip(moved, changes, strict=True):
            if owned.store is not None:
                owned.store.moves(move)
            owned.partition.committed(changed)
        self._metrics.committed(self.stage.name, started - began, time.monotonic() - started)
        self._metrics.moved(self.stage.name, moved, self._inbox)
        self._metrics.counted(counted)
        for owned in self._owned:
            owned.begin()
        self._bookmarks.use()
        self._records, self._pause = 0, 0.0

    def _log_changes(self, owned: Owned) -> tuple[Changes, Move]:
        """Put a partition's changes into its changelog."""
        changes, number = owned.partition.changes(), owned.place[1]
        assert owned.position is not None
        first = owned.first or 0
        if owned.store is None:
            return changes, Move.of(owned.position, first)
        move = move_of(owned.store, owned.partition.now, first, owned.position, self._bookmarks.get(number))
        for key, value in records(changes, move):
            self._transaction.put(self._changelog, value, key, number)
        return changes, move

    def _redo(self, why: Aborted) -> None:
        """Back to the last commit, after a pause that grows from one abort to the next."""
        log.warning("stage %s: transaction aborted, done again: %s", self.stage.name, why)
        self._metrics.aborts.labels(self.stage.name).inc()
        self._records = 0
        for owned in self._owned:
            if owned.flows:
                owned.undo()
                self._inbox.rewind(owned.place, owned.position)
        shortest, longest = _PAUSE_SECONDS
        self._pause = min(longest, max(shortest, 2 * self._pause))
        self._stopping.wait(self._pause * random.uniform(0.5, 1.0))  # noqa: S311 no secret

    def _assigned(self, places: list[Place]) -> None:
        self._out_since = None
        self._owned.assigned(places)

    def _revoked(self, lost: bool) -> None:
        """Commit what was done for the partitions that go, as long as they are ours."""
        self._out_since = time.monotonic()
        try:
            if lost:
                log.warning("stage %s: its group has given its partitions up, waiting to join again", self.stage.name)
                self._transaction.abort()
            elif not self._failed:
                self._commit()
        except Aborted as why:
            log.warning("stage %s: transaction aborted, left to the next owner: %s", self.stage.name, why)
        self._records = 0
        self._bookmarks.leave()
        self._owned.revoked()

    def _leave(self) -> None:
        self._inbox.close()
        self._watchdog.stop()
        self._owned.revoked()
        self._slot.release()
