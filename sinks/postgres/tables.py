"""Which message fills which table: columns, keys, and which of two rows with one key is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

from psycopg import sql

from models.consent.statements import REACHED_BY
from schemas.codec import Decoded
from schemas.events.base import Message
from schemas.events.bookings import BookingChanged
from schemas.events.campaigns import CampaignMeasured
from schemas.events.contact import ConsentChanged
from schemas.events.decisions import LeadRouted, LeadScored, TemperatureChanged
from schemas.events.effects import EffectDone, EffectRequested, LeadReplied
from schemas.events.gate import ApprovalConcluded, ApprovalRequested, ContactDecided, ContactProposed
from schemas.events.governance import (
    ErasureRequested,
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
from schemas.events.ledger import CreditsPosted
from schemas.events.operations import DeadLettered
from schemas.events.profiles import LeadProfiled
from schemas.events.routing import Accepted
from schemas.topics import ACCEPTED_PREFIX, FACT_TOPIC, PLATFORM_TOPIC
from sinks.delivery import Record
from sinks.postgres.copy import encoder

Row = tuple[Any, ...]
Values = dict[str, Any]


@dataclass(frozen=True)
class Table:
    """A table that the sink merges rows into: by ``key``, the greater ``newer`` wins, or the lesser ``older`` in the
    order of its columns (neither: the first row stays)."""

    name: str
    columns: tuple[tuple[str, str], ...]
    """Name and PostgreSQL type."""
    key: tuple[str, ...]
    newer: str | None = None
    afterwards: str | None = None
    """A statement that follows when all tables are merged."""
    beforehand: str | None = None
    """A statement that goes before the merge, when the rows have arrived."""
    older: tuple[str, ...] = ()

    @property
    def staged(self) -> str:
        """Name of the temporary table that rows arrive in."""
        return f"staged_{self.name}"

    @cached_property
    def row(self) -> Callable[[Values], Row]:
        """Values by name as a row."""
        return itemgetter(*(name for name, _ in self.columns))

    @cached_property
    def key_of(self) -> Callable[[Row], Any]:
        """The key of a row."""
        return itemgetter(*(self._index(name) for name in self.key))

    @cached_property
    def encode(self) -> Callable[[Iterable[Row]], bytes]:
        """Rows as a binary COPY stream."""
        return encoder(type_ for _, type_ in self.columns)

    def last_wins(self, rows: Iterable[Row]) -> list[Row]:
        """One row for each key: a merge statement may not meet a key twice."""
        kept: dict[Any, Row] = {}
        newer = None if self.newer is None else self._index(self.newer)
        older = [self._index(name) for name in self.older]
        for row in rows:
            key = self.key_of(row)
            held = kept.get(key)
            if (
                held is None
                or (newer is not None and row[newer] > held[newer])
                or (older and [row[place] for place in older] < [held[place] for place in older])
            ):
                kept[key] = row
        return list(kept.values())

    def _index(self, name: str) -> int:
        return [column for column, _ in self.columns].index(name)

    @cached_property
    def create_staged(self) -> sql.Composed:
        """The temporary table of a connection."""
        return sql.SQL("CREATE TEMP TABLE {} (LIKE {}) ON COMMIT DELETE ROWS").format(
            sql.Identifier(self.staged), sql.Identifier(self.name)
        )

    @cached_property
    def copy(self) -> sql.Composed:
        """COPY into the temporary table."""
        return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(self.staged), self._names())

    @cached_property
    def merge(self) -> sql.Composed:
        """From the temporary table into the real one."""
        act: sql.Composable = sql.SQL("DO NOTHING")
        better, than = ((self.newer,), ">") if self.newer is not None else (self.older, "<")
        if better:
            sets = sql.SQL(", ").join(
                sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name))
                for name, _ in self.columns
                if name not in self.key
            )
            arrived, held = (
                sql.SQL(", ").join(sql.Identifier(whose, name) for name in better) for whose in ("excluded", self.name)
            )
            act = sql.SQL("DO UPDATE SET {} WHERE ({}) {} ({})").format(sets, arrived, sql.SQL(than), held)
        return sql.SQL("INSERT INTO {0} ({1}) SELECT {1} FROM {2} ON CONFLICT ({3}) {4}").format(
            sql.Identifier(self.name),
            self._names(),
            sql.Identifier(self.staged),
            sql.SQL(", ").join(map(sql.Identifier, self.key)),
            act,
        )

    def _names(self) -> sql.Composed:
        return sql.SQL(", ").join(sql.Identifier(name) for name, _ in self.columns)


def _columns(text: str) -> tuple[tuple[str, str], ...]:
    """Columns written as ``type: name name; type: name``."""
    columns = []
    for group in text.split(";"):
        type_, _, names = group.partition(":")
        columns += [(name, type_.strip()) for name in names.split()]
    return tuple(columns)


_WHERE = "text: workspace_id region; timestamptz: occurred_at; "

LEADS = Table(
    "leads",
    _columns(
        _WHERE + "uuid: lead_id; int: version; text: crm_id email phone wa_id full_name email_domain country language "
        "time_zone owner_id property_id channel campaign_id interest currency financing; "
        "bigint: budget_minor timeframe_days; timestamptz: first_captured_at"
    ),
    ("lead_id",),
    "version",
    # An identifier that the newest profile no longer has belongs to another lead by now, and a lead without any is
    # no lead to show.
    """
    WITH gone AS (
        DELETE FROM identifiers i USING staged_leads s, leads l
        WHERE s.lead_id = l.lead_id AND i.lead_id = l.lead_id AND i.version < l.version
    )
    DELETE FROM leads l USING staged_leads s
    WHERE l.lead_id = s.lead_id
      AND NOT EXISTS (SELECT FROM identifiers i WHERE i.lead_id = l.lead_id AND i.version >= l.version)
    """,
)
IDENTIFIERS = Table(
    "identifiers",
    _columns("uuid: lead_id identifier; text: workspace_id region kind; int: version"),
    ("lead_id", "identifier"),
    "version",
)
SIGHTINGS = Table(
    "identifier_sightings",
    _columns("uuid: identifier fact_id; text: workspace_id region kind; timestamptz: occurred_at"),
    ("identifier",),
    older=("occurred_at", "fact_id"),
)
LINKS = Table(
    "identifier_links",
    _columns(_WHERE + "uuid: identifier other fact_id; text: kind other_kind fact_topic fact_source"),
    ("identifier", "other"),
    older=("occurred_at", "fact_id"),
)
STATEMENTS = Table(
    "identity_statements",
    _columns(_WHERE + "uuid: event_id; text: says source transfer_basis; uuid[]: identifiers others"),
    ("workspace_id", "event_id"),
)
BINDINGS = Table(
    "identifier_bindings",
    _columns("uuid: identifier lead_id; timestamptz: since; text: workspace_id region kind why; bigint: version"),
    ("identifier", "since"),
    "version",
)
CHANGES = Table(
    "identity_changes",
    _columns(_WHERE + "uuid: event_id lead_id into_lead_id; text: change decision; uuid[]: identifiers"),
    ("event_id",),
)
CONFLICTS = Table(
    "identity_conflicts",
    _columns(_WHERE + "uuid: conflict_id; text: kind; uuid[]: identifiers; bool: open; bigint: version"),
    ("conflict_id",),
    "version",
)
POLICIES = Table(
    "policies",
    _columns("text: workspace_id region document; int: version; timestamptz: applies_from occurred_at"),
    ("workspace_id", "version"),
)
SCORES = Table(
    "scores",
    _columns(_WHERE + "uuid: lead_id; int: seq; bigint: score budget urgency engagement readiness; text[]: reasons"),
    ("lead_id",),
    "seq",
)
TEMPERATURES = Table(
    "temperatures",
    _columns(_WHERE + "uuid: lead_id; int: seq; text: temperature previous reason"),
    ("lead_id",),
    "seq",
)
TEMPERATURE_CHANGES = Table(
    "temperature_changes",
    _columns(
        _WHERE + "uuid: lead_id; int: seq; text: temperature previous reason cause_id; timestamptz: restates_from"
    ),
    ("lead_id", "seq"),
)
ROUTES = Table(
    "routes", _columns(_WHERE + "uuid: lead_id; int: seq; text: temperature route reason"), ("lead_id",), "seq"
)
CONTACT_REQUESTS = Table(
    "contact_requests",
    _columns(_WHERE + "uuid: message_id lead_id; text: purpose; text[]: channels; timestamptz: not_after"),
    ("message_id",),
)
CONTACT_DECISIONS = Table(
    "contact_decisions",
    _columns(
        _WHERE + "uuid: event_id lead_id contact_point; int: seq; jsonb: checks; text[]: time_zones; "
        "text: message_id decision reason channel account_id purpose category template_id campaign_id step consent_id "
        "zone_source cause_id; bigint: policy_version cap cap_span used_before used_after propensity_ppm; "
        "timestamptz: requested_at not_after next_at"
    ),
    ("workspace_id", "message_id"),
    "seq",
)
CONSENTS = Table(
    "consents",
    _columns(
        _WHERE + "uuid: event_id lead_id contact_point; bool: granted has_evidence; timestamptz: arrived_at; "
        "text: consent_id channel purpose legal_basis jurisdiction source"
    ),
    ("workspace_id", "event_id"),
)
# A request and its conclusion are rows of their own, so that neither needs the other; the view approvals joins them.
APPROVAL_REQUESTS = Table(
    "approval_requests",
    _columns(
        _WHERE + "uuid: approval_id lead_id; text: temperature currency property_id owner_id; "
        "bigint: score value_minor value_inr_minor; timestamptz: answer_by"
    ),
    ("workspace_id", "approval_id"),
)
APPROVAL_CONCLUSIONS = Table(
    "approval_conclusions",
    _columns(_WHERE + "uuid: approval_id lead_id; text: tier reason decided_by"),
    ("workspace_id", "approval_id"),
)
LEAD_REPLIES = Table(
    "lead_replies",
    _columns(_WHERE + "uuid: reply_id lead_id; text: tier step; timestamptz: since"),
    ("workspace_id", "reply_id"),
)
EFFECT_REQUESTS = Table(
    "effect_requests",
    _columns(_WHERE + "uuid: request_id about_id lead_id; text: kind target about payload; timestamptz: not_after"),
    ("workspace_id", "request_id"),
)
EFFECT_RESULTS = Table(
    "effect_results",
    _columns(_WHERE + "uuid: request_id; text: outcome reason payload; bigint: tries"),
    ("workspace_id", "request_id"),
)
BOOKINGS = Table(
    "bookings",
    _columns(
        _WHERE + "text: booking_id status currency property_id market_segment; int: revision; "
        "bigint: amount_minor retained_minor; timestamptz: booked_at; date: starts_on ends_on; uuid: lead_id identifier"
    ),
    ("workspace_id", "booking_id"),
    "revision",
)
LEDGER_LINES = Table(
    "ledger_lines",
    _columns(
        "uuid: line_id posting_id lead_id; text: workspace_id region booking_id; int: seq _partition; "
        "timestamptz: known_at effective_at; text: model basis account channel campaign_id content_id variant_id "
        "currency reporting_currency rate_id reason; date: touch_day conversion_day; "
        "bigint: amount_minor reporting_minor policy_version weights_version _offset"
    ),
    ("line_id", "known_at"),
    beforehand="""
    SELECT ledger_month(month)
    FROM (SELECT DISTINCT date_trunc('month', known_at, 'UTC') AS month FROM staged_ledger_lines) months
    """,
)
CAMPAIGN_DAYS = Table(
    "campaign_days",
    _columns(
        _WHERE
        + "text: campaign_id channel reporting_currency; date: day; int: seq; bigint: touches impressions clicks "
        "conversions_ppm revenue_minor spend_minor ctr_ppm roi_ppm"
    ),
    ("workspace_id", "campaign_id", "day"),
    "seq",
)
INCIDENTS = Table(
    "incidents",
    _columns(_WHERE + "uuid: event_id lead_id; text: kind severity detail; bigint: touches days"),
    ("event_id",),
)
DEAD_LETTERS = Table(
    "dead_letters",
    _columns(
        _WHERE + "uuid: event_id fact_id; text: stage reason detail topic fact_type; bigint: partition offset; "
        "timestamptz: arrived_at; bytea: original"
    ),
    ("event_id",),
)

TABLES = (
    LEADS, IDENTIFIERS, SIGHTINGS, LINKS, STATEMENTS, BINDINGS, CHANGES, CONFLICTS, POLICIES, SCORES, TEMPERATURES,
    TEMPERATURE_CHANGES, ROUTES, CONTACT_REQUESTS, CONTACT_DECISIONS, CONSENTS, APPROVAL_REQUESTS, APPROVAL_CONCLUSIONS,
    LEAD_REPLIES, EFFECT_REQUESTS, EFFECT_RESULTS, BOOKINGS, LEDGER_LINES, CAMPAIGN_DAYS, INCIDENTS, DEAD_LETTERS,
)  # fmt: skip
"""In the order in which they are merged."""

Rows = Iterable[tuple[Table, Row]]


def _own_values(*tables: Table) -> Callable[[Decoded, Record], Rows]:
    def rows(decoded: Decoded, _record: Record) -> Rows:
        values = decoded.message.__dict__
        return [(table, table.row(values)) for table in tables]

    return rows


def _sighting_rows(decoded: Decoded, _record: Record) -> Rows:
    """A sighting's row is of the identifier's home region."""
    values = decoded.message.__dict__
    return [(SIGHTINGS, SIGHTINGS.row({**values, "region": values["home"]}))]


def _statement_rows(decoded: Decoded, _record: Record) -> Rows:
    """What somebody says of identifiers, by their hashes: each of ``identifiers`` of each of ``others``.

    A link joins its first one to the rest; an erasure is of each alone.
    """
    prefix, values = decoded.prefix, decoded.message.__dict__
    assert isinstance(prefix, Accepted), "an accepted topic holds nothing else"
    hashes = [one.hash for one in prefix.identifiers]
    says, mine = {
        IdentitiesLinked: ("linked", 1),
        IdentitiesSplit: ("split", len(values.get("take", ()))),
        ErasureRequested: ("erased", len(hashes)),
    }[type(decoded.message)]
    own = {
        "says": says,
        "transfer_basis": values.get("transfer_basis"),
        "identifiers": hashes[:mine],
        "others": hashes[mine:],
    }
    return [(STATEMENTS, STATEMENTS.row({**values, **own}))]


def _change_rows(change: str) -> Callable[[Decoded, Record], Rows]:
    def rows(decoded: Decoded, _record: Record) -> Rows:
        return [(CHANGES, CHANGES.row({**decoded.message.__dict__, "change": change}))]

    return rows


def _profile_rows(decoded: Decoded, _record: Record) -> Rows:
    values = decoded.message.__dict__
    yield LEADS, LEADS.row(values)
    for one in values["identifiers"]:
        yield IDENTIFIERS, IDENTIFIERS.row({**values, "identifier": one.hash, "kind": one.kind})


def _booking_rows(decoded: Decoded, _record: Record) -> Rows:
    prefix = decoded.prefix
    assert isinstance(prefix, Accepted), "an accepted topic holds nothing else"
    values = {**decoded.message.__dict__, "lead_id": prefix.lead_id, "identifier": prefix.identifier}
    return [(BOOKINGS, BOOKINGS.row(values))]


def _decision_rows(decoded: Decoded, _record: Record) -> Rows:
    values = decoded.message.__dict__
    checks = [check.model_dump(mode="json") for check in values["checks"]]
    return [(CONTACT_DECISIONS, CONTACT_DECISIONS.row({**values, "checks": checks}))]


def _consent_rows(decoded: Decoded, _record: Record) -> Rows:
    """A line of the ledger of consent: that there is evidence, and never its text, which is a person's."""
    prefix, values = decoded.prefix, decoded.message.__dict__
    assert isinstance(prefix, Accepted), "an accepted topic holds nothing else"
    of_kind = {one.kind: one.hash for one in reversed(prefix.identifiers)}
    points = (of_kind[kind] for kind in REACHED_BY[values["channel"]] if kind in of_kind)
    own = {
        "lead_id": prefix.lead_id,
        "arrived_at": prefix.arrived_at,
        "contact_point": next(points, None),
        "jurisdiction": values["jurisdiction"] or values["region"],
        "has_evidence": bool((values["evidence"] or "").strip()),
    }
    return [(CONSENTS, CONSENTS.row({**values, **own}))]


