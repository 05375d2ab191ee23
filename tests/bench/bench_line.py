"""The whole line: simulated facts from publishing to rest in both stores, whose CPU they took, and how late news is.

python -m tests.bench.bench_line
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

from streams.cli.printing import printer
from streams.kafka import admin_client, consumer_config, producer_config
from streams.local.state import StateFolder
from streams.report.gather import come_to_rest
from streams.settings import Settings, identity_key
from streams.sources.publisher import Publisher
from streams.sources.refusals import Publication
from streams.sources.simulate import Published, Scenario, simulate
from streams.topology import topology
from tests.bench import late
from tests.bench.processes import cpu_seconds
from tests.bench.report import Row, machine, show
from tests.line import Line, running_line

EVENTS = 30_000
_SERVICES = ("kafka", "postgres", "clickhouse", "worker-1", "worker-2", "sink-postgres", "sink-clickhouse")


def rows() -> Iterator[Row]:
    """Facts a second through everything, beside copying them once with bare librdkafka; CPU per fact by process."""
    facts = list(simulate(Scenario(end=time.time_ns() // 1_000, events=EVENTS)))
    with running_line() as line:
        limit = _copied(line.settings, facts)
        before = _cpu(line)
        began = time.perf_counter()
        publisher = Publisher(line.settings, "bench")
        publisher.publish(Publication(one.topic, one.key, one.value) for one in facts)
        publisher.flush()
        for _ in come_to_rest(line.settings, topology(identity_key(line.settings))):
            pass
        seconds = time.perf_counter() - began
        yield Row(
            "whole line, all processes on this machine", len(facts) / seconds, "facts/s", "bare copy of a topic", limit
        )
        for name, cpu in _cpu(line).items():
            yield Row(f"  CPU of {name}", (cpu - before[name]) / len(facts) * 1e6, "µs/fact")
        yield from late.rows(line.settings)


def _copied(settings: Settings, facts: list[Published]) -> float:
    """Facts a second that one bare client writes to a topic, reads, and writes to another."""
    there, back = (NewTopic(f"bench.{name}", 1, 1) for name in ("there", "back"))
    admin = admin_client(settings, "bench")
    for made in admin.create_topics([there, back]).values():
        made.result(30)
    producer = Producer(producer_config(settings, "bench"))
    consumer = Consumer(consumer_config(settings, "bench", "bench"))
    consumer.assign([TopicPartition(there.topic, 0, 0)])
    began, left = time.perf_counter(), len(facts)
    for one in facts:
        producer.produce(there.topic, one.value, one.key)
    while left:
        for message in consumer.consume(1_000, 0.1):
            producer.produce(back.topic, message.value(), message.key())
            left -= 1
    producer.flush()
    seconds = time.perf_counter() - began
    consumer.close()
    return len(facts) / seconds


def _cpu(line: Line) -> dict[str, float]:
    """CPU seconds so far of each service, its children included."""
    status = StateFolder(line.folder).status()
    return {name: cpu_seconds(int(status[name]["pid"])) for name in _SERVICES}


if __name__ == "__main__":
    printer().print(machine())
    show("The whole line", rows())
