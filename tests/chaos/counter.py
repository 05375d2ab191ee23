"""A stage that counts per key: the smallest thing in which every loss, repeat and disorder shows."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from processors.base import Context, Emit, Output, Step, Timer, TimerFired
from schemas.codec import encode, forward
from schemas.events.decisions import LeadRouted, LeadScored
from schemas.events.operations import Tick
from schemas.events.routing import Accepted
from schemas.events.touchpoints import TouchpointRecorded
from schemas.topics import TOPICS
from streams.engine.changelog import CHANGELOG_CONFIG, changelog_of
from streams.kafka import admin_client, producer_config
from streams.settings import Settings
from streams.stage import Stage

PARTITIONS = 4
QUIET = 400_000
"""A key's timer goes off so many microseconds after its last event."""
POISON = "poison"
START = 1_790_000_000_000_000


class Tally(msgspec.Struct, frozen=True):
    """Events counted, and how often the key went quiet."""

    count: int = 0
    quiet: int = 0


def count(before: Tally | None, event: Any, ctx: Context) -> tuple[Tally, Sequence[Output]]:
    """Number each event of a key."""
    before = before or Tally()
    if event.content_id == POISON:
        raise ValueError("somebody@example.com")
    after = Tally(before.count + 1, before.quiet)
    parts = {"score": 0, "budget": 0, "urgency": 0, "engagement": 0, "readiness": 0, "reasons": [event.touch_id]}
    lead = ctx.key.partition("/")[2]
    return after, [Emit(LeadScored.build(occurred_at=event.occurred_at, lead_id=lead, seq=after.count, **parts))]


def tally(before: Tally | None, event: Any, ctx: Context) -> tuple[Tally, Sequence[Output]]:
    """Number each event of a key; number each time that it went quiet."""
    if not isinstance(event, TimerFired):
        after, scored = count(before, event, ctx)
        return after, [*scored, Timer("quiet", ctx.now + QUIET)]
    before = before or Tally()
    after = Tally(before.count, before.quiet + 1)
    routed = {"temperature": "cold", "route": "nurture", "reason": "quiet"}
    lead = ctx.key.partition("/")[2]
    return after, [Emit(LeadRouted.build(occurred_at=event.due, lead_id=lead, seq=after.quiet, **routed))]


@dataclass(frozen=True)
class Counter:
    """One counter stage with topics of its own, so that schedules do not see each other. ``name`` is its workspace.

    A ``plain`` one only counts: it holds no duplicate index and sets no timers.
    """

    name: str
    plain: bool = False

    @property
    def inbox(self) -> str:
        """Its inbox."""
        return f"{self.name}.inbox"

    @property
    def stage(self) -> Stage:
        """The stage."""
        if self.plain:
            counting = Step("count", count, (TouchpointRecorded,), (LeadScored,), Tally)
            return Stage(self.name, (self.inbox,), (counting,), carries=Accepted)
        step = Step("tally", tally, (TouchpointRecorded, TimerFired), (LeadScored, LeadRouted), Tally)
        return Stage(self.name, (self.inbox,), (step,), carries=Accepted, deduplicates=True)

    def create(self, settings: Settings, partitions: int = PARTITIONS) -> None:
        """Its topics, and the outputs that all counters share; the first tick of each partition."""
        admin = admin_client(settings, "test")
        shared = [TOPICS[name] for name in ("lead.scores", "lead.routes", "stage.counts", "dead.letters", "quarantine")]
        make(admin, [(topic.name, topic.partitions, topic.config) for topic in shared])
        inbox = {**TOPICS["journeys"].config}
        make(admin, [(self.inbox, partitions, inbox), (changelog_of(self.name), partitions, CHANGELOG_CONFIG)])
        producer = Producer(producer_config(settings, "test"))
        for partition in range(partitions):
            producer.produce(self.inbox, encode(Tick.build(at=time.time_ns() // 1_000)), b"", partition)
        producer.flush()


def make(admin: AdminClient, topics: Iterable[tuple[str, int, dict[str, str]]]) -> None:
    """Create topics that are not there yet."""
    there = admin.list_topics(timeout=10).topics
    fresh = [NewTopic(name, count, config=config) for name, count, config in topics if name not in there]
    for future in admin.create_topics(fresh).values() if fresh else ():
        try:
            future.result(20)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another schedule was faster
                raise


@dataclass
class Feed:
    """Publishes facts into a counter's inbox and remembers what must come of them, and where they end."""

    counter: Counter
    settings: Settings
    seed: int = 0
    keys: int = 50

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self.leads = [str(uuid.UUID(int=self._random.getrandbits(128))) for _ in range(self.keys)]
        config = {**producer_config(self.settings, "test.feed"), "delivery.report.only.error": False}
        self._producer = Producer({**config, "on_delivery": self._delivered})
        self._sent: list[tuple[str, bytes]] = []
        self.expected: dict[str, int] = dict.fromkeys(self.leads, 0)
        self.repeated = 0
        self.ends: dict[int, int] = {}

    def send(self, count: int, *, repeats: float = 0.05, wait: bool = True) -> None:
        """So many facts; a share of them are earlier ones again. Without waiting, ``flush`` must follow."""
        for _ in range(count):
            if self._sent and self._random.random() < repeats:
                key, value = self._random.choice(self._sent)
                self.repeated += 1
            else:
                lead = self._random.choice(self.leads)
                key, value = self.fact(lead)
                self._sent.append((key, value))
                self.expected[lead] += 1
            self._producer.produce(self.counter.inbox, value, key)
            self._producer.poll(0)
        if wait:
            self.flush()

    def flush(self) -> None:
        """Wait until the broker has all that was sent."""
        self._producer.flush()

    def poison(self) -> None:
        """One fact on which the stage fails."""
        key, value = self.fact(self.leads[0], content=POISON)
        self._producer.produce(self.counter.inbox, value, key)
        self._producer.flush()

    def _delivered(self, error: KafkaError | None, message: Any) -> None:
        assert error is None, error
        self.ends[message.partition()] = message.offset() + 1

    def fact(self, lead: str, content: str | None = None) -> tuple[str, bytes]:
        """Key and bytes of a fresh fact."""
        name = str(uuid.UUID(int=self._random.getrandbits(128)))
        at = START + len(self._sent) * 1_000
        event = TouchpointRecorded.build(
            event_id=name,
            workspace_id=self.counter.name,
            region="UAE",
            occurred_at=at,
            source="test",
            channel="email",
            touch_id=name,
            kind="view",
            content_id=content,
        )
        prefix = Accepted.build(
            arrived_at=at,
            topic="touchpoints",
            partition=0,
            offset=len(self._sent),
            lead_id=lead,
            identifier=None,
            identifiers=[],
            seq=0,
            ver=0,
        )
        return f"{self.counter.name}/{lead}", forward(prefix, encode(event))
