"""Runs of the whole topology on a virtual clock, and what came of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from models.identity import STRONG
from schemas.codec import decode, encode
from schemas.events.base import DAY, Event, Message
from schemas.events.bookings import BookingChanged
from schemas.events.campaigns import CampaignMeasured
from schemas.events.decisions import TemperatureChanged
from schemas.events.identity import IdentifierBound, IdentifierSighted, IdentityConflict, LinkObserved
from schemas.events.ledger import CreditsPosted
from schemas.events.operations import DeadLettered
from schemas.events.profiles import LeadProfiled
from schemas.events.weights import WeightsVersion
from schemas.topics import ACCEPTED, FACT_TOPIC, FACTS, TOPICS
from streams.driver import Driver, Slot
from streams.records import OutRecord
from streams.stage import Stage
from streams.topology import topology

IDENTITY_KEY = bytes(range(32))
STAGES = topology(IDENTITY_KEY)
FAR = 1_000 * DAY
"""So long after a run's last instant that nothing is left to happen."""

M = TypeVar("M", bound=Message)


@dataclass
class Run:
    """A driver, with all the facts that were published to it."""

    driver: Driver
    published: list[Event] = field(default_factory=list)

    def publish(self, fact: Event, *, arrived_at: int | None = None, settle: bool = True, topic: str = "") -> None:
        """Let a fact arrive: now, or when what it says had happened if that is later."""
        self.published.append(fact)
        if isinstance(fact, WeightsVersion):
            self._learn(fact, settle=settle)
            return
        at = arrived_at if arrived_at is not None else max(self.driver.now, _happened(fact))
        topic = topic or FACT_TOPIC[type(fact)].name
        self.driver.publish(topic, fact.event_id, encode(fact), at, settle=settle)

    def _learn(self, weights: WeightsVersion, *, settle: bool) -> None:
        """What the workspace stage says of itself only after hundreds of conversions."""
        self.driver.now = max(self.driver.now, weights.occurred_at)
        for partition in range(TOPICS["ledger.inbox"].partitions):
            self.driver.append(OutRecord("ledger.inbox", f"{weights.workspace_id}/", encode(weights), partition))
        if settle:
            self.driver.settle()

    def finish(self, ticks: int = 12) -> None:
        """Let so much time pass that every timer and every sweep is done."""
        self.driver.settle()
        end = max([self.driver.now, *(fact.occurred_at for fact in self.published)]) + FAR
        for place in range(ticks):
            self.driver.tick(end + place)

    def said(self, topic: str, type_: type[M]) -> list[M]:
        """All messages of a type in a topic, partition by partition."""
        found = (decode(value).message for value in self.driver.values(topic))
        return [message for message in found if isinstance(message, type_)]

    def dead_letters(self) -> list[DeadLettered]:
        """All dead letters."""
        return self.said("dead.letters", DeadLettered)

    def count(self, stage: str, topic: str, outcome: str) -> int:
        """How many facts of a topic had an outcome (``*`` at its end: any that begins so) in a stage."""
        start = outcome.rstrip("*")
        fits = str.startswith if outcome.endswith("*") else str.__eq__
        return sum(n for (s, t, _, o), n in self.driver.counts.items() if (s, t) == (stage, topic) and fits(o, start))


def _happened(fact: Event) -> int:
    return max(fact.occurred_at, fact.booked_at or 0) if isinstance(fact, BookingChanged) else fact.occurred_at


def new_run(chooser: Callable[[Sequence[Slot]], Slot] | None = None, stages: Sequence[Stage] = STAGES) -> Run:
    """A run that nothing has happened in yet."""
    return Run(Driver(stages, chooser))


# -- the settled view: what of a run does not depend on the order in which things came


def outcomes(run: Run) -> dict[str, set[str]]:
    """What became of each fact, by event id."""
    found: dict[str, set[str]] = defaultdict(set)
    for topic in FACTS:
        for fact in run.said(f"accepted.{topic.name}", Event):
            found[fact.event_id].add("accepted")
    for letter in run.dead_letters():
        found[letter.fact_id or ""].add(f"{letter.stage}: {letter.reason}")
    return dict(found)


def leads(run: Run) -> dict[str, frozenset[str]]:
    """The identifiers of each lead, as its newest profile says; a lead that nobody belongs to is none."""
    newest: dict[str, LeadProfiled] = {}
    for profile in run.said("lead.profiles", LeadProfiled):
        if profile.lead_id not in newest or newest[profile.lead_id].version < profile.version:
            newest[profile.lead_id] = profile
    return {
        lead: frozenset(one.hash for one in profile.identifiers)
        for lead, profile in newest.items()
        if profile.identifiers
    }


def strong_leads(run: Run) -> dict[str, frozenset[str]]:
    """The strong identifiers of each lead that has any; whether a profile tells of a weak one depends on the order."""
    strong = {
        one.hash
        for profile in run.said("lead.profiles", LeadProfiled)
        for one in profile.identifiers
        if one.kind in STRONG
    }
    return {lead: there for lead, identifiers in leads(run).items() if (there := identifiers & strong)}


def sightings(run: Run) -> dict[str, tuple[int, str, str, str]]:
    """(When, fact, home region, kind) by strong identifier, as the stores keep it."""
    told = run.said("identity.sightings", IdentifierSighted)
    found = sorted((one.identifier, one.occurred_at, one.fact_id, str(one.home), str(one.kind)) for one in told)
    return {identifier: first for identifier, *first in reversed(found)}  # type: ignore[misc]


