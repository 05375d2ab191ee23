"""Both laws, told of all that a line on Kafka has written: every record of every topic, open ends and all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from schemas.codec import decode, encode
from schemas.events.base import Event
from schemas.events.governance import ErasureRequested
from schemas.events.operations import Tick
from schemas.events.routing import Accepted
from schemas.topics import ACCEPTED_PREFIX, FACTS, QUARANTINE, TOPICS
from streams.driver import Driver, Slot
from streams.engine.changelog import changelog_of
from streams.partition import Partition
from streams.quarantine import ordered
from streams.records import InRecord, OutRecord
from streams.routing import Router
from streams.settings import Settings
from streams.stage import Stage
from streams.store import MemoryStore
from tests.kafka import read_all
from tests.support.runs import Run, View, view

Log = dict[Slot, list[InRecord]]


def read_line(settings: Settings, stages: Sequence[Stage]) -> Log:
    """Every committed record of all topics, the stages' changelogs included."""
    return read_all(settings, [*TOPICS, *(changelog_of(stage.name) for stage in stages if stage.stateful)])


def assert_log_law(stages: Sequence[Stage], log: Log) -> None:
    """Each stage's inbox partitions alone give its outputs and states again, byte for byte."""
    router = Router(stages, Counter(topic for topic, _ in log))
    orders = ordered(record.value for record in log.get((QUARANTINE.name, 0), []))
    written: Counter[tuple[str, str, bytes]] = Counter()
    for stage in stages:
        for slot in [slot for slot in log if slot[0] in stage.inputs]:
            partition = Partition(stage, router, store := MemoryStore(), orders)
            for record in log[slot]:
                written.update((out.topic, out.key, out.value) for out in partition.apply(record))
            partition.committed(partition.changes())
            states = _states(log, stage, slot[1])
            assert dict(store.states) == states, f"{stage.name}:{slot[1]}: {_other_states(store.states, states)}"
    there = Counter(
        (record.topic, record.key, record.value)
        for (topic, _), records in log.items()
        if topic in TOPICS and TOPICS[topic].kind not in ("fact", "order") and topic != "stage.counts"
        for record in records
        if not isinstance(decode(record.value).message, Tick)
    )
    assert written == there


def assert_line_law(stages: Sequence[Stage], log: Log) -> None:
    """The same facts, one by one in the driver, come to the same settled view as on Kafka, in bulk and with trouble."""
    driver = Driver(stages, partitions=sum(topic == "journeys" for topic, _ in log))
    facts = [record for fact in FACTS for (topic, _), all_ in log.items() if topic == fact.name for record in all_]
    for record in sorted(facts, key=lambda one: (one.timestamp, one.topic, one.partition, one.offset)):
        driver.publish(record.topic, record.key, record.value, record.timestamp)
    ticks = _last_ticks(log)
    for _ in range(10):
        driver.tick(min(ticks.values()))
    for _ in range(10):  # and each partition to where it came to: what falls due in between has happened there alone
        for (inbox, number), at in ticks.items():
            driver.append(OutRecord(inbox, "", encode(Tick.build(at=at)), number))
        driver.settle()
    one_by_one, on_kafka = _settled(stages, driver.log), _settled(stages, log)
    for part, here in one_by_one.items():
        assert here == on_kafka[part], f"{part}: {_differences(here, on_kafka[part])}"


def _differences(one: Any, other: Any) -> str:
    """The first few entries that only one of two collections has, as their reprs."""
    sides = [{_text(entry) for entry in (side.items() if isinstance(side, dict) else side)} for side in (one, other)]
    return "; ".join(
        f"{where}: {sorted(own - others)[:5]}"
        for where, own, others in (("one by one", *sides), ("on Kafka", *reversed(sides)))
    )


def _text(entry: Any) -> str:
    """The repr of an entry, members of sets in order."""
    if isinstance(entry, frozenset):
        return f"{{{', '.join(sorted(map(_text, entry)))}}}"
    return f"({', '.join(map(_text, entry))})" if isinstance(entry, tuple) else repr(entry)


def _settled(stages: Sequence[Stage], log: Log) -> dict[str, Any]:
    """The parts of the settled view; where somebody was erased, without leads that have no history.

    Whether such a one has a profile depends on whether the erased one's history was there for a while (DECISIONS 32).
    """
    seen, erased, facts = view_of(stages, log), dict[str, int](), list[tuple[str | None, int]]()
    accepted = (
        record for (topic, _), records in log.items() if topic.startswith(ACCEPTED_PREFIX) for record in records
    )
    for fact, prefix, _ in (decode(record.value) for record in accepted):
        assert isinstance(prefix, Accepted) and isinstance(fact, Event)
        if isinstance(fact, ErasureRequested):
            erased |= {one.hash: max(erased.get(one.hash, 0), fact.occurred_at) for one in prefix.identifiers}
        elif prefix.lead_id is not None:
            facts.append((prefix.identifier, fact.occurred_at))
    brought = {who for who, at in facts if who is not None and at > erased.get(who, -1)}
    leads = {lead: who for lead, who in seen.leads.items() if who & brought or not erased}
    return {**asdict(seen), "leads": leads}


def view_of(stages: Sequence[Stage], log: Log) -> View:
    """The settled view of what is written."""
    driver = Driver(stages)
    driver.log = defaultdict(list, log)
    return view(Run(driver))


def _states(log: Log, stage: Stage, partition: int) -> dict[str, bytes]:
    """The newest state of each key in a changelog partition."""
    records = log.get((changelog_of(stage.name), partition), [])
    return {record.key: record.value for record in records if record.key[:1] != "#"}


def _other_states(again: dict[str, bytes], written: dict[str, bytes]) -> str:
    """The first key whose state differs, and how, slice by slice."""
    key = min(key for key in {*again, *written} if again.get(key) != written.get(key))
    sides = [msgspec.msgpack.decode(side[key]) if key in side else [{}] for side in (again, written)]
    slices = {name for side in sides for name in side[0] if any(other[0].get(name) != side[0][name] for other in sides)}
    parts = [f"{name}: again {sides[0][0].get(name)}, written {sides[1][0].get(name)}" for name in sorted(slices)]
    return f"{key}: {'; '.join(parts)}; again {sides[0][1:]}, written {sides[1][1:]}"


def _last_ticks(log: Log) -> dict[Slot, int]:
    """The last tick of each inbox partition."""
    last: dict[Slot, int] = {}
    for slot, records in log.items():
        if slot[0] in TOPICS and TOPICS[slot[0]].kind == "inbox":
            for record in records:
                message = decode(record.value).message
                if isinstance(message, Tick):
                    last[slot] = message.at
    return last
