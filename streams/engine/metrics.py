"""What an engine shows of itself, in Prometheus' terms. Times are in seconds; fed once per batch or transaction."""

from __future__ import annotations

import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from schemas.codec import CodecError, decode
from schemas.events.base import Event
from schemas.events.operations import StageCounted
from streams.engine.inbox import Inbox
from streams.engine.owned import Owned, OwnedPartitions
from streams.records import InRecord

_FAST = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_SLOW = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 3_600, 86_400)


class Metrics:
    """The metrics of one process."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        stage, partition = ("stage",), ("stage", "topic", "partition")
        self.records = Counter("fineacers_records", "Records applied", partition, registry=registry)
        self.lag = Gauge(
            "fineacers_lag_records",
            "Offsets between position and end, a few markers of transactions included",
            partition,
            registry=registry,
        )
        self.restore = Gauge(
            "fineacers_restore_left_records", "Changelog offsets left to restore", partition, registry=registry
        )
        self.entries = Gauge("fineacers_state_entries", "Entries in the store, about", partition, registry=registry)
        self.bytes = Gauge("fineacers_state_bytes", "Bytes of the store on disk", partition, registry=registry)
        self.transactions = Histogram(
            "fineacers_transaction_seconds", "From first record to commit", stage, buckets=_FAST, registry=registry
        )
        self.commits = Histogram(
            "fineacers_commit_seconds", "Committing alone, store included", stage, buckets=_FAST, registry=registry
        )
        self.aborts = Counter("fineacers_aborts", "Transactions given up and done again", stage, registry=registry)
        self.dead_letters = Counter(
            "fineacers_dead_letters", "Records refused", ("stage", "topic", "reason"), registry=registry
        )
        self.duplicates = Counter(
            "fineacers_duplicates", "Facts that had come before, discarded", ("stage", "topic"), registry=registry
        )
        self.since_arrived = Histogram(
            "fineacers_latency_arrived_seconds",
            "From a fact's arrival to the commit of what this stage made of it; one record of each batch",
            partition,
            buckets=_SLOW,
            registry=registry,
        )
        self.since_occurred = Histogram(
            "fineacers_latency_occurred_seconds",
            "From when it occurred to the commit of what this stage made of it; one record of each batch",
            partition,
            buckets=_SLOW,
            registry=registry,
        )

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def restoring(self, stage: str, owned: OwnedPartitions) -> None:
        """Note how much is left to restore."""
        left = owned.left()
        for one in (one for one in owned if one.store is not None):
            self.restore.labels(stage, one.place[0], str(one.place[1])).set(left.get(one.place[1], 0))

    def committed(self, stage: str, worked: float, committing: float) -> None:
        """Note a transaction: seconds from its begin to its commit, and of the commit."""
        self.transactions.labels(stage).observe(worked)
        self.commits.labels(stage).observe(committing)

    def counted(self, account: StageCounted) -> None:
        """Note what a committed transaction refused and discarded, by the account that it gave of itself."""
        for one in account.counts:
            kind, _, reason = one.outcome.partition(":")
            if kind == "dead":
                self.dead_letters.labels(account.stage, one.topic, reason).inc(one.count)
            elif kind == "duplicate":
                self.duplicates.labels(account.stage, one.topic).inc(one.count)

    def moved(self, stage: str, moved: Sequence[Owned], inbox: Inbox) -> None:
        """Note what a transaction did for each partition that it moved; to be called before the next begins."""
        for owned in moved:
            labels = (stage, owned.place[0], str(owned.place[1]))
            position, end = owned.position or 0, inbox.end(owned.place)
            self.records.labels(*labels).inc(position - (owned.first or 0))
            self.lag.labels(*labels).set(max(0, (end or 0) - position))
            if owned.store is not None:
                entries, size = owned.store.size()
                self.entries.labels(*labels).set(entries)
                self.bytes.labels(*labels).set(size)
            if owned.last is not None:
                self._latency(labels, owned.last)

    def _latency(self, labels: tuple[str, str, str], record: InRecord) -> None:
        """Note how long ago the fact in a record occurred and arrived, if there is one in it."""
        try:
            message, prefix, _ = decode(record.value)
        except CodecError:
            return
        if isinstance(message, Event):
            now = time.time() * 1e6
            arrived = prefix.arrived_at if prefix is not None else record.timestamp
            self.since_arrived.labels(*labels).observe(max(0.0, (now - arrived) / 1e6))
            self.since_occurred.labels(*labels).observe(max(0.0, (now - message.occurred_at) / 1e6))
