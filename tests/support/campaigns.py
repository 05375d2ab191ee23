"""One partition of the campaign stage, fed by hand, and what it is told, short to write."""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeVar

from schemas.codec import decode, encode, forward
from schemas.events.base import DAY, Event
from schemas.events.campaigns import CampaignMeasured, SpendReported, TouchCounted
from schemas.events.governance import ExchangeRateSet, PolicyChanged
from schemas.events.ledger import CellChanged
from schemas.events.operations import DeadLettered, Tick
from schemas.events.routing import Accepted
from schemas.ids import derived_id
from streams.partition import Partition
from streams.records import InRecord, OutRecord
from streams.routing import Router, inbox_key
from streams.store import MemoryStore
from tests.support.facts import at, fact, fresh_id
from tests.support.runs import STAGES, Run

STAGE = next(stage for stage in STAGES if stage.name == "campaign")
NOW = at("3-20")
CONVERTED = at("3-10") // DAY
TOUCHED = at("3-3") // DAY

E = TypeVar("E", bound=Event)


class Inbox:
    """A partition of ``campaign.inbox`` and all that came of it, ticks included."""

    def __init__(self, now: int = NOW) -> None:
        self.partition = Partition(STAGE, Router(STAGES), MemoryStore())
        self.said: list[OutRecord] = []
        self._offset = 0
        self.tick(now)

    def give(self, *events: Event) -> None:
        """Let events come, each in a transaction of its own."""
        for event in events:
            if isinstance(event, PolicyChanged | ExchangeRateSet):
                self._apply(f"{event.workspace_id}/", encode(event))
            elif isinstance(event, SpendReported):
                prefix = Accepted.build(
                    arrived_at=NOW, topic="spend", partition=0, offset=self._offset, lead_id=None, identifier=None,
                    identifiers=[], seq=0, ver=0,
                )  # fmt: skip
                self._apply(inbox_key("campaign.inbox", event, prefix), forward(prefix, encode(event)))
            else:
                self._apply(inbox_key("campaign.inbox", event), encode(event))

    def tick(self, now: int | None = None) -> None:
        """Let it be an instant, or a second later than it was."""
        at = self.partition.now + 1_000_000 if now is None else now
        self._apply("", encode(Tick.build(at=at)), at)

    def all(self, type_: type[E]) -> list[E]:
        """Everything of a type that was said, in order."""
        found = (decode(record.value).message for record in self.said)
        return [message for message in found if isinstance(message, type_)]

    def measured(self) -> list[CampaignMeasured]:
        """What was said of the days."""
        return self.all(CampaignMeasured)

    def refused(self) -> list[str]:
        """Reasons of dead letters."""
        return [letter.reason for letter in self.all(DeadLettered)]

    def _apply(self, key: str, value: bytes, arrived: int = NOW) -> None:
        self.said += self.partition.apply(InRecord("campaign.inbox", 0, self._offset, arrived, key, value))
        self._offset += 1
        self.partition.committed(self.partition.changes())


def cell(delta: int, reporting: int | None = None, **fields: Any) -> CellChanged:
    """A posting's change of a cell of campaign c1, in minor units; ``reporting``: as much as ``delta``."""
    given = {
        "posting_id": derived_id("posting", fresh_id()), "campaign_id": "c1", "channel": "search",
        "touch_day": TOUCHED, "day": CONVERTED, "model": "time_decay", "basis": "net", "currency": "AED",
        "reporting_currency": "AED", "known_at": NOW, "policy_version": 0, "weights_version": 0, "provisional": True,
    }  # fmt: skip
    deltas = {"delta_minor": delta, "delta_reporting_minor": delta if reporting is None else reporting}
    return fact(CellChanged, occurred_at="3-10 18:00", **deltas, **{**given, **fields})


def conversions(millionths: int, **fields: Any) -> CellChanged:
    """A posting's change of the conversions that campaign c1 is credited with."""
    return cell(millionths, 0, **{"basis": "count", "currency": None, **fields})


def counted(kind: str = "click", change: int = 1, hour: int = 9, **fields: Any) -> TouchCounted:
    """A touch of campaign c1 on the conversion day, or one taken back."""
    given = {"campaign_id": "c1", "channel": "search", "day": CONVERTED, **fields}
    return fact(TouchCounted, occurred_at="3-10 09:30", kind=kind, change=change, hour=hour, **given)


def spent(amount: int, revision: int = 1, currency: str = "AED", **fields: Any) -> SpendReported:
    """What campaign c1 cost on the conversion day."""
    given = {"campaign_id": "c1", "channel": "search", "day": CONVERTED, "revision": revision, **fields}
    return fact(SpendReported, occurred_at="3-11", amount_minor=amount, currency=currency, **given)


def measured(run: Run) -> dict[tuple[str, int], Counter[int]]:
    """Touches by campaign and day, and hour within, as the newest figures say it; days without any left out."""
    newest: dict[tuple[str, int], CampaignMeasured] = {}
    for one in sorted(run.said("campaign.metrics", CampaignMeasured), key=lambda each: each.seq):
        newest[one.campaign_id, one.day] = one
    return {day: Counter({one.hour: one.touches for one in told.hours}) for day, told in newest.items() if told.touches}
