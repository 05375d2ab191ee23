"""Log law: an inbox partition's records alone give its outputs, ids and state, byte for byte, however they are cut."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode
from schemas.events.operations import Tick
from schemas.events.weights import WeightsVersion
from schemas.topics import TOPICS
from streams.driver import Slot
from streams.partition import Partition
from streams.partitioner import partition_of
from streams.records import InRecord, OutRecord
from streams.routing import Router
from streams.store import MemoryStore
from tests.property.checks import interleaved
from tests.property.strategies import histories_with_arrivals, randoms
from tests.support.runs import STAGES, Run

STATEFUL = {stage.inputs[0]: stage for stage in STAGES if stage.stateful}


def cuts(length: int, random: Random, how: str) -> Iterator[int]:
    """How many records each transaction takes."""
    while length > 0:
        step = {"each": 1, "all": length, "some": random.randint(1, 6)}[how]
        yield min(step, length)
        length -= step


def replayed(
    topic: str, records: Sequence[InRecord], random: Random, how: str
) -> tuple[list[OutRecord], Counter[Any], dict[str, Any]]:
    """Outputs, counts and everything stored after a fresh partition took some records; a few cuts fail first."""
    store = MemoryStore()
    partition = Partition(STATEFUL[topic], Router(STAGES), store)
    outputs: list[OutRecord] = []
    counts: Counter[Any] = Counter()
    place = 0
    for size in cuts(len(records), random, how):
        batch = records[place : place + size]
        if how == "some" and random.random() < 0.3:
            for record in batch[: random.randint(0, size)]:
                partition.apply(record)
            partition.aborted()
        for record in batch:
            outputs += partition.apply(record)
        counts.update(partition.counts)
        partition.committed(partition.changes())
        place += size
    return outputs, counts, stored(store)


def stored(store: MemoryStore) -> dict[str, Any]:
    """All that a store holds."""
    return {
        "states": dict(store.states),
        "timers": list(store.due(2**62)),
        "seen": dict(store._seen),
        "controls": dict(store.controls),
        "meta": store.meta(),
    }


def inboxes(run: Run) -> Iterator[Slot]:
    """The inbox partitions that anything was written to."""
    return (slot for slot in run.driver.log if slot[0] in STATEFUL)


@given(
    histories_with_arrivals(size=8),
    randoms,
    st.sampled_from((1, 2, 500)),
)
def test_an_inbox_gives_the_same_bytes_however_it_is_cut(case: Any, random: Random, page: int) -> None:
    _, (arrivals,) = case
    with patch("streams.visits.VISITS_PER_TICK", page), patch("streams.partition.TIMERS_PER_TICK", page):
        run = interleaved(arrivals, random)
        written: Counter[tuple[str, int, bytes]] = Counter()
        for slot in inboxes(run):
            records = run.driver.log[slot]
            each = replayed(slot[0], records, random, "each")
            assert each[2] == stored(run.driver.stores[slot])
            for how in ("some", "all"):
                assert replayed(slot[0], records, random, how) == each
            written.update(_placed(out) for out in each[0] if not _is_routed(out.topic, out.value))
    told = Counter(
        (topic, partition, record.value)
        for (topic, partition), records in run.driver.log.items()
        for record in records
        if TOPICS[topic].kind != "fact" and not _is_routed(topic, record.value) and not _is_given(record.value)
    )
    assert written == told


def _is_routed(topic: str, value: bytes) -> bool:
    """Whether it is a fact on its way to being accepted, as intake, which has no inbox, may have written it."""
    return topic == "resolve.inbox" and decode(value).prefix is not None


def _is_given(value: bytes) -> bool:
    """Whether no stage has written a record."""
    return isinstance(decode(value).message, Tick | WeightsVersion)


def _placed(out: OutRecord) -> tuple[str, int, bytes]:
    partitions = TOPICS[out.topic].partitions
    number = out.partition if out.partition is not None else partition_of(out.key, partitions)
    return out.topic, number, out.value
