"""The partitions that a member owns, on their way from assigned over restored to flowing."""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from schemas.events.operations import HIDDEN
from streams.engine.changelog import changelog_of
from streams.engine.faults import EngineFault, record_fault
from streams.engine.inbox import Fetched, Inbox, Place
from streams.engine.restore import Restorer, log_ends
from streams.engine.rocks import RocksStore
from streams.kafka import is_denied, learn_leaders
from streams.partition import Partition
from streams.quarantine import Coordinates
from streams.records import InRecord
from streams.routing import Router
from streams.settings import Settings
from streams.stage import Stage
from streams.store import MemoryStore

log = logging.getLogger(__name__)

_WORD_SECONDS = 5.0

Put = Callable[[str, bytes | None, bytes | str, int], None]
"""Adds a record to the open transaction: topic, value, key, partition (-1: by the key)."""


class Condition(Enum):
    """Where an owned partition stands."""

    ASSIGNED = auto()
    RESTORING = auto()
    RESTORED = auto()
    FLOWING = auto()


@dataclass(eq=False)
class Owned:
    """One owned partition. ``position`` is the next inbox offset to apply, ``first`` the one at which the open
    transaction began; none: the inbox was never read."""

    place: Place
    partition: Partition
    store: RocksStore | None
    condition: Condition = Condition.ASSIGNED
    committed: int | None = None
    position: int | None = None
    first: int | None = None
    tick_unread: bool | None = None
    """Whether a tick lies in the inbox unread; none: not known until a tick or the end is reached."""
    tick_unread_first: bool | None = None
    last: InRecord | None = None
    """The last record applied in the open transaction."""
    heard: float = math.inf
    """When it last gave a record or an end to read since it flows (monotonic seconds)."""

    @property
    def flows(self) -> bool:
        """Whether its records may be applied."""
        return self.condition is Condition.FLOWING

    @property
    def moved(self) -> bool:
        """Whether the open transaction has read any of its records."""
        return self.position != self.first

    def apply(self, arrived: Sequence[InRecord], put: Put) -> None:
        """Apply records, in order, and put out what they bring about; those before the position are known already.

        Raises:
            RecordFault: the stage raised an error that it had not declared.
        """
        apply, position = self.partition.apply, self.position or 0
        counts_gaps = not self.partition.stage.stateful  # inboxes are full of marks, and no figure hangs on them
        if self.store is not None:
            self.store.fetch({record.key for record in arrived if record.key})
        for record in arrived:
            if record.offset < position:
                continue
            if counts_gaps and record.offset > position:
                self.partition.counts[record.topic, "", HIDDEN] += record.offset - position
            try:
                outputs = apply(record)
            except Exception as error:
                raise record_fault(self.partition.stage.name, record, error) from None
            for output in outputs:
                put(output.topic, output.value, output.key, -1 if output.partition is None else output.partition)
            position = self.position = record.offset + 1
            self.last = record
            if not record.key:
                self.tick_unread = False

    def begin(self) -> None:
        """What was done so far is committed: a new transaction begins here."""
        self.first, self.tick_unread_first, self.last = self.position, self.tick_unread, None

    def undo(self) -> None:
        """Back to where the open transaction began."""
        self.partition.aborted()
        self.position, self.tick_unread, self.last = self.first, self.tick_unread_first, None


