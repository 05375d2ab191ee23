"""How long facts took from their arrival at the broker to what followed from them, by the broker's own clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from schemas.codec import decode
from schemas.events.base import Event
from schemas.events.routing import Accepted
from schemas.topics import ACCEPTED, TOPICS
from streams.report.backlog import Backlog, Offsets

TEMPERATURES = TOPICS["lead.temperatures"]
WATCHED = [topic.name for topic in (*ACCEPTED, TEMPERATURES)]
"""The topics that latencies are read from."""


@dataclass(frozen=True)
class Latency:
    """A way through the line and its latencies in milliseconds, ascending."""

    way: str
    milliseconds: Sequence[float]

    def quantile(self, share: float) -> float:
        """The latency that this share of the records does not exceed."""
        place = min(len(self.milliseconds) - 1, int(share * len(self.milliseconds)))
        return self.milliseconds[place] if self.milliseconds else 0.0


def latencies(backlog: Backlog, since: Offsets) -> list[Latency]:
    """Latencies of all that was written to ``WATCHED`` since some offsets."""
    arrived: dict[str, int] = {}
    accepted: list[float] = []
    decided: list[tuple[str | None, int]] = []
    for topic, written_at, value in backlog.records(since, backlog.ends(WATCHED)):
        message, prefix, _ = decode(value)
        assert isinstance(message, Event)
        if isinstance(prefix, Accepted):
            arrived[message.event_id] = prefix.arrived_at
            accepted.append((written_at - prefix.arrived_at) / 1_000)
        elif topic == TEMPERATURES.name:
            decided.append((message.cause_id, written_at))
    caused = [(at - arrived[cause]) / 1_000 for cause, at in decided if cause in arrived]
    return [
        Latency("fact arrived → accepted", sorted(accepted)),
        Latency("fact arrived → temperature changed", sorted(caused)),
    ]
