"""Which message fills which tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from models.consent.statements import REACHED_BY
from schemas.codec import Decoded, header
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
from schemas.registry import committed_schema, latest_entry
from schemas.topics import ACCEPTED_PREFIX, FACT_TOPIC, PLATFORM_TOPIC
from sinks.delivery import Record
from sinks.postgres.table import Row, Table
from sinks.postgres.tables import (
    APPROVAL_CONCLUSIONS,
    APPROVAL_REQUESTS,
    BINDINGS,
    BOOKINGS,
    CAMPAIGN_DAYS,
    CHANGES,
    CONFLICTS,
    CONSENTS,
    CONTACT_DECISIONS,
    CONTACT_REQUESTS,
    DEAD_LETTERS,
    EFFECT_REQUESTS,
    EFFECT_RESULTS,
    IDENTIFIERS,
    INCIDENTS,
    LEAD_REPLIES,
    LEADS,
    LEDGER_LINES,
    LINKS,
    POLICIES,
    ROUTES,
    SCORES,
    SIGHTINGS,
    STATEMENTS,
    TEMPERATURE_CHANGES,
    TEMPERATURES,
)
from sinks.postgres.transcode import Transcoder, compile_transcoder

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

_POSTING = latest_entry(CreditsPosted.__name__)
BULK: dict[bytes, tuple[Table, Transcoder]] = {
    header(_POSTING): (
        LEDGER_LINES,
        compile_transcoder(committed_schema(_POSTING.type, _POSTING.version), LEDGER_LINES.columns),
    )
}
"""What makes the same rows without messages in between, by what the records begin with."""

TOPICS: tuple[str, ...] = tuple(
    dict.fromkeys(
        ACCEPTED_PREFIX + FACT_TOPIC[type_].name if type_ in FACT_TOPIC else PLATFORM_TOPIC[type_].name
        for type_ in ROWS
    )
)
"""The topics that fill these tables."""
