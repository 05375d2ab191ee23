"""How late news is on a running line: a temperature or a contact decision seen by a consumer, a row in ClickHouse.

Each person is captured and consents, and some seconds later somebody asks to contact them; a decision crosses five
commits.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from schemas.codec import decode, encode
from schemas.events.base import Event
from schemas.events.contact import ConsentChanged, OutreachRequested
from schemas.events.decisions import TemperatureChanged
from schemas.events.gate import ContactDecided
from schemas.events.leads import LeadCaptured
from schemas.topics import FACT_TOPIC
from sinks.clickhouse.client import Client
from streams.kafka import consumer_config
from streams.report.backlog import Backlog
from streams.report.gather import servers
from streams.settings import Settings
from streams.sources.publisher import Publisher
from streams.sources.refusals import Publication
from tests.bench.report import Row
from tests.support.facts import fact

PEOPLE = 70
"""Of each second; three facts tell of one."""
SECONDS = 10
WARM_UP_SECONDS = 4
ASKED_AFTER_SECONDS = 3
_PATIENCE_SECONDS = 60.0
_LOOK_SECONDS = 0.05

Seen = dict[str, float]
"""When something was seen of a fact (seconds since 1970), by its event_id or message_id."""


class Watch(NamedTuple):
    """What to look for in a topic: from where on, what an event tells of (none: nothing), how many there will be."""

    starts: list[TopicPartition]
    told: Callable[[object], str | None]
    wanted: int


def rows(settings: Settings) -> Iterator[Row]:
    """Publish at a steady rate and watch for what comes of it."""
    workspace = "late"
    people = PEOPLE * (WARM_UP_SECONDS + SECONDS)
    temperatures = Watch(ends(settings, "lead.temperatures"), _temperature, people)
    decisions = Watch(ends(settings, "contact.decisions"), decision, people - PEOPLE * ASKED_AFTER_SECONDS)
    with ThreadPoolExecutor(4) as pool:
        warm = pool.submit(watched, settings, temperatures, workspace)
        decided = pool.submit(watched, settings, decisions, workspace)
        found = pool.submit(_queryable, settings, workspace)
        captured, asked = pool.submit(_publish, settings, workspace).result()
        for what, written, seen in (
            ("temperature visible", captured, warm.result()),
            ("contact decided", asked, decided.result()),
            ("found in ClickHouse", captured, found.result()),
        ):
            for name, late in _percentiles(written, seen).items():
                yield Row(f"fact → {what}, {3 * PEOPLE}/s, {name}", late * 1e3, "ms")


def _percentiles(written: Mapping[str, float], seen: Mapping[str, float]) -> dict[str, float]:
    """Seconds from writing to seeing, of what was written after the warm-up."""
    late = [seen[name] - at for name, at in list(written.items())[PEOPLE * (WARM_UP_SECONDS - ASKED_AFTER_SECONDS) :]]
    percentiles = statistics.quantiles(late, n=100)
    return {"p50": percentiles[49], "p95": percentiles[94], "p99": percentiles[98]}


def _publish(settings: Settings, workspace: str) -> tuple[Seen, Seen]:
    """When each person was captured, and when somebody asked to contact them, by event_id and message_id."""
    publisher = Publisher(settings, "bench")
    captured: Seen = {}
    asked: Seen = {}
    began = time.time()

    def publish(type_: type[Event], number: int, **fields: str | bool) -> str:
        who = {"workspace_id": workspace, "email": f"{number}@{workspace}.example"}
        one = fact(type_, occurred_at=time.time_ns() // 1_000, **who, **fields)
        publisher.publish([Publication(FACT_TOPIC[type_].name, one.event_id, encode(one))])
        return one.event_id

    for number in range(PEOPLE * (WARM_UP_SECONDS + SECONDS)):
        time.sleep(max(0.0, began + number / PEOPLE - time.time()))
        captured[publish(LeadCaptured, number, channel="web")] = time.time()
        said = {"consent_id": str(number), "purpose": "marketing", "evidence": "form"}
        publish(ConsentChanged, number, channel="email", granted=True, **said)
        earlier = number - PEOPLE * ASKED_AFTER_SECONDS
        if earlier >= 0:
            asked[str(earlier)] = time.time()
            publish(OutreachRequested, earlier, channel="email", message_id=str(earlier), purpose="news")
    publisher.flush()
    return captured, asked


def _temperature(event: object) -> str | None:
    """The fact that moved a temperature."""
    return event.cause_id if isinstance(event, TemperatureChanged) else None


def decision(event: object) -> str | None:
    """The message of a last word."""
    is_last = isinstance(event, ContactDecided) and event.decision != "hold"
    return event.message_id if is_last else None  # type: ignore[attr-defined]


def ends(settings: Settings, name: str) -> list[TopicPartition]:
    """Where a topic ends now, for committed records."""
    with Backlog(settings) as backlog:
        return [TopicPartition(*slot, end) for slot, end in backlog.ends([name]).items()]


def watched(settings: Settings, watch: Watch, workspace: str) -> Seen:
    """When each fact that is looked for was first seen."""
    consumer = Consumer(consumer_config(settings, "bench", "bench.late"))
    consumer.assign(watch.starts)
    seen: Seen = {}
    try:
        for _ in _until_all(seen, watch.wanted):
            message = consumer.poll(_LOOK_SECONDS)
            if message is None or message.error() is not None:
                continue
            event = decode(message.value() or b"").message
            of = watch.told(event) if getattr(event, "workspace_id", "") == workspace else None
            if of is not None:
                seen.setdefault(of, time.time())
    finally:
        consumer.close()
    return seen


def _queryable(settings: Settings, workspace: str) -> Seen:
    client = Client(servers(settings)[1])
    seen: Seen = {}
    for _ in _until_all(seen, PEOPLE * (WARM_UP_SECONDS + SECONDS)):
        found = client.rows(f"SELECT event_id FROM leads WHERE workspace_id = '{workspace}'")
        now = time.time()
        for (name,) in found:
            seen.setdefault(str(name), now)
        time.sleep(_LOOK_SECONDS)
    return seen


def _until_all(seen: Seen, wanted: int) -> Iterator[None]:
    """Again and again until every fact was seen."""
    deadline = time.monotonic() + WARM_UP_SECONDS + SECONDS + _PATIENCE_SECONDS
    while len(seen) < wanted:
        if time.monotonic() > deadline:
            raise TimeoutError(f"only {len(seen):,} facts were seen: is the line behind? `fineacers doctor`")
        yield
