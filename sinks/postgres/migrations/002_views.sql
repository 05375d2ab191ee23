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

CREATE FUNCTION lead_of_today(contact_point uuid, lead uuid, moment timestamptz) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(
    (SELECT i.lead_id FROM identifier_bindings i
     WHERE i.identifier = contact_point AND i.since <= moment ORDER BY i.version DESC, i.since DESC LIMIT 1),
    (SELECT lead WHERE EXISTS (SELECT FROM identifiers i WHERE i.lead_id = lead)),
    (SELECT i.lead_id FROM identifier_bindings i
     WHERE i.identifier = lead AND i.since <= moment ORDER BY i.version DESC, i.since DESC LIMIT 1),
    lead
);
COMMENT ON FUNCTION lead_of_today IS
    'Whom something of a moment belongs to today: whoever holds the contact point''s history, else the lead that it was '
    'of, or, as that was merged away, the one that took in the identifier that it was named after';

-- A time zone that PostgreSQL does not know must not take the whole view away, so that is caught, which SQL alone cannot.
CREATE FUNCTION clock_text(moment timestamptz, zone text) RETURNS text
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN to_char(moment AT TIME ZONE coalesce(zone, 'UTC'), 'YYYY-MM-DD HH24:MI ') || coalesce(zone, 'UTC');
EXCEPTION WHEN invalid_parameter_value THEN
    RETURN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"');
END $$;
COMMENT ON FUNCTION clock_text IS 'An instant as the clocks of a zone show it, with the zone';

CREATE FUNCTION used_text(used bigint, cap bigint, cap_span bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN format('%s of %s', used, cap) || coalesce(' in ' || CASE
    WHEN cap_span % 86400000000 = 0 THEN
        format('%s day%s', cap_span / 86400000000, CASE WHEN cap_span > 86400000000 THEN 's' END)
    ELSE format('%s hours', trim_scale(round(cap_span / 3600000000.0, 1)))
END, '') || ' used';
COMMENT ON FUNCTION used_text IS 'How much of a frequency cap is used, and within how long';

CREATE VIEW contact_receipts WITH (security_invoker) AS
SELECT d.workspace_id, d.region, d.message_id, d.seq, lead_of_today(d.contact_point, d.lead_id, d.occurred_at) AS lead_id,
       d.lead_id AS lead_id_at_decision, d.occurred_at AS decided_at, d.decision, d.reason,
       CASE d.decision WHEN 'allow' THEN 'Allowed' WHEN 'hold' THEN 'Held' ELSE 'Denied' END || ' on ' || told.channel
       || CASE d.decision
           WHEN 'allow' THEN coalesce(' until ' || clock_text(d.not_after, told.zone), '')
               || CASE WHEN d.cap IS NULL THEN '' ELSE format(' (%s)', used_text(d.used_after, d.cap, d.cap_span)) END
           WHEN 'hold' THEN ': ' || told.reason || coalesce(' until ' || clock_text(d.next_at, told.zone)
               || coalesce(format(' (%s from ', told.zones) || d.zone_source || ')', ''), '')
           ELSE ': ' || told.reason
               || CASE WHEN d.reason = 'cap' AND d.used_before >= d.cap
                       THEN ', ' || used_text(d.used_before, d.cap, d.cap_span) ELSE '' END
               || coalesce('; could be allowed from ' || clock_text(d.next_at, told.zone), '')
       END AS sentence,
       d.channel, d.purpose, d.category, d.template_id, d.campaign_id, d.step, d.account_id, d.contact_point,
       d.consent_id, d.requested_at, d.not_after, d.next_at, d.time_zones, d.zone_source, d.cap, d.cap_span,
       d.used_before, d.used_after, d.propensity_ppm, d.policy_version, d.checks, d.unsubscribe, d.event_id, d.cause_id
FROM contact_decisions d
CROSS JOIN LATERAL (
    SELECT d.time_zones[1] AS zone,
           CASE WHEN cardinality(d.time_zones) > 1 THEN format('one of %s zones', cardinality(d.time_zones))
                ELSE 'zone' END AS zones,
           CASE d.channel WHEN 'whatsapp' THEN 'WhatsApp' WHEN 'email' THEN 'e-mail' WHEN 'sms' THEN 'SMS'
                WHEN 'call' THEN 'the phone' WHEN 'social' THEN 'social media' ELSE d.channel END AS channel,
           CASE d.reason WHEN 'cap' THEN 'frequency cap' ELSE replace(d.reason, '_', ' ') END AS reason
) told;
COMMENT ON VIEW contact_receipts IS
    'The newest decision on each message in a sentence, with its receipt and the lead of today; times in the '
    'recipient''s zone';

CREATE VIEW effects WITH (security_invoker) AS
SELECT q.workspace_id, q.region, q.request_id, q.kind, q.target, q.about, q.about_id, q.lead_id, q.payload,
       q.occurred_at AS requested_at, q.not_after, coalesce(r.outcome, 'waiting') AS outcome, r.reason, r.tries,
       r.payload AS answer, r.occurred_at AS answered_at
FROM effect_requests q
LEFT JOIN effect_results r USING (workspace_id, request_id);
COMMENT ON VIEW effects IS
    'What the outside world was asked to do and what became of it; unknown: it may have been done, nobody will know';

CREATE VIEW replies WITH (security_invoker) AS
SELECT p.workspace_id, p.region, p.reply_id, lead_of_today(NULL, p.lead_id, p.occurred_at) AS lead_id,
       p.occurred_at AS replied_at, p.tier, p.step, p.since, e.target AS told_by, e.outcome AS told
FROM lead_replies p
LEFT JOIN effects e ON e.workspace_id = p.workspace_id AND e.about_id = p.reply_id AND e.about = 'reply'
ORDER BY p.occurred_at DESC, p.reply_id;
COMMENT ON VIEW replies IS
    'Leads that answered a sequence of messages, for sales to take over, the newest first, with the lead of today; told: '
    'whether a webhook told sales, null where the policy names none';

CREATE VIEW approvals WITH (security_invoker) AS
SELECT r.workspace_id, r.region, r.approval_id, lead_of_today(NULL, r.lead_id, r.occurred_at) AS lead_id,
       r.lead_id AS lead_id_at_request, r.temperature, r.score, r.value_minor, r.currency, r.value_inr_minor,
       r.property_id, r.owner_id, r.occurred_at AS requested_at, r.answer_by, c.tier, c.reason, c.decided_by,
       c.occurred_at AS concluded_at, e.target AS told_by, e.outcome AS told
FROM approval_requests r
LEFT JOIN approval_conclusions c USING (workspace_id, approval_id)
LEFT JOIN effects e ON e.workspace_id = r.workspace_id AND e.about_id = r.approval_id AND e.about = 'approval';
COMMENT ON VIEW approvals IS 'Every request for approval with the lead of today, and how it ended; null: it is open';
COMMENT ON COLUMN approvals.told IS 'Whether a webhook told reviewers of it; null: the policy names none';

CREATE VIEW approvals_open WITH (security_invoker) AS
SELECT workspace_id, region, approval_id, lead_id, temperature, score, value_minor, currency, value_inr_minor,
       property_id, owner_id, requested_at AS waiting_since, answer_by, told_by, told
FROM approvals
WHERE concluded_at IS NULL
ORDER BY requested_at, approval_id;
COMMENT ON VIEW approvals_open IS 'What waits for a reviewer''s word, the oldest first; unanswered it ends at answer_by';

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
    contact_receipts, approvals, approvals_open, effects, replies, revenue_by_channel, revenue_by_booking, bookings_by_segment TO fineacers_reader, fineacers_operator;
