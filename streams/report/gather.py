"""Everything a report says, fetched once from Kafka and both stores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.events.operations import HIDDEN
from schemas.topics import FACTS
from sinks import ClickHouse, Postgres
from sinks.clickhouse import overview as clickhouse_overview
from sinks.clickhouse import queries as clickhouse_queries
from sinks.clickhouse.tables import TABLES
from sinks.postgres import queries as postgres_queries
from sinks.postgres.rows import TOPICS as POSTGRES_TOPICS
from streams.kafka import group_of
from streams.report.backlog import Backlog
from streams.report.reconcile import Figures, Reconciliation, Rows, reconcile
from streams.report.rest import Progress, Reader, stage_readers, wait
from streams.settings import Settings
from streams.stage import Stage


@dataclass(frozen=True)
class Report:
    """Figures of both stores and whether they agree. ``conflicts``: identities in doubt, by workspace and kind.

    ``receipt`` is one decision in full, none as long as there is none; ``waiting`` the approvals to be answered first.
    """

    overview: Figures
    clickhouse: Figures
    reconciliation: Reconciliation
    conflicts: Rows
    receipt: dict[str, Any] | None
    waiting: Rows


def come_to_rest(settings: Settings, stages: Sequence[Stage]) -> Iterator[Progress]:
    """Wait until every stage and both sinks have read all there is. Raises ``NotAtRest``."""
    with Backlog(settings) as backlog:
        yield from wait([*stage_readers(stages, backlog), *sink_readers(settings)], backlog)


def sink_readers(settings: Settings) -> list[Reader]:
    """Both sinks as readers of their topics."""
    postgres, clickhouse = servers(settings)
    return [
        Reader("sink postgres", POSTGRES_TOPICS, lambda: postgres_queries.positions(postgres)),
        Reader("sink clickhouse", tuple(TABLES), lambda: clickhouse_queries.positions(clickhouse)),
    ]


def gather(settings: Settings, known_at: datetime | None = None, effective_before: datetime | None = None) -> Report:
    """Fetch and compare. Figures are as of Postgres' positions; the ledger may be looked at as of another time."""
    postgres, clickhouse = servers(settings)
    offsets = _offsets_with_records_beyond_intake(settings)
    current = postgres_queries.figures(postgres)
    upto = {(row["topic"], row["partition"]): row["next_offset"] for row in current["positions"]}
    asked = clickhouse_queries.figures(clickhouse, upto)
    overview = clickhouse_overview.overview(clickhouse, known_at, effective_before)
    receipt = next(iter(current["receipt"]), None)
    hidden = Counter[str]()
    for row in asked["stage_counts"]:
        if row["outcome"] == HIDDEN:
            hidden[row["topic"]] += row["count"]
    agreed = reconcile({topic: count - hidden[topic] for topic, count in offsets.items()}, current, asked)
    return Report(overview, asked, agreed, current.get("conflicts", []), receipt, current["waiting"])


def _offsets_with_records_beyond_intake(settings: Settings) -> Counter[str]:
    """By fact topic: the offsets that intake has passed, and the records behind these.

    Offsets alone would not do: transactions of publishers leave marks, and records that were aborted. Of what lies
    behind it intake has counted that (``HIDDEN``); what lies before it is looked at.
    """
    facts = [fact.name for fact in FACTS]
    with Backlog(settings) as backlog:
        ends, read = backlog.ends(facts), backlog.committed(group_of("intake"), facts)
        found = Counter(topic for topic, _, _ in backlog.records(read, ends))
    for topic, number in ends:
        found[topic] += read.get((topic, number), 0)
    return found


def servers(settings: Settings) -> tuple[Postgres, ClickHouse]:
    """Both stores: Postgres with a login that may act as operator, ClickHouse with the reader's."""
    return Postgres(**settings.postgres("admin")), ClickHouse(**settings.clickhouse("reader"))
