"""Do all agree? Kafka's offsets, the stages' own counts, ClickHouse and Postgres, to the record and the minor unit.

Pure comparison of figures that others fetched; every difference is named.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.topics import FACTS
from streams.report.credited import owing

Rows = list[dict[str, Any]]
Figures = Mapping[str, Rows]
Counts = Mapping[tuple[Any, ...], int]

_ADMITTING = ("intake", "resolve")
_DEAD = "dead:"


@dataclass(frozen=True)
class FactTopic:
    """A fact topic's records and what became of them."""

    name: str
    records: int
    accepted: int
    duplicates: int
    dead_letters: int

    @property
    def difference(self) -> int:
        """Records of which nobody says what became of them."""
        return self.records - self.accepted - self.duplicates - self.dead_letters


@dataclass(frozen=True)
class Check:
    """One comparison: what of whom, how many figures, and those that differ, in words."""

    name: str
    compared: int
    differences: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reconciliation:
    """All comparisons, the fact topics one by one, and what stages after resolve dropped or refused."""

    topics: list[FactTopic]
    checks: list[Check]
    later: dict[str, int]

    @property
    def differences(self) -> list[str]:
        """Every difference; empty when all agree."""
        return [difference for check in self.checks for difference in check.differences]


def reconcile(records: Mapping[str, int], postgres: Figures, clickhouse: Figures) -> Reconciliation:
    """Compare everything. ``records``: how many records each fact topic holds."""
    counts = clickhouse["stage_counts"]
    topics = [_topic(fact.name, records.get(fact.name, 0), counts) for fact in FACTS]
    checks = [
        Check(
            "records = accepted + duplicates + dead",
            len(topics),
            [f"{one.name}: {one.difference:+,} records unaccounted for" for one in topics if one.difference],
        ),
        _same(
            "accepted = ClickHouse rows, per fact type",
            ("accepted", _accepted(counts)),
            ("rows", _by(clickhouse["rows"], ("topic", "type"), "rows")),
        ),
        _same(
            "ClickHouse rows = different events",
            ("rows", _by(clickhouse["rows"], ("topic", "type"), "rows")),
            ("events", _by(clickhouse["rows"], ("topic", "type"), "events")),
        ),
        _same("dead letters: counted = ClickHouse", ("counted", _refused(counts)),
              ("ClickHouse", _letters(clickhouse, own=False))),
        _same("dead letters: Postgres = ClickHouse", ("Postgres", _letters(postgres)),
              ("ClickHouse", _letters(clickhouse))),
    ]  # fmt: skip
    for name, keys, values in _STORES:
        for value in values:
            label = f"{_TITLES.get(name, name)} ({value.replace('_', ' ')}): Postgres = ClickHouse"
            pair = ("Postgres", _by(postgres[name], keys, value)), ("ClickHouse", _by(clickhouse[name], keys, value))
            checks.append(_same(label, *pair))
    checks += [_balanced(postgres["ledger"]), _revenue(postgres, "least"), _revenue(postgres, "most")]
    return Reconciliation(topics, checks, _later(counts))


_STORES = (
    ("leads", ("workspace_id", "region"), ("leads",)),
    ("bookings", ("workspace_id", "property_id", "market_segment", "status", "currency"),
     ("bookings", "amount_minor", "net_minor")),
    ("ledger", ("workspace_id", "model", "basis", "account_kind", "channel", "campaign_id", "currency",
                "reporting_currency"), ("lines", "amount_minor", "reporting_minor")),
    ("temperatures", ("workspace_id", "temperature"), ("leads",)),
    ("routes", ("workspace_id", "route"), ("leads",)),
    ("decisions", ("workspace_id", "decision", "reason", "channel"), ("messages",)),
    ("approvals", ("workspace_id", "outcome"), ("approvals",)),
    ("consents", ("workspace_id", "channel", "purpose"), ("changes", "granted")),
    ("bindings", ("workspace_id", "kind"), ("identifiers",)),
    ("changes", ("workspace_id", "change"), ("changes",)),
    ("conflicts", ("workspace_id", "kind"), ("conflicts",)),
    ("campaigns", ("workspace_id", "campaign_id", "reporting_currency"),
     ("days", "touches", "clicks", "conversions_ppm", "revenue_minor", "spend_minor")),
)  # fmt: skip
_TITLES = {"bindings": "identities", "changes": "identities", "conflicts": "identities"}