class OwnedPartitions:
    """All partitions of one engine; ``advance`` takes those that do not flow yet a step further."""

    def __init__(
        self,
        stage: Stage,
        router: Router,
        settings: Settings,
        folder: Path,
        admin: AdminClient,
        *,
        quarantined: frozenset[Coordinates],
    ) -> None:
        self._stage = stage
        self._quarantined = quarantined
        self._router = router
        self._folder = folder
        self._admin = admin
        self._changelog = changelog_of(stage.name)
        self._restorer = Restorer(settings, self._changelog)
        self._owned: dict[Place, Owned] = {}
        self._next_word = 0.0
        self._ends: Callable[[], dict[int, int] | None] | None = None

    def __iter__(self) -> Iterator[Owned]:
        return iter(self._owned.values())

    def __len__(self) -> int:
        return len(self._owned)

    def get(self, place: Place) -> Owned | None:
        """An owned partition."""
        return self._owned.get(place)

    @property
    def settled(self) -> bool:
        """Whether every owned partition flows."""
        return all(owned.flows for owned in self._owned.values())

    @property
    def restoring(self) -> bool:
        """Whether stores are being brought forward."""
        return self._restorer.busy

    def left(self) -> dict[int, int]:
        """How many changelog offsets the partitions being restored have before them."""
        return self._restorer.left()

    def assigned(self, places: list[Place]) -> None:
        """Take partitions over; they do not flow yet."""
        for place in places:
            store = self._open(place) if self._stage.stateful else None
            partition = Partition(self._stage, self._router, store or MemoryStore(), self._quarantined)
            self._owned[place] = Owned(place, partition, store)

    def heard(self, fetched: Fetched) -> None:
        """Note which partitions gave something; where one has ended, no tick lies unread before the end."""
        now = time.monotonic()
        for place in (*fetched.records, *fetched.ended):
            if place in self._owned:
                self._owned[place].heard = now
        for place in fetched.ended:
            if place in self._owned and self._owned[place].tick_unread is None:
                self._owned[place].tick_unread = False

    def silent(self, seconds: float) -> Place | None:
        """A flowing partition that has given nothing to read for so long though it must: a tick at least, or its end.

        To be asked when nothing that was read waits to be applied.
        """
        until = time.monotonic() - seconds
        return next((o.place for o in self if o.flows and o.tick_unread is not False and o.heard < until), None)

    def flush(self) -> None:
        """Bring to disk what the stores hold in memory."""
        for owned in self:
            if owned.store is not None:
                owned.store.flush()

    def revoked(self) -> None:
        """Let all partitions go."""
        self._ends = None
        self._restorer.cancel()
        for owned in self._owned.values():
            if owned.store is not None:
                owned.store.close()
        self._owned.clear()

    def advance(self, inbox: Inbox, wait: float) -> None:
        """Take each partition that does not flow one step further; waits ``wait`` seconds at most where it waits."""
        try:
            self._learn_committed(inbox)
            self._start_restoring()
            if self._restorer.busy:
                for partition in self._restorer.advance(wait):
                    self._restored(self._owned[self._stage.inputs[0], partition])
            self._let_flow(inbox)
        except KafkaException as error:
            # Nothing flows before every answer was had, so whatever keeps it from us may be asked again.
            if is_denied(error):
                raise EngineFault(f"stage {self._stage.name}: cannot take over a partition: {error}") from error
            if time.monotonic() >= self._next_word:
                self._next_word = time.monotonic() + _WORD_SECONDS
                log.warning("stage %s: waiting to take over partitions: %s", self._stage.name, error.args[0].str())

    def _open(self, place: Place) -> RocksStore:
        folder = self._folder / f"p{place[1]}"
        try:
            return RocksStore(folder)
        except Exception as error:
            if not str(error).startswith("Corruption"):
                raise EngineFault(f"{folder} cannot be opened: {error}") from error
            # Everything in a store is in the changelog too: a damaged one is worth nothing.
            log.warning("%s cannot be opened (%s): restored from the changelog", folder, error)
            shutil.rmtree(folder)
            return RocksStore(folder)

    def _learn_committed(self, inbox: Inbox) -> None:
        """Ask for committed positions, and after that for the changelog's ends: in this order, since the answer waits
        for positions that a predecessor's transaction has pending."""
        fresh = [owned for owned in self if owned.condition is Condition.ASSIGNED]
        for owned in fresh:
            owned.committed = inbox.committed(owned.place)
            if owned.store is None:
                owned.position = owned.committed
            owned.condition = Condition.RESTORED if owned.store is None else Condition.RESTORING
        if fresh and self._stage.stateful:
            learn_leaders(self._admin, [self._changelog])
            self._ends = log_ends(self._admin, self._changelog, [owned.place[1] for owned in self])

    def _start_restoring(self) -> None:
        if self._ends is None:
            return
        try:
            ends = self._ends()
        except KafkaException:
            self._ends = log_ends(self._admin, self._changelog, [owned.place[1] for owned in self])
            raise
        if ends is None:
            return
        self._ends = None
        for owned in self:
            if owned.condition is not Condition.RESTORING or owned.store is None:
                continue
            if not self._restorer.start(owned.place[1], owned.store, ends[owned.place[1]]):
                self._restored(owned)

    def _restored(self, owned: Owned) -> None:
        assert owned.store is not None
        topic, number = owned.place
        reached = owned.store.position.inbox
        if owned.committed is None and reached is not None:
            log.warning("%s:%s: the group's position has expired; the changelog's holds: %s", topic, number, reached)
        elif reached != owned.committed:
            raise EngineFault(
                f"stage {self._stage.name}, {topic}:{number}: the group's committed position is {owned.committed}, the "
                f"restored state's is {reached}: somebody moved the group's position or changed {self._changelog}, or "
                "the brokers lost the end of a transaction (DECISIONS 15); with the group's position set to "
                f"{reached or 'the beginning'} the state is right again, and what was put out since comes twice"
            )
        owned.position = reached
        # What was restored is not what the partition saw when it was opened.
        owned.partition.aborted()
        owned.condition = Condition.RESTORED

    def _let_flow(self, inbox: Inbox) -> None:
        for owned in self:
            if owned.condition is Condition.RESTORED:
                inbox.resume(owned.place, owned.position)
                owned.begin()
                owned.condition = Condition.FLOWING
                owned.heard = time.monotonic()
