"""Every topic: what it carries, how it is keyed and cut, how long it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from schemas.contract import has_personal_data
from schemas.events.base import Event, Message
from schemas.events.bookings import BookingChanged
from schemas.events.campaigns import (
    AlertRaised,
    CampaignMeasured,
    ContentProposed,
    PropertyListed,
    SpendReported,
    TouchCounted,
)
from schemas.events.clicks import ClickRecorded
from schemas.events.contact import ConsentChanged, DeliveryReported, MessageReceived, OutreachRequested
from schemas.events.decisions import LeadRouted, LeadScored, TemperatureChanged
from schemas.events.effects import EffectDone, EffectRequested, LeadReplied
from schemas.events.gate import ApprovalConcluded, ApprovalRequested, ContactDecided, ContactProposed
from schemas.events.governance import (
    ApprovalDecided,
    CancellationRisk,
    ErasureRequested,
    ExchangeRateSet,
    IdentitiesLinked,
    IdentitiesSplit,
    IdentitySweepOrdered,
    PolicyChanged,
)
from schemas.events.identity import (
    IdentifierBound,
    IdentifierSighted,
    IdentityConflict,
    LeadMerged,
    LeadSplit,
    LinkObserved,
)
from schemas.events.incidents import IncidentRaised
from schemas.events.leads import LeadCaptured, LeadUpdated
from schemas.events.ledger import CellChanged, CreditsPosted, RevenueAttributed
from schemas.events.operations import DeadLettered, QuarantineOrdered, StageCounted, SweepFinished, Tick
from schemas.events.paths import PathChanged
from schemas.events.profiles import LeadProfiled
from schemas.events.reserving import ConsentNoted, ConsentTold, Granted, Refused, Release, Reserve
from schemas.events.resolving import (
    Apart,
    Assign,
    Attach,
    BindingChanged,
    Claim,
    Companion,
    Contested,
    Erased,
    FactsMoved,
    HistoryMoved,
    Link,
    Login,
    Meet,
    Named,
    Owner,
)
from schemas.events.touchpoints import TouchpointDeleted, TouchpointRecorded
from schemas.events.weights import PathCounted, WeightsVersion

MAX_FACT_BYTES = 1_000_000
"""Larger facts are refused by intake; the topic takes twice as much, so that a refused one can be kept."""

Kind = Literal["fact", "accepted", "inbox", "platform", "order"]


PARTITIONS = 2
"""Of a topic that is spread by key: as many processes can share a stage. Each costs the brokers requests with every
transaction (DECISIONS 45): a small machine does better with few."""


@dataclass(frozen=True)
class Topic:
    """One Kafka topic. ``key`` names the fields that follow the workspace in a record's key.

    ``partitions`` is 1 where all records are to keep one order; elsewhere a deployment may have more (``count``).
    """

    name: str
    kind: Kind
    types: tuple[type[Message], ...]
    key: tuple[str, ...]
    partitions: int = PARTITIONS
    retention_days: int | None = None
    compacted: bool = False
    max_bytes: int = 2_000_000

    @cached_property
    def personal(self) -> bool:
        """Whether a record may hold personal data."""
        return any(has_personal_data(type_) for type_ in self.types)

    @property
    def config(self) -> dict[str, str]:
        """The topic's settings at the broker, all explicit."""
        retention = "-1" if self.retention_days is None else str(self.retention_days * 86_400_000)
        return {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": retention,
            "retention.bytes": "-1",
            "max.message.bytes": str(self.max_bytes),
            "message.timestamp.type": "LogAppendTime",
        }

    def count(self, asked: int | None) -> int:
        """How many partitions it has in a deployment that asks for so many of topics that are spread by key."""
        return self.partitions if asked is None or self.partitions == 1 else asked

    def key_of(self, event: Event) -> str:
        """The record key of an event in this topic: ``workspace/field[:field…]``."""
        return f"{event.workspace_id}/" + ":".join(str(getattr(event, name)) for name in self.key)


def _fact(name: str, *types: type[Event], partitions: int = PARTITIONS) -> Topic:
    return Topic(name, "fact", types, types[0].natural_key, partitions)


FACTS: tuple[Topic, ...] = (
    _fact("leads", LeadCaptured, LeadUpdated),
    _fact("touchpoints", TouchpointRecorded, TouchpointDeleted),
    _fact("clicks", ClickRecorded),
    _fact("bookings", BookingChanged),
    _fact("consents", ConsentChanged, partitions=1),
    _fact("outreach", OutreachRequested, partitions=1),
    _fact("deliveries", DeliveryReported, partitions=1),
    _fact("spend", SpendReported, partitions=1),
    _fact("messages", MessageReceived, partitions=1),
    _fact("properties", PropertyListed, partitions=1),
    _fact("content", ContentProposed, partitions=1),
    _fact("approvals", ApprovalDecided, partitions=1),
    _fact("identities", IdentitiesLinked, IdentitiesSplit, ErasureRequested, partitions=1),
    _fact("rates", ExchangeRateSet, partitions=1),
    _fact("risks", CancellationRisk, partitions=1),
    _fact("policies", PolicyChanged, IdentitySweepOrdered, partitions=1),
    _fact("alerts", AlertRaised, partitions=1),
)