def _topic(name: str, records: int, counts: Rows) -> FactTopic:
    of = Counter[str]()
    for row in counts:
        if row["topic"] == name and row["stage"] in _ADMITTING:
            of[row["outcome"].partition(":")[0]] += row["count"]
    return FactTopic(name, records, of["accepted"], of["duplicate"], of["dead"])


def _accepted(counts: Rows) -> Counts:
    return _by((row for row in counts if row["outcome"] == "accepted"), ("topic", "type"), "count")


def _refused(counts: Rows) -> Counts:
    refused = Counter[tuple[Any, ...]]()
    for row in counts:
        if row["outcome"].startswith(_DEAD):
            refused[row["stage"], row["topic"], row["outcome"].removeprefix(_DEAD)] += row["count"]
    return refused


def _letters(figures: Figures, *, own: bool = True) -> Counts:
    """Dead letters by stage, topic and reason; without ``own`` those that a door (an import) wrote by itself."""
    rows = (row for row in figures["dead_letters"] if own or (":" not in row["topic"] and row["topic"] != "stdin"))
    return _by(rows, ("stage", "topic", "reason"), "letters")


def _later(counts: Rows) -> dict[str, int]:
    later = Counter[str]()
    for row in counts:
        kind, _, reason = row["outcome"].partition(":")
        if kind == "drop" or (kind == "dead" and row["stage"] not in _ADMITTING):
            later[f"{row['stage']}: {'dropped' if kind == 'drop' else 'dead letter'} {reason}"] += row["count"]
    return dict(sorted(later.items()))


def _balanced(ledger: Rows) -> Check:
    """Every model, basis and currency of a workspace's ledger sums to zero, in both currencies."""
    name, keys = "ledger: credits + revenue = 0", ("workspace_id", "model", "basis")
    own = _by(ledger, (*keys, "currency"), "amount_minor")
    reporting = _by(ledger, (*keys, "reporting_currency"), "reporting_minor")
    off = [
        f"{name}: {what}{' '.join(map(str, key))}: {total:+,}"
        for what, sums in (("", own), ("as reported, ", reporting))
        for key, total in sums.items()
        if total
    ]
    return Check(name, len(own) + len(reporting), off)


def _revenue(postgres: Figures, which: str) -> Check:
    """What the models that credit a booking do, the least or the most of them, is what it is worth.

    Bookings whose policy credits no net revenue are left out.
    """
    documents = {(row["workspace_id"], row["version"]): row["document"] for row in postgres["policies"]}
    policies = {(row["workspace_id"], row["policy_version"]) for row in postgres["worth"]}
    owed = {policy for policy in policies if owing(documents.get(policy))}
    bookings = (row for row in postgres["worth"] if (row["workspace_id"], row["policy_version"]) in owed)
    worth = _by(bookings, ("workspace_id", "currency"), "net_minor")
    credited = _by(postgres["credited"], ("workspace_id", "currency"), which)
    return _same(f"ledger: {which} credited = worth of bookings", ("credited", credited), ("bookings", worth))


def _by(rows: Iterable[dict[str, Any]], keys: tuple[str, ...], value: str) -> Counts:
    sums = Counter[tuple[Any, ...]]()
    for row in rows:
        sums[tuple(row[key] for key in keys)] += row[value]
    return sums


def _same(name: str, left: tuple[str, Counts], right: tuple[str, Counts]) -> Check:
    (left_name, ours), (right_name, theirs) = left, right
    keys = sorted({*ours, *theirs}, key=str)
    off = [
        f"{name}: {' '.join(map(str, key))}: {left_name} {ours.get(key, 0):,}, {right_name} {theirs.get(key, 0):,}"
        for key in keys
        if ours.get(key, 0) != theirs.get(key, 0)
    ]
    return Check(name, len(keys), off)
