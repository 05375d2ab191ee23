-- Views for people who ask. They run with the rights of whoever asks, so row-level security holds in them too.

CREATE VIEW current_bindings WITH (security_invoker) AS
SELECT DISTINCT ON (identifier) identifier, workspace_id, region, kind, lead_id, since, version, why
FROM identifier_bindings
ORDER BY identifier, version DESC, since DESC;
COMMENT ON VIEW current_bindings IS 'The binding of each identifier that holds for what happens now';

CREATE VIEW open_conflicts WITH (security_invoker) AS
SELECT c.conflict_id, c.workspace_id, c.region, c.kind, c.identifiers, c.occurred_at AS since, c.version,
       ARRAY(
           SELECT DISTINCT b.lead_id
           FROM unnest(c.identifiers) AS named (identifier)
           CROSS JOIN LATERAL (
               SELECT i.lead_id FROM identifier_bindings i WHERE i.identifier = named.identifier
               ORDER BY i.version DESC, i.since DESC LIMIT 1
           ) b
           ORDER BY b.lead_id
       ) AS leads
FROM identity_conflicts c
WHERE c.open;
COMMENT ON VIEW open_conflicts IS
    'What a person should look at: identifiers that facts would join and a rule does not, and the leads they are of';

CREATE VIEW current_bookings WITH (security_invoker) AS
SELECT b.workspace_id, b.booking_id, b.region, b.revision, b.status, b.amount_minor, b.retained_minor,
       CASE WHEN b.status IN ('booked', 'contracted', 'completed') THEN b.amount_minor ELSE b.retained_minor END
           AS net_minor,
       b.currency, b.booked_at, b.property_id, b.market_segment, b.starts_on, b.ends_on,
       coalesce(bound.lead_id, b.lead_id) AS lead_id, b.lead_id AS lead_id_at_arrival, b.identifier, b.occurred_at
FROM bookings b
LEFT JOIN LATERAL (
    SELECT i.lead_id FROM identifier_bindings i
    WHERE i.identifier = b.identifier AND i.since <= coalesce(b.booked_at, b.occurred_at)
    ORDER BY i.version DESC, i.since DESC LIMIT 1
) bound ON true;
COMMENT ON VIEW current_bookings IS 'Newest revision of each booking, its net amount, and the lead it belongs to today';

CREATE VIEW lead_overview WITH (security_invoker) AS
SELECT l.lead_id, l.workspace_id, l.region, l.owner_id, l.email_domain, l.country, l.channel, l.campaign_id,
       l.interest, l.budget_minor, l.currency, l.first_captured_at, t.temperature, t.occurred_at AS temperature_since,
       t.reason AS temperature_reason, s.score, s.reasons AS score_reasons, r.route
FROM leads l
LEFT JOIN temperatures t ON t.lead_id = l.lead_id AND t.temperature <> 'none'
LEFT JOIN scores s ON s.lead_id = l.lead_id
LEFT JOIN routes r ON r.lead_id = l.lead_id AND r.route <> 'none';
COMMENT ON VIEW lead_overview IS
    'Each lead with its temperature, score and route, without personal values; one merged away is no lead';

