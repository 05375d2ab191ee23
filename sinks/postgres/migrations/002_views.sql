-- Views for people who ask. They run with the rights of whoever asks, so row-level security holds in them too.

CREATE VIEW current_bindings WITH (security_invoker) AS
SELECT DISTINCT ON (identifier) identifier, workspace_id, region, kind, lead_id, since, version
FROM identifier_bindings
ORDER BY identifier, version DESC;
COMMENT ON VIEW current_bindings IS 'The newest binding of each identifier';

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
    ORDER BY i.version DESC LIMIT 1
) bound ON true;
COMMENT ON VIEW current_bookings IS 'Newest revision of each booking, its net amount, and the lead it belongs to today';

CREATE VIEW lead_overview WITH (security_invoker) AS
SELECT l.lead_id, l.workspace_id, l.region, l.owner_id, l.email_domain, l.country, l.channel, l.campaign_id,
       l.interest, l.budget_minor, l.currency, l.first_captured_at, t.temperature, t.occurred_at AS temperature_since,
       t.reason AS temperature_reason, s.score, s.reasons AS score_reasons, r.route
FROM leads l
LEFT JOIN temperatures t USING (lead_id)
LEFT JOIN scores s USING (lead_id)
LEFT JOIN routes r USING (lead_id);
COMMENT ON VIEW lead_overview IS 'Each lead with its temperature, score and route, without personal values';

CREATE VIEW temperature_history WITH (security_invoker) AS
SELECT lead_id, workspace_id, region, occurred_at AS since, temperature, previous, reason, seq
FROM (
    SELECT c.*, min(restates_from) OVER (
        PARTITION BY lead_id ORDER BY seq ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS void_from
    FROM temperature_changes c
) kept
WHERE void_from IS NULL OR occurred_at < void_from;
COMMENT ON VIEW temperature_history IS 'Temperature of each lead over event time, restated entries left out';

CREATE VIEW revenue_by_channel WITH (security_invoker) AS
SELECT workspace_id, region, model, basis, channel, campaign_id, currency, reporting_currency,
       sum(amount_minor)::bigint AS amount_minor, sum(reporting_minor)::bigint AS reporting_minor,
       count(DISTINCT booking_id) AS bookings
FROM ledger_lines
WHERE account <> '(revenue)'
GROUP BY workspace_id, region, model, basis, channel, campaign_id, currency, reporting_currency;
COMMENT ON VIEW revenue_by_channel IS 'Credited revenue as known now; sums are meaningful within one model and basis';

CREATE VIEW bookings_by_segment WITH (security_invoker) AS
SELECT workspace_id, region, property_id, market_segment, status, currency, count(*) AS bookings,
       sum(amount_minor)::bigint AS amount_minor,
       sum(CASE WHEN status IN ('booked', 'contracted', 'completed') THEN amount_minor ELSE retained_minor END)::bigint
           AS net_minor
FROM bookings
GROUP BY workspace_id, region, property_id, market_segment, status, currency;
COMMENT ON VIEW bookings_by_segment IS 'Bookings by their newest revision, per property, segment and status';

GRANT SELECT ON current_bindings, current_bookings, lead_overview, temperature_history, revenue_by_channel,
    bookings_by_segment TO fineacers_reader, fineacers_operator;