def _posting_rows(decoded: Decoded, record: Record) -> Rows:
    posting = {**decoded.message.__dict__, "_partition": record.partition, "_offset": record.offset}
    return [(LEDGER_LINES, LEDGER_LINES.row({**posting, **line.__dict__})) for line in posting["lines"]]


ROWS: dict[type[Message], Callable[[Decoded, Record], Rows]] = {
    LeadProfiled: _profile_rows,
    IdentifierSighted: _sighting_rows,
    LinkObserved: _own_values(LINKS),
    ErasureRequested: _statement_rows,
    IdentitiesLinked: _statement_rows,
    IdentitiesSplit: _statement_rows,
    IdentifierBound: _own_values(BINDINGS),
    LeadMerged: _change_rows("merged"),
    LeadSplit: _change_rows("split"),
    IdentityConflict: _own_values(CONFLICTS),
    PolicyChanged: _own_values(POLICIES),
    IdentitySweepOrdered: _own_values(),
    LeadScored: _own_values(SCORES),
    TemperatureChanged: _own_values(TEMPERATURES, TEMPERATURE_CHANGES),
    LeadRouted: _own_values(ROUTES),
    ContactProposed: _own_values(CONTACT_REQUESTS),
    ContactDecided: _decision_rows,
    ConsentChanged: _consent_rows,
    ApprovalRequested: _own_values(APPROVAL_REQUESTS),
    ApprovalConcluded: _own_values(APPROVAL_CONCLUSIONS),
    LeadReplied: _own_values(LEAD_REPLIES),
    EffectRequested: _own_values(EFFECT_REQUESTS),
    EffectDone: _own_values(EFFECT_RESULTS),
    BookingChanged: _booking_rows,
    CreditsPosted: _posting_rows,
    CampaignMeasured: _own_values(CAMPAIGN_DAYS),
    IncidentRaised: _own_values(INCIDENTS),
    DeadLettered: _own_values(DEAD_LETTERS),
}
"""The rows that each message type makes."""

TOPICS: tuple[str, ...] = tuple(
    dict.fromkeys(
        ACCEPTED_PREFIX + FACT_TOPIC[type_].name if type_ in FACT_TOPIC else PLATFORM_TOPIC[type_].name
        for type_ in ROWS
    )
)
"""The topics that fill these tables."""