CREATE VIEW temperature_history WITH (security_invoker) AS
SELECT lead_id, workspace_id, region, occurred_at AS since, temperature, previous, reason, seq
FROM (
    SELECT c.*, min(restates_from) OVER (
        PARTITION BY lead_id ORDER BY seq ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS void_from
    FROM temperature_changes c
) kept
WHERE (void_from IS NULL OR occurred_at < void_from) AND temperature <> 'none';
COMMENT ON VIEW temperature_history IS
    'Temperature of each lead over event time, restated entries left out; a lead merged away has none';

CREATE VIEW revenue_by_channel WITH (security_invoker) AS
SELECT workspace_id, region, model, basis, channel, campaign_id, currency, reporting_currency,
       sum(amount_minor)::bigint AS amount_minor, sum(reporting_minor)::bigint AS reporting_minor,
       count(DISTINCT booking_id) AS bookings
FROM ledger_lines
WHERE account <> '(revenue)'
GROUP BY workspace_id, region, model, basis, channel, campaign_id, currency, reporting_currency;
COMMENT ON VIEW revenue_by_channel IS 'Credited revenue as known now; sums are meaningful within one model and basis';

CREATE VIEW revenue_by_booking WITH (security_invoker) AS
SELECT l.workspace_id, l.region, l.booking_id, b.lead_id, l.model, l.basis, l.channel, l.campaign_id, l.currency,
       l.reporting_currency, sum(l.amount_minor)::bigint AS amount_minor,
       sum(l.reporting_minor)::bigint AS reporting_minor
FROM ledger_lines l
LEFT JOIN current_bookings b USING (workspace_id, booking_id)
WHERE l.account <> '(revenue)'
GROUP BY l.workspace_id, l.region, l.booking_id, b.lead_id, l.model, l.basis, l.channel, l.campaign_id, l.currency,
         l.reporting_currency;
COMMENT ON VIEW revenue_by_booking IS 'Credited revenue of each booking as known now, with the lead of today';

-- Views with parameters are functions here. Each is one plain SELECT with the rights of whoever asks, so that it is
-- planned as part of the question and row-level security holds.

CREATE FUNCTION revenue(known_at timestamptz DEFAULT 'infinity', effective_before timestamptz DEFAULT 'infinity')
RETURNS TABLE (
    workspace_id text, region text, model text, basis text, channel text, campaign_id text, currency text,
    reporting_currency text, amount_minor bigint, reporting_minor bigint, bookings bigint
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT l.workspace_id, l.region, l.model, l.basis, l.channel, l.campaign_id, l.currency, l.reporting_currency,
           sum(l.amount_minor)::bigint, sum(l.reporting_minor)::bigint, count(DISTINCT l.booking_id)
    FROM ledger_lines l
    WHERE l.account <> '(revenue)'
      AND l.known_at <= revenue.known_at AND l.effective_at < revenue.effective_before
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
$$;
COMMENT ON FUNCTION revenue IS
    'Credited revenue by channel and campaign as known at an instant, for what was true before another';

CREATE FUNCTION revenue_by_day(known_at timestamptz DEFAULT 'infinity', effective_before timestamptz DEFAULT 'infinity')
RETURNS TABLE (
    workspace_id text, region text, model text, basis text, channel text, campaign_id text, touch_day date,
    conversion_day date, currency text, reporting_currency text, amount_minor bigint, reporting_minor bigint,
    bookings bigint
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT l.workspace_id, l.region, l.model, l.basis, l.channel, l.campaign_id, l.touch_day, l.conversion_day,
           l.currency, l.reporting_currency, sum(l.amount_minor)::bigint, sum(l.reporting_minor)::bigint,
           count(DISTINCT l.booking_id)
    FROM ledger_lines l
    WHERE l.account <> '(revenue)'
      AND l.known_at <= revenue_by_day.known_at AND l.effective_at < revenue_by_day.effective_before
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
$$;
COMMENT ON FUNCTION revenue_by_day IS 'The same by local day of the touch and of the conversion';

CREATE FUNCTION ledger_changes(known_since timestamptz, known_at timestamptz DEFAULT 'infinity')
RETURNS TABLE (
    workspace_id text, region text, reason text, model text, basis text, channel text, campaign_id text,
    currency text, reporting_currency text, gained_minor bigint, lost_minor bigint, amount_minor bigint,
    reporting_minor bigint, postings bigint, bookings bigint
)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT l.workspace_id, l.region, l.reason, l.model, l.basis, l.channel, l.campaign_id, l.currency,
           l.reporting_currency, coalesce(sum(l.amount_minor) FILTER (WHERE l.amount_minor > 0), 0)::bigint,
           coalesce(sum(l.amount_minor) FILTER (WHERE l.amount_minor < 0), 0)::bigint, sum(l.amount_minor)::bigint,
           sum(l.reporting_minor)::bigint, count(DISTINCT l.posting_id), count(DISTINCT l.booking_id)
    FROM ledger_lines l
    WHERE l.account <> '(revenue)'
      AND l.known_at > ledger_changes.known_since AND l.known_at <= ledger_changes.known_at
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
$$;
COMMENT ON FUNCTION ledger_changes IS
    'What the ledger learned after one instant, up to and with another, and why: revenue at the second less the first';

CREATE VIEW bookings_by_segment WITH (security_invoker) AS
SELECT workspace_id, region, property_id, market_segment, status, currency, count(*) AS bookings,
       sum(amount_minor)::bigint AS amount_minor,
       sum(CASE WHEN status IN ('booked', 'contracted', 'completed') THEN amount_minor ELSE retained_minor END)::bigint
           AS net_minor
FROM bookings
GROUP BY workspace_id, region, property_id, market_segment, status, currency;
COMMENT ON VIEW bookings_by_segment IS 'Bookings by their newest revision, per property, segment and status';

GRANT SELECT ON current_bindings, open_conflicts, current_bookings, lead_overview, temperature_history,
    revenue_by_channel, revenue_by_booking, bookings_by_segment TO fineacers_reader, fineacers_operator;