def observed_links(run: Run) -> dict[tuple[str, str], tuple[int, str]]:
    """(When, fact) by pair of strong identifiers, as the stores keep it.

    Of a pair each fact is told once; again only where an erasure of either has made what was known of it forgotten.
    """
    told = run.said("identity.sightings", LinkObserved)
    found = sorted((one.identifier, one.other, one.occurred_at, one.fact_id) for one in told)
    erased = {one.identifier for one in run.said("identity.bindings", IdentifierBound) if one.why == "erased"}
    twice = [link for link, count in Counter(found).items() if count > 1 and not {*link[:2]} & erased]
    assert not twice, "a link was told twice"
    return {(one, other): (at, fact_id) for one, other, at, fact_id in reversed(found)}


Conflict = tuple[str, tuple[str, ...]]


def bindings(run: Run) -> dict[str, list[tuple[int, str]]]:
    """(Since, lead) by identifier, of the newest version of its binding."""
    newest: dict[str, int] = {}
    rows: dict[str, list[tuple[int, str]]] = {}
    for bound in run.said("identity.bindings", IdentifierBound):
        if bound.version > newest.get(bound.identifier, -1):
            newest[bound.identifier], rows[bound.identifier] = bound.version, []
        if bound.version == newest[bound.identifier]:
            rows[bound.identifier].append((bound.since, bound.lead_id))
    return rows


def claims(run: Run) -> dict[str, list[tuple[int, str]]]:
    """The bindings, to leads that do not bear their name, of identifiers that have brought facts.

    Which others there are depends on the order: of more than eight weak ones that were used together some are left out.
    """
    values = (value for topic in ACCEPTED for value in run.driver.values(topic.name))
    brought = {getattr(decode(value).prefix, "identifier", None) for value in values}
    booked = {one.identifier for one in run.said("identity.bindings", IdentifierBound) if one.kind == "booking"}
    return {
        identifier: rows
        for identifier, rows in bindings(run).items()
        if identifier in brought - booked and rows != [(0, identifier)]
    }


def open_conflicts(run: Run) -> set[Conflict]:
    """What is open, by the newest word on each conflict."""
    newest: dict[str, IdentityConflict] = {}
    for one in run.said("identity.conflicts", IdentityConflict):
        if one.conflict_id not in newest or newest[one.conflict_id].version < one.version:
            newest[one.conflict_id] = one
    return {(one.kind, tuple(one.identifiers)) for one in newest.values() if one.open}


Move = tuple[int, str | None, str, str]


def temperatures(run: Run) -> dict[str, list[Move]]:
    """Each lead's temperature history by event time: (instant, before, after, reason), restatements applied."""
    told: dict[str, list[TemperatureChanged]] = defaultdict(list)
    for record in run.said("lead.temperatures", TemperatureChanged):
        told[record.lead_id].append(record)
    return {lead: history for lead, records in told.items() if (history := settled(records))}


def settled(records: Iterable[TemperatureChanged]) -> list[Move]:
    """The history that a lead's records tell, read in their order."""
    stands: list[Move] = []
    in_order = sorted(records, key=lambda one: one.seq)
    assert [one.seq for one in in_order] == list(range(1, len(in_order) + 1))
    for record in in_order:
        if record.restates_from is not None:
            void = record.restates_from
            stands = [move for move in stands if move[0] < void]
        if record.temperature not in (record.previous, "none"):
            stands.append((record.occurred_at, record.previous, record.temperature, record.reason))
    return stands


Sums = dict[tuple[Any, ...], tuple[int, int]]


def ledger(run: Run, until: int | None = None) -> Sums:
    """Sums of all lines by booking, model, basis, instant (left out where ``until`` bounds it) and account."""
    sums: Counter[tuple[Any, ...]] = Counter()
    reporting: Counter[tuple[Any, ...]] = Counter()
    for posting in run.said("attribution.credits", CreditsPosted):
        for line in posting.lines:
            if until is not None and line.effective_at > until:
                continue
            key = (
                posting.booking_id,
                line.model,
                line.basis,
                *((line.effective_at,) if until is None else ()),
                line.account,
                line.channel,
                line.campaign_id or "",
                line.content_id or "",
                line.variant_id or "",
                line.touch_day,
                line.conversion_day,
                line.currency,
                line.reporting_currency,
            )
            sums[key] += line.amount_minor
            reporting[key] += line.reporting_minor
    return {key: (sums[key], reporting[key]) for key in sums if (sums[key], reporting[key]) != (0, 0)}


def touches(run: Run) -> dict[str, tuple[int, int, int]]:
    """Touches, impressions and clicks of each campaign that has any, over all its days.

    Which day a touch counts for may depend on when a policy that moves the past to another zone became known.
    """
    newest: dict[tuple[str, str, int], CampaignMeasured] = {}
    for told in sorted(run.said("campaign.metrics", CampaignMeasured), key=lambda one: one.seq):
        newest[told.workspace_id, told.campaign_id, told.day] = told
    sums: dict[str, tuple[int, int, int]] = {}
    for (workspace, campaign, _), told in newest.items():
        before = sums.get(f"{workspace}/{campaign}", (0, 0, 0))
        sums[f"{workspace}/{campaign}"] = (
            before[0] + told.touches, before[1] + told.impressions, before[2] + told.clicks
        )  # fmt: skip
    return {campaign: counts for campaign, counts in sums.items() if counts != (0, 0, 0)}


@dataclass(frozen=True)
class View:
    """All that must be the same however the facts came."""

    outcomes: dict[str, set[str]]
    leads: dict[str, frozenset[str]]
    claims: dict[str, list[tuple[int, str]]]
    conflicts: set[Conflict]
    temperatures: dict[str, list[Move]]
    ledger: Sums
    touches: dict[str, tuple[int, int, int]]


def view(run: Run) -> View:
    """The settled view of a finished run."""
    return View(
        outcomes(run),
        strong_leads(run),
        claims(run),
        open_conflicts(run),
        temperatures(run),
        ledger(run),
        touches(run),
    )
