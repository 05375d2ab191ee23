"""What every sink offers, and what can go wrong with one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from sinks.delivery import Batch, Positions, Range, Record


class SinkError(Exception):
    """The sink must stop; the message says why and which command to run."""


class Fenced(SinkError):
    """Another sink process has taken the store over."""

    def __init__(self, store: str, detail: str = "") -> None:
        more = f" ({detail})" if detail else ""
        super().__init__(
            f"another sink process has taken {store} over{more}: this one has stored nothing since. Only one "
            f"`fineacers sink {store}` may run for a store; end the other one and start this one again"
        )


class Unavailable(Exception):
    """The store does not answer, or cannot now: the same write may succeed later."""


Refuse = Callable[[Record, str, str], None]
"""Called with a record that the store cannot take, a reason code and a detail without values.

Returns when the record is safe as a dead letter; raises ``SinkError`` when there are too many.
"""


Write = Callable[[], None]
"""Stores rows and positions of a batch, both or neither; what is stored already changes nothing.

Raises:
    Fenced: another process has taken the store over.
    Unavailable: try the same again.
    SinkError: no retry will help.
"""


@dataclass(frozen=True)
class Log:
    """The Kafka cluster that a sink reads: offsets mean nothing in another one, nor in a topic made anew."""

    cluster_id: str
    topic_ids: Mapping[str, str]
    partitions: Mapping[str, int]

    def owners(self) -> dict[tuple[str, int], tuple[str, str]]:
        """Cluster id and topic id of each partition."""
        return {
            (topic, partition): (self.cluster_id, self.topic_ids[topic])
            for topic, count in self.partitions.items()
            for partition in range(count)
        }


@dataclass(frozen=True)
class Resume:
    """Where to go on: the positions, and ranges that must first be written again as one batch, exactly these."""

    positions: Positions
    pending: tuple[Range, ...] = ()


class Sink(Protocol):
    """A store that takes batches exactly once. ``SINKS`` names all of them."""

    store: str
    topics: tuple[str, ...]
    rest_seconds: float
    """How long the store is left alone between two batches, so that records gather: a batch has its price, too."""

    def open(self, log: Log) -> Resume:
        """Take the store over from any other process, and say where it stands.

        Raises:
            SinkError: what is stored came from another Kafka cluster or another topic of that name.
            Unavailable: the store does not answer.
        """

    def prepare(self, batch: Batch, refuse: Refuse) -> Write:
        """Do all of a batch's work that needs no store, and say how to store it: one prepared batch after the other,
        in order. The next batch may be prepared while another thread stores this one.

        Raises:
            Unavailable: try again.
            SinkError: no retry will help.
        """

    def close(self) -> None:
        """Let go of the store; what was not written is not stored."""


def require_same_log(store: str, stored: Mapping[tuple[str, int], tuple[str, str]], log: Log) -> None:
    """Check that the positions of a store are offsets of this very log.

    Args:
        stored: cluster id and topic id by topic and partition.

    Raises:
        SinkError: they are not.
    """
    for (topic, partition), known in stored.items():
        owner = log.owners().get((topic, partition))
        if owner is not None and owner != known:
            what = "Kafka cluster" if owner[0] != known[0] else f"topic {topic}"
            raise SinkError(
                f"{store} was filled from another {what} ({known[0]}/{known[1]}, now {owner[0]}/{owner[1]}), so its "
                f"positions mean nothing here. Point the sink at that Kafka, or fill the store anew with "
                f"`fineacers sink {store} --rebuild`"
            )
