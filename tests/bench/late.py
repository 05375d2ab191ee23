"""How late news is on a running line: fact → temperature visible to a consumer, fact → row found in ClickHouse."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer, TopicPartition

from schemas.codec import decode, encode
from schemas.events.decisions import TemperatureChanged
from schemas.events.leads import LeadCaptured
from schemas.topics import TOPICS
from sinks.clickhouse.client import Client
from streams.kafka import consumer_config
from streams.report.backlog import Backlog
from streams.report.gather import servers
from streams.settings import Settings
from streams.sources.publisher import Publisher
from streams.sources.refusals import Publication
from tests.bench.report import Row
from tests.support.facts import fact

RATE = 200
SECONDS = 10
WARM_UP_SECONDS = 4
_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.05

Seen = dict[str, float]
"""When something was seen of a fact, by its event_id."""


def rows(settings: Settings) -> Iterator[Row]:
    """Publish new leads at a steady rate and watch for what comes of them."""
    workspace = "late"
    topic = TOPICS["lead.temperatures"]
    with Backlog(settings) as backlog:
        ends = backlog.ends({topic.name: topic.partitions})
    with ThreadPoolExecutor(3) as pool:
        warm = pool.submit(
            _temperatures, settings, [TopicPartition(*slot, end) for slot, end in ends.items()], workspace
        )
        found = pool.submit(_queryable, settings, workspace)
        written = pool.submit(_publish, settings, workspace).result()
        for what, seen in (("temperature visible", warm.result()), ("found in ClickHouse", found.result())):
            for name, late in _percentiles(written, seen).items():
                yield Row(f"fact → {what}, {RATE}/s, {name}", late * 1e3, "ms")


def _percentiles(written: Mapping[str, float], seen: Mapping[str, float]) -> dict[str, float]:
    """Seconds from writing to seeing, of what was written after the warm-up."""
    late = [seen[name] - at for name, at in list(written.items())[RATE * WARM_UP_SECONDS :]]
    percentiles = statistics.quantiles(late, n=100)
    return {"p50": percentiles[49], "p99": percentiles[98]}


def _publish(settings: Settings, workspace: str) -> Seen:
    publisher = Publisher(settings, "bench")
    written: Seen = {}
    began = time.perf_counter()
    for number in range(RATE * (WARM_UP_SECONDS + SECONDS)):
        one = fact(
            LeadCaptured,
            workspace_id=workspace,
            occurred_at=time.time_ns() // 1_000,
            channel="web",
            email=f"{number}@{workspace}.example",
        )
        time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        written[one.event_id] = time.perf_counter()
        publisher.publish([Publication("leads", one.event_id, encode(one))])
    publisher.flush()
    return written


def _temperatures(settings: Settings, starts: list[TopicPartition], workspace: str) -> Seen:
    consumer = Consumer(consumer_config(settings, "bench", "bench.late"))
    consumer.assign(starts)
    seen: Seen = {}
    try:
        for _ in _until_all(seen):
            message = consumer.poll(_LOOK_SECONDS)
            if message is None or message.error() is not None:
                continue
            event = decode(message.value() or b"").message
            if isinstance(event, TemperatureChanged) and event.workspace_id == workspace and event.cause_id:
                seen.setdefault(event.cause_id, time.perf_counter())
    finally:
        consumer.close()
    return seen


def _queryable(settings: Settings, workspace: str) -> Seen:
    client = Client(servers(settings)[1])
    seen: Seen = {}
    for _ in _until_all(seen):
        found = client.rows(f"SELECT event_id FROM leads WHERE workspace_id = '{workspace}'")
        now = time.perf_counter()
        for (name,) in found:
            seen.setdefault(str(name), now)
        time.sleep(_LOOK_SECONDS)
    return seen


def _until_all(seen: Seen) -> Iterator[None]:
    """Again and again until every fact was seen."""
    deadline = time.monotonic() + WARM_UP_SECONDS + SECONDS + _PATIENCE_SECONDS
    while len(seen) < RATE * (WARM_UP_SECONDS + SECONDS):
        if time.monotonic() > deadline:
            raise TimeoutError(f"only {len(seen):,} facts were seen: is the line behind? `fineacers doctor`")
        yield