ACCEPTED_PREFIX = "accepted."

ACCEPTED: tuple[Topic, ...] = tuple(
    Topic(ACCEPTED_PREFIX + fact.name, "accepted", fact.types, ("lead_id",), fact.partitions) for fact in FACTS
)


def _inbox(name: str, key: tuple[str, ...], *messages: type[Message], partitions: int = PARTITIONS) -> Topic:
    return Topic(name, "inbox", (*messages, Tick), key, partitions, retention_days=14, max_bytes=3_000_000)


_ALL_FACTS = tuple(type_ for fact in FACTS for type_ in fact.types)
_RESOLVING = (Link, Meet, FactsMoved, Assign, Named, Apart, Erased, Login, Contested, Owner, Companion, Claim, Attach)
_RESERVING = (ConsentNoted, Reserve, Release)
_LEADING = (BindingChanged, HistoryMoved, ConsentTold, Granted, Refused, EffectDone)

INBOXES: tuple[Topic, ...] = (
    _inbox("resolve.inbox", ("subject",), *_ALL_FACTS, *_RESOLVING, *_RESERVING),
    _inbox("journeys", ("lead_id",), *_ALL_FACTS, *_LEADING),
    _inbox("ledger.inbox", ("booking_id",), PathChanged, CancellationRisk),
    _inbox("campaign.inbox", ("campaign_id", "day"), CellChanged, TouchCounted, SpendReported),
    _inbox("workspace.inbox", ("workspace_id",), PathCounted, partitions=1),
)

PLATFORM: tuple[Topic, ...] = (
    Topic("lead.profiles", "platform", (LeadProfiled,), ("lead_id",), compacted=True),
    Topic("identity.sightings", "platform", (IdentifierSighted, LinkObserved), ("identifier",)),
    Topic("identity.bindings", "platform", (IdentifierBound,), ("identifier",)),
    Topic("identity.changes", "platform", (LeadMerged, LeadSplit), ("lead_id",)),
    Topic("identity.conflicts", "platform", (IdentityConflict,), ("conflict_id",), partitions=1),
    Topic("lead.scores", "platform", (LeadScored,), ("lead_id",)),
    Topic("lead.temperatures", "platform", (TemperatureChanged,), ("lead_id",)),
    Topic("lead.routes", "platform", (LeadRouted,), ("lead_id",)),
    Topic("contact.requests", "platform", (ContactProposed,), ("lead_id",)),
    Topic("contact.decisions", "platform", (ContactDecided,), ("message_id",)),
    Topic("approval.requests", "platform", (ApprovalRequested, ApprovalConcluded), ("lead_id",), partitions=1),
    Topic("lead.replies", "platform", (LeadReplied,), ("lead_id",), partitions=1),
    Topic("effects.requests", "platform", (EffectRequested,), ("target",)),
    Topic("effects.results", "platform", (EffectDone,), ("request_id",)),
    Topic("attribution.credits", "platform", (CreditsPosted,), ("booking_id",)),
    Topic("attribution.weights", "platform", (WeightsVersion,), ("model",), partitions=1),
    Topic("revenue.attribution", "platform", (RevenueAttributed,), ("campaign_id",)),
    Topic("campaign.metrics", "platform", (CampaignMeasured,), ("campaign_id",)),
    Topic("incidents", "platform", (IncidentRaised,), ("lead_id",), partitions=1),
    Topic("sweeps", "platform", (SweepFinished,), ("stage",), partitions=1),
    Topic("stage.counts", "platform", (StageCounted,), ("stage",), partitions=1),
    Topic("dead.letters", "platform", (DeadLettered,), ("topic",), partitions=1, max_bytes=3_000_000),
)

QUARANTINE = Topic(
    "quarantine", "order", (QuarantineOrdered,), ("topic", "partition", "offset"), partitions=1, compacted=True
)
"""Operators' orders to set facts aside; stages read all of it before they begin."""

TOPICS: dict[str, Topic] = {topic.name: topic for topic in (*FACTS, *ACCEPTED, *INBOXES, *PLATFORM, QUARANTINE)}

FACT_TOPIC: dict[type[Message], Topic] = {type_: topic for topic in FACTS for type_ in topic.types}
"""The fact topic of each fact type."""

PLATFORM_TOPIC: dict[type[Message], Topic] = {type_: topic for topic in PLATFORM for type_ in topic.types}
"""The topic of each type that the platform publishes; messages between stages are absent: they have an inbox only."""

MESSAGES: dict[str, type[Message]] = {type_.__name__: type_ for topic in TOPICS.values() for type_ in topic.types}
"""Every type that travels, by name."""
