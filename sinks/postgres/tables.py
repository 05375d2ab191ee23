"""The tables that the sink fills: columns, keys, and which of two rows with one key is kept."""

from __future__ import annotations

from sinks.postgres.table import Table


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
        "zone_source cause_id unsubscribe; bigint: policy_version cap cap_span used_before used_after propensity_ppm; "
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
    # in the order of a posting's schema, for the transcoder
    _columns(
        "int: _partition; bigint: _offset; text: workspace_id region; uuid: posting_id; text: booking_id; "
        "uuid: lead_id; int: seq; timestamptz: known_at; text: reason; uuid: line_id; text: model basis; "
        "timestamptz: effective_at; text: account channel campaign_id content_id variant_id; "
        "date: touch_day conversion_day; bigint: amount_minor; text: currency; bigint: reporting_minor; "
        "text: reporting_currency rate_id; bigint: policy_version weights_version"
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
