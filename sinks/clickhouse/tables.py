"""The tables of ClickHouse and their SQL, generated from the contracts.

    python -m sinks.clickhouse > sinks/clickhouse/migrations/001_tables.sql

One wide table for each fact topic, one for each topic of the platform that the sink reads; a contract test holds the
committed file against this function.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from schemas.events.base import Message
from schemas.events.ledger import Line
from schemas.events.routing import Accepted
from schemas.topics import ACCEPTED, ACCEPTED_PREFIX, PLATFORM, Topic
from sinks.clickhouse.columns import Column, columns, united
from sinks.clickhouse.splice import CHECK

DEDUPLICATION_WINDOW = 10_000
"""Blocks whose tokens a table remembers."""

STAGED_LINES = "ledger_postings"
LINES = "ledger_lines"

_ORDER = {
    "touchpoints": "workspace_id, occurred_at, touch_id",
    "bookings": "workspace_id, booking_id, revision",
    "spend": "workspace_id, campaign_id, day, revision",
    "properties": "workspace_id, property_id, revision",
    "identity_sightings": "identifier, type, occurred_at",
    "identifier_bindings": "identifier, since, version",
    "identity_changes": "workspace_id, lead_id, occurred_at",
    "identity_conflicts": "workspace_id, conflict_id, version",
    "lead_profiles": "workspace_id, lead_id, version",
    "lead_scores": "workspace_id, lead_id, seq",
    "lead_temperatures": "workspace_id, lead_id, seq",
    "lead_routes": "workspace_id, lead_id, seq",
    "contact_decisions": "workspace_id, occurred_at, message_id",
    "approval_requests": "workspace_id, approval_id, occurred_at",
    "attribution_weights": "workspace_id, model, version",
    "revenue_attribution": "workspace_id, campaign_id, conversion_day, cell_seq",
    "campaign_metrics": "workspace_id, campaign_id, day, seq",
    "stage_counts": "stage, at",
    "sweeps": "stage, at",
    "dead_letters": "topic, reason, arrived_at",
}
_NAME = {"identity.bindings": "identifier_bindings", "attribution.credits": STAGED_LINES}

# The prefix's other fields are the engine's own (its topic is the table).
_PREFIX = ("lead_id", "identifier", "arrived_at")
_COORDINATES = {"partition": "source_partition", "offset": "source_offset"}

_OWN = (
    Column("_partition", "Int32 CODEC(Delta, ZSTD(1))", "_partition"),
    Column("_offset", "Int64 CODEC(Delta, ZSTD(1))", "_offset"),
)
_TYPE = Column("type", "LowCardinality(String)", "type")
_CHECK = Column("_chk", "Int64 CODEC(Delta, ZSTD(1))", "_chk")


@dataclass(frozen=True)
class Table:
    """Where the records of one topic go."""

    name: str
    topic: Topic

    @property
    def holds(self) -> str:
        """The table in which its rows can be counted by offset."""
        return LINES if self.name == STAGED_LINES else self.name

    @cached_property
    def columns(self) -> list[Column]:
        """All columns in order, coordinates first."""
        return [*_OWN, _TYPE, *united(self._of(type_) for type_ in self.topic.types), _CHECK]

    def paths(self, type_: type[Message]) -> dict[str, str]:
        """Column by Avro path, for one type of the topic."""
        return {column.path: column.name for column in self._of(type_)}

    def names(self, type_: type[Message]) -> list[str]:
        """Columns that records of a type fill."""
        return [c.name for c in (*_OWN, _TYPE)] + list(self.paths(type_).values()) + [_CHECK.name]

    def _of(self, type_: type[Message]) -> list[Column]:
        if self.topic.kind != "accepted":
            # An event of the platform called `type`, `_offset` … would be hidden by ours; the contracts have none.
            return columns(type_)
        prefix = [c for c in columns(Accepted) if c.name in _PREFIX]
        coordinates = [
            Column(_COORDINATES[c.name], c.type, c.path) for c in columns(Accepted) if c.name in _COORDINATES
        ]
        taken = {column.name for column in prefix}
        return [*(c for c in columns(type_, "fact.") if c.name not in taken), *prefix, *coordinates]


def table_of(topic: Topic) -> Table:
    """The table of a topic: a fact topic's own name, else the topic's with underscores."""
    fact = topic.name.removeprefix(ACCEPTED_PREFIX)
    return Table(_NAME.get(topic.name, fact.replace(".", "_")), topic)


TABLES: dict[str, Table] = {topic.name: table_of(topic) for topic in (*ACCEPTED, *PLATFORM)}
"""The table of each topic that the sink reads."""


def create_statements() -> list[str]:
    """SQL of all tables and of the views that fill tables, each statement repeatable."""
    statements = [_POSITIONS, _HOURLY]
    for table in TABLES.values():
        statements.append(_create(table))
        if table.topic.kind == "accepted":
            statements.append(_hourly_view(table))
    return [*statements, _create_lines(), _lines_view()]


def _create(table: Table) -> str:
    body = [f"    {_quoted(column.name)} {column.type}" for column in table.columns]
    body += [f"    CONSTRAINT whole CHECK _chk = _offset + {CHECK}"]
    if table.name == STAGED_LINES:
        return f"CREATE TABLE IF NOT EXISTS {table.name}\n(\n" + ",\n".join(body) + "\n)\nENGINE = Null"
    default = "workspace_id, occurred_at"
    return _merge_tree(table.name, body, _ORDER.get(table.name, default))


def _merge_tree(name: str, body: list[str], order: str) -> str:
    index = "    INDEX by_offset (_partition, _offset) TYPE minmax GRANULARITY 1"
    return (
        f"CREATE TABLE IF NOT EXISTS {name}\n(\n"
        + ",\n".join([*body, index])
        + f"\n)\nENGINE = MergeTree\nORDER BY ({order})\n"
        + f"SETTINGS non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}"
    )


def _line_columns() -> list[tuple[str, str, str]]:
    """Name, type and expression of the columns of a ledger line."""
    staged = TABLES["attribution.credits"]
    posting = [c for c in staged.columns if c.name not in ("lines", "event_id", "type", "_chk", "source", "cause_id")]
    return [(c.name, c.type, _quoted(c.name)) for c in posting] + [
        (c.name, c.type, f"line.{_quoted(c.name)}") for c in columns(Line)
    ]


def _create_lines() -> str:
    body = [f"    {_quoted(name)} {type_}" for name, type_, _ in _line_columns()]
    return _merge_tree(LINES, body, "workspace_id, model, basis, booking_id, seq")


def _lines_view() -> str:
    picked = ",\n    ".join(
        name if name == expression.strip("`") else f"{expression} AS {_quoted(name)}"
        for name, _, expression in _line_columns()
    )
    return (
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS {LINES}_filled TO {LINES} AS\nSELECT\n    {picked}\n"
        f"FROM {STAGED_LINES}\nARRAY JOIN lines AS line"
    )


def _hourly_view(table: Table) -> str:
    return (
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS {table.name}_hourly TO events_hourly AS\n"
        f"SELECT workspace_id, region, '{table.name}' AS topic, type, toStartOfHour(occurred_at) AS hour, "
        f"count() AS events\nFROM {table.name}\nGROUP BY workspace_id, region, topic, type, hour"
    )


def _quoted(name: str) -> str:
    return f"`{name}`"


_POSITIONS = f"""CREATE TABLE IF NOT EXISTS sink_positions
(
    batch UInt64,
    owner UUID,
    topic LowCardinality(String),
    partition Int32,
    first Int64,
    end Int64,
    done Bool,
    cluster_id String,
    topic_id String,
    written_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC')
)
ENGINE = ReplacingMergeTree(batch)
ORDER BY (topic, partition, done)
SETTINGS non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}"""

_HOURLY = f"""CREATE TABLE IF NOT EXISTS events_hourly
(
    workspace_id LowCardinality(String),
    region LowCardinality(String),
    topic LowCardinality(String),
    type LowCardinality(String),
    hour DateTime('UTC'),
    events UInt64
)
ENGINE = SummingMergeTree
ORDER BY (workspace_id, topic, type, region, hour)
SETTINGS non_replicated_deduplication_window = {DEDUPLICATION_WINDOW}"""


def migration_text() -> str:
    """The text of the migration that makes all tables."""
    head = "-- Generated by `python -m sinks.clickhouse` from the contracts.\n\n"
    return head + ";\n\n".join(create_statements()) + ";\n"
