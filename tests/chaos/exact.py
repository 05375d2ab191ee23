"""What must hold after any schedule of kills, freezes and moves: see ``check``."""

from __future__ import annotations

from collections import Counter as Tallied
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.codec import decode
from schemas.events.base import Event
from schemas.events.operations import StageCounted
from schemas.topics import QUARANTINE
from streams.engine.changelog import bring_forward, changelog_of
from streams.engine.rocks import RocksStore
from streams.kafka import consumer_config, group_of, is_passing
from streams.partition import Partition
from streams.quarantine import Coordinates, ordered
from streams.records import InRecord
from streams.routing import Router
from streams.settings import Settings
from streams.store import MemoryStore
from tests.chaos.counter import PARTITIONS, Counter, Feed


def read(settings: Settings, topic: str) -> dict[int, list[InRecord]]:
    """Every committed record of a topic up to its end, by partition; those whose key is empty too."""
    consumer = Consumer(
        {
            **consumer_config(settings, "test.read", "test.read"),
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        partitions = list(consumer.list_topics(topic, 10).topics[topic].partitions)
        found: dict[int, list[InRecord]] = {partition: [] for partition in partitions}
        open_ends = _ends(settings, topic, partitions)
        consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
        while open_ends:
            for message in consumer.consume(5_000, 0.05):
                partition, error = message.partition(), message.error()
                if error is None:
                    key = (message.key() or b"").decode()
                    at = message.timestamp()[1] * 1_000
                    value = message.value()
                    found[partition].append(InRecord(topic, partition, message.offset(), at, key, value))
                elif error.code() == KafkaError._PARTITION_EOF:
                    if message.offset() >= open_ends.get(partition, 0):
                        open_ends.pop(partition, None)
                else:
                    raise AssertionError(error.str())
        return found
    finally:
        consumer.close()


def _ends(settings: Settings, topic: str, partitions: list[int]) -> dict[int, int]:
    """Where partitions end, open transactions included: a dead worker's is aborted only after its time-out.

    A read_committed consumer would say where the oldest open transaction begins, and what was committed after that
    would be missed.
    """
    config = consumer_config(settings, "test.ends", "test.ends")
    consumer = Consumer({**config, "isolation.level": "read_uncommitted"})
    try:
        return {p: consumer.get_watermark_offsets(TopicPartition(topic, p), 10)[1] for p in partitions}
    finally:
        consumer.close()


def committed(settings: Settings, counter: Counter) -> dict[int, int]:
    """The group's committed positions; none while the broker does not answer."""
    consumer = Consumer(consumer_config(settings, "test.group", group_of(counter.name)))
    places = [TopicPartition(counter.inbox, partition) for partition in range(PARTITIONS)]
    try:
        return {place.partition: place.offset for place in consumer.committed(places, 10) if place.offset >= 0}
    except KafkaException as error:
        if not is_passing(error):
            raise
        return {}
    finally:
        consumer.close()


def check(settings: Settings, counter: Counter, feed: Feed, state_dirs: Sequence[Path]) -> None:
    """Everything that exactly once means; to be called while no worker runs.

    Each fact is counted once and each output is there once, in the order of its key; the group has read to the end;
    the transactions' own accounts add up; and the log law holds.
    """
    check_outputs(feed, outputs_of(settings, counter))
    positions = committed(settings, counter)
    for partition, records in read(settings, counter.inbox).items():
        unread = [record for record in records if record.offset >= positions[partition]]
        assert len(unread) <= 1, f"{len(unread)} records unread"
        assert not any(record.key for record in unread), "a fact is unread"
    _check_accounts(settings, counter, feed, positions)
    check_log_law(settings, counter, state_dirs)


def check_log_law(settings: Settings, counter: Counter, state_dirs: Sequence[Path]) -> None:
    """What was read of the inbox, fed to partitions over stores in memory, gives the same bytes everywhere.

    That is: the outputs that are visible, the changelog, and the local stores of all owners, one that is
    behind once it is brought forward.
    """
    positions = committed(settings, counter)
    changelog = read(settings, changelog_of(counter.name))
    replayed: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    orders = orders_of(settings)
    for number, records in read(settings, counter.inbox).items():
        read_ones = [record for record in records if record.offset < positions[number]]
        memory = _replay(counter, read_ones, replayed, orders)
        restored = RocksStore(state_dirs[0].parent / f"check-{number}")
        _bring_forward(restored, changelog[number])
        stores = _local(counter, number, positions[number], state_dirs, changelog[number])
        for name, store in (("changelog", restored), *stores):
            _check_same(f"{name}:{number}", store, memory, read_ones)
    assert replayed == outputs_of(settings, counter), "log law: replaying the inbox gives other outputs"


def outputs_of(settings: Settings, counter: Counter) -> dict[tuple[str, str], list[bytes]]:
    """The visible outputs of a counter by topic and key, in order."""
    found: dict[tuple[str, str], list[bytes]] = defaultdict(list)
    for topic in ("lead.scores", "lead.routes", "dead.letters"):
        for records in read(settings, topic).values():
            for record in records:
                if record.key.startswith(counter.name + "/"):
                    found[topic, record.key].append(record.value)
    return found


def check_outputs(feed: Feed, outputs: dict[tuple[str, str], list[bytes]]) -> None:
    """Each fact is counted once, in the order of its key."""
    ids: Tallied[str] = Tallied()
    for (topic, key), values in outputs.items():
        events = [decode(value).message for value in values]
        ids.update(event.event_id for event in events)  # type: ignore[attr-defined]
        seqs = [event.seq for event in events]  # type: ignore[attr-defined]
        wrong = next((at for at, seq in enumerate(seqs) if seq != at + 1), None)
        assert wrong is None, f"{topic} {key}: number {seqs[wrong]} comes where {wrong + 1} should"
    twice = [name for name, count in ids.items() if count > 1]
    assert not twice, f"{len(twice)} outputs twice"
    counts = {key.partition("/")[2]: len(values) for (topic, key), values in outputs.items() if topic == "lead.scores"}
    expected = {lead: count for lead, count in feed.expected.items() if count}
    assert counts == expected, f"{sum(counts.values())} counted of {sum(expected.values())}"


def _check_accounts(settings: Settings, counter: Counter, feed: Feed, positions: dict[int, int]) -> None:
    outcomes: Tallied[str] = Tallied()
    spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for records in read(settings, "stage.counts").values():
        for record in records:
            if record.key == counter.name:
                counted = decode(record.value).message
                assert isinstance(counted, StageCounted)
                outcomes.update({count.outcome: count.count for count in counted.counts})
                for position in counted.positions:
                    spans[position.partition].append((position.first, position.end))
    told, fed = (outcomes["accepted"], outcomes["duplicate"]), (sum(feed.expected.values()), feed.repeated)
    assert told == fed, f"{told} accepted and repeated by the stage's own account, {fed} fed"
    for partition, found in spans.items():
        ends = [0, *(end for _, end in found)]
        assert [first for first, _ in found] == ends[:-1], f"partition {partition}: transactions overlap or leave gaps"
        end = positions[partition]
        assert ends[-1] == end, f"partition {partition}: accounts end at {ends[-1]}, the group's position is {end}"


def orders_of(settings: Settings) -> frozenset[Coordinates]:
    """What operators have ordered to be set aside; with the inbox, all that decides outputs."""
    return ordered(record.value for record in read(settings, QUARANTINE.name).get(0, []))


def _replay(
    counter: Counter,
    records: list[InRecord],
    outputs: dict[tuple[str, str], list[bytes]],
    orders: frozenset[Coordinates],
) -> MemoryStore:
    memory = MemoryStore()
    partition = Partition(counter.stage, Router((counter.stage,)), memory, orders)
    for number, record in enumerate(records):
        for out in partition.apply(record):
            outputs[out.topic, out.key].append(out.value)
        if number % 7 == 0:
            partition.committed(partition.changes())
    partition.committed(partition.changes())
    return memory


def _local(
    counter: Counter, number: int, position: int, state_dirs: Sequence[Path], changelog: Sequence[InRecord]
) -> Iterator[tuple[str, RocksStore]]:
    """The local stores of all owners; those that are behind as their next owner would bring them forward."""
    for state_dir in state_dirs:
        for folder in (state_dir / "engine" / counter.name).glob(f"*/p{number}"):
            store = RocksStore(folder)
            if store.position.inbox != position:
                _bring_forward(store, changelog)
            yield str(folder), store


def _bring_forward(store: RocksStore, changelog: Sequence[InRecord]) -> None:
    new = [record for record in changelog if record.offset >= store.position.changelog]
    end = new[-1].offset + 1 if new else store.position.changelog
    bring_forward(store, [(record.key.encode(), record.value) for record in new], end)


def _check_same(name: str, store: RocksStore, memory: MemoryStore, records: list[InRecord]) -> None:
    try:
        keys = store.keys_after("", 1_000_000)
        assert {key: store.get(key) for key in keys} == dict(memory.states), f"{name}: other states"
        assert list(store.due(2**62)) == list(memory.due(2**62)), f"{name}: other timers"
        assert store.meta() == memory.meta(), f"{name}: another clock"
        controls = {workspace: store.control(workspace) for workspace in memory.controls}
        assert controls == memory.controls, f"{name}: other control state"
        events = (decode(record.value).message for record in records)
        ids = [event.event_id for event in events if isinstance(event, Event)]
        assert [store.seen(name) for name in ids] == [memory.seen(name) for name in ids], f"{name}: other duplicates"
    finally:
        store.close()
