"""The whole topology in one process on a virtual clock: the same stages and partitions as on Kafka, no Kafka.

For golden files, property tests, replays and what-ifs. Facts are processed to rest one by one unless a ``chooser``
interleaves the partitions.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Sequence

from schemas.codec import encode
from schemas.events.operations import Tick
from schemas.topics import TOPICS
from streams.partition import Partition
from streams.partitioner import partition_of
from streams.records import InRecord, OutRecord
from streams.routing import Router
from streams.stage import Stage
from streams.store import MemoryStore

Slot = tuple[str, int]
"""A topic and a partition."""

Chooser = Callable[[Sequence[Slot]], Slot]


class Driver:
    """Feed it facts with ``publish``, let time pass with ``tick``, read ``log``: every record by topic and partition,
    or ``outputs``: what the stages put out, in order.

    ``chooser`` picks which partition with unread records works next (default: the first in topology order, so that a
    fact comes to rest before the next is read); ``partitions`` is how many topics by key have (none: the default).
    """

    def __init__(self, stages: Sequence[Stage], chooser: Chooser | None = None, partitions: int | None = None) -> None:
        self.stages = stages
        self.now = 0
        self.log: dict[Slot, list[InRecord]] = defaultdict(list)
        self.outputs: list[OutRecord] = []
        self.counts: Counter[tuple[str, str, str, str]] = Counter()
        self._chooser = chooser
        self._spread = partitions
        inboxes = [TOPICS[topic] for stage in stages if stage.stateful for topic in stage.inputs]
        self._router = Router(stages, {inbox.name: inbox.count(partitions) for inbox in inboxes})
        self._reader: dict[str, Stage] = {topic: stage for stage in stages for topic in stage.inputs}
        self.stores: dict[Slot, MemoryStore] = {}
        self._partitions: dict[Slot, Partition] = {}
        self._unread: dict[Slot, deque[InRecord]] = {}

    def publish(self, topic: str, key: str, value: bytes, arrived_at: int, *, settle: bool = True) -> None:
        """Append a record to a fact topic as if the broker had received it at an instant (microseconds)."""
        self.now = max(self.now, arrived_at)
        self.append(OutRecord(topic, key, value))
        if settle:
            self.settle()

    def tick(self, at: int) -> None:
        """Let it be an instant: a tick to every inbox partition, and all that follows."""
        self.now = max(self.now, at)
        for stage in self.stages:
            if stage.stateful:
                inbox = TOPICS[stage.inputs[0]]
                for partition in range(inbox.count(self._spread)):
                    self.append(OutRecord(inbox.name, "", encode(Tick.build(at=at)), partition))
        self.settle()

    def first_due(self) -> int | None:
        """When the first timer of any partition is due."""
        return min((due for store in self.stores.values() if (due := store.first_due()) is not None), default=None)

    def settle(self) -> None:
        """Work until nothing is unread."""
        while waiting := [slot for slot, records in self._unread.items() if records]:
            slot = self._chooser(waiting) if self._chooser else waiting[0]
            self._work(slot, self._unread[slot].popleft())

    def values(self, topic: str) -> list[bytes]:
        """The values of a topic, partition by partition."""
        slots = sorted(slot for slot in self.log if slot[0] == topic)
        return [record.value for slot in slots for record in self.log[slot]]

    def _work(self, slot: Slot, record: InRecord) -> None:
        partition = self._partition(slot)
        for out in partition.apply(record):
            self.append(out)
            self.outputs.append(out)
        self.counts.update({(partition.stage.name, *what): n for what, n in partition.counts.items()})
        partition.committed(partition.changes())

    def _partition(self, slot: Slot) -> Partition:
        if slot not in self._partitions:
            self.stores[slot] = MemoryStore()
            self._partitions[slot] = Partition(self._reader[slot[0]], self._router, self.stores[slot])
        return self._partitions[slot]

    def append(self, out: OutRecord) -> None:
        """Append a record to any topic; ``settle`` lets its stage work."""
        topic = TOPICS[out.topic]
        number = out.partition if out.partition is not None else partition_of(out.key, topic.count(self._spread))
        slot = (out.topic, number)
        record = InRecord(out.topic, number, len(self.log[slot]), self.now, out.key, out.value)
        self.log[slot].append(record)
        if out.topic in self._reader:
            self._unread.setdefault(slot, deque()).append(record)
