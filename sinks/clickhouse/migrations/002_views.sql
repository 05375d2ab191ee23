-- The catalogue of views for analysts. A fact's own lead_id is the lead as of arrival; `binding_history` has today's.

CREATE OR REPLACE VIEW current_bindings AS
SELECT identifier, argMax(b.workspace_id, (version, since)) AS workspace_id,
    argMax(b.region, (version, since)) AS region, argMax(b.kind, (version, since)) AS kind,
    argMax(b.lead_id, (version, since)) AS lead_id, argMax(b.why, (version, since)) AS why
FROM identifier_bindings AS b
GROUP BY identifier
COMMENT 'The binding of each identifier that holds for what happens now';

-- Of the bindings with since <= the event's time that of the highest (version, since) holds. Few identifiers have more
-- than one binding, so all of one identifier are brought to the event as an array.
CREATE OR REPLACE VIEW binding_history AS
SELECT identifier,
    arrayReverseSort(binding -> (binding.2, binding.1), groupArray((since, version, lead_id))) AS bindings
FROM identifier_bindings
GROUP BY identifier
COMMENT 'All bindings (since, version, lead) of each identifier: the first one with since <= t holds at t';

CREATE OR REPLACE VIEW identity_moves AS
SELECT event_id, workspace_id, region, if(type = 'LeadMerged', 'merged', 'split') AS change, lead_id, into_lead_id,
    identifiers, decision, occurred_at
FROM identity_changes
COMMENT 'History that went from one lead into another: merged (the first stands for nobody any more) or split (it lives on)';

CREATE OR REPLACE VIEW open_conflicts AS
SELECT conflict_id, workspace_id, region, kind, identifiers, since, version,
    arraySort(groupUniqArrayIf(b.lead_id, b.bound != '')) AS leads
FROM
(
    SELECT conflict_id, workspace_id, region, kind, identifiers, occurred_at AS since, version,
        arrayJoin(emptyArrayToSingle(identifiers)) AS named
    FROM
    (
        SELECT * FROM identity_conflicts ORDER BY workspace_id, conflict_id, version DESC
        LIMIT 1 BY workspace_id, conflict_id
    )
    WHERE open
) AS c
LEFT JOIN (SELECT identifier, kind AS bound, lead_id FROM current_bindings) AS b ON c.named = b.identifier
GROUP BY conflict_id, workspace_id, region, kind, identifiers, since, version
COMMENT 'What a person should look at: identifiers that facts would join and a rule does not, and the leads they are of';

CREATE OR REPLACE VIEW current_touchpoints AS
SELECT t.workspace_id AS workspace_id, t.region AS region, t.touch_id AS touch_id, t.revision AS revision,
    t.kind AS kind, t.occurred_at AS occurred_at, t.channel AS channel, t.campaign_id AS campaign_id,
    t.content_id AS content_id, t.variant_id AS variant_id, t.identifier AS identifier,
    t.lead_id AS lead_id_at_arrival,
    if(arrayExists(binding -> binding.1 <= t.occurred_at, b.bindings),
       toNullable(arrayFirst(binding -> binding.1 <= t.occurred_at, b.bindings).3), t.lead_id) AS lead_id
FROM
(
    SELECT * FROM touchpoints ORDER BY workspace_id, touch_id, revision DESC LIMIT 1 BY workspace_id, touch_id
) AS t
LEFT JOIN binding_history AS b ON t.identifier = b.identifier
WHERE t.type != 'TouchpointDeleted' AND NOT ifNull(t.machine, false)
COMMENT 'Each touch in its newest revision, deleted ones and those of machines left out, with the lead of today';

CREATE OR REPLACE VIEW current_bookings AS
SELECT k.workspace_id AS workspace_id, k.region AS region, k.booking_id AS booking_id, k.revision AS revision,
    k.status AS status, k.amount_minor AS amount_minor, k.retained_minor AS retained_minor,
    if(k.status IN ('booked', 'contracted', 'completed'), k.amount_minor, k.retained_minor) AS net_minor,
    k.currency AS currency, k.booked_at AS booked_at, k.property_id AS property_id,
    k.market_segment AS market_segment, k.starts_on AS starts_on, k.ends_on AS ends_on,
    k.occurred_at AS occurred_at, k.identifier AS identifier, k.lead_id AS lead_id_at_arrival,
    if(arrayExists(binding -> binding.1 <= coalesce(k.booked_at, k.occurred_at), b.bindings),
       toNullable(arrayFirst(binding -> binding.1 <= coalesce(k.booked_at, k.occurred_at), b.bindings).3),
       k.lead_id) AS lead_id
FROM
(
    SELECT * FROM bookings ORDER BY workspace_id, booking_id, revision DESC LIMIT 1 BY workspace_id, booking_id
) AS k
LEFT JOIN binding_history AS b ON k.identifier = b.identifier
COMMENT 'Each booking in its newest revision, its net amount, and the lead of today';

CREATE OR REPLACE VIEW bookings_by_segment AS
SELECT workspace_id, region, property_id, market_segment, status, currency, count() AS bookings,
    sum(k.amount_minor) AS amount_minor,
    sum(if(status IN ('booked', 'contracted', 'completed'), k.amount_minor, k.retained_minor)) AS net_minor
FROM
(
    SELECT * FROM bookings ORDER BY workspace_id, booking_id, revision DESC LIMIT 1 BY workspace_id, booking_id
) AS k
GROUP BY workspace_id, region, property_id, market_segment, status, currency
COMMENT 'Bookings by their newest revision, per property (hotel), segment and status';

CREATE OR REPLACE VIEW current_leads AS
SELECT workspace_id, region, lead_id, version, email_domain, country, language, time_zone, owner_id, property_id,
    channel, campaign_id, interest, budget_minor, currency, timeframe_days, financing, first_captured_at,
    length(p.identifiers) AS identifiers
FROM
(
    SELECT * FROM lead_profiles ORDER BY workspace_id, lead_id, version DESC LIMIT 1 BY workspace_id, lead_id
) AS p
WHERE notEmpty(p.identifiers)
COMMENT 'Each lead as its newest profile has it, with the number of its identifiers; one merged away has none and is left out';

CREATE OR REPLACE VIEW temperature_history AS
SELECT workspace_id, region, lead_id, occurred_at AS since, temperature, previous, reason, seq
FROM
(
    SELECT *, min(restates_from) OVER (
        PARTITION BY lead_id ORDER BY seq ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS void_from
    FROM lead_temperatures
)
WHERE (void_from IS NULL OR occurred_at < void_from) AND temperature != 'none'
COMMENT 'Temperature of each lead over event time, restated entries left out; a lead merged away has none';

CREATE OR REPLACE VIEW current_temperatures AS
SELECT lead_id, argMax(t.workspace_id, seq) AS workspace_id, argMax(t.region, seq) AS region,
    argMax(t.temperature, seq) AS temperature, argMax(t.occurred_at, seq) AS since, argMax(t.reason, seq) AS reason
FROM lead_temperatures AS t
GROUP BY lead_id
HAVING temperature != 'none'
COMMENT 'How warm each lead is now; one merged away is no lead';

CREATE OR REPLACE VIEW decisions_by_day AS
SELECT workspace_id, region, toDate(occurred_at) AS day, channel, purpose, decision, reason, count() AS decisions
FROM contact_decisions
GROUP BY workspace_id, region, day, channel, purpose, decision, reason
COMMENT 'Decisions on contact (allow, hold, deny) and why, per UTC day; a message that was held counts in its later answer, too';

CREATE OR REPLACE VIEW funnel AS
SELECT workspace_id, region, step, uniqExact(lead_id) AS leads
FROM
(
    SELECT workspace_id, region, 'captured' AS step, lead_id FROM current_leads WHERE first_captured_at IS NOT NULL
    UNION ALL
    SELECT workspace_id, region, temperature AS step, lead_id FROM temperature_history
    UNION ALL
    SELECT workspace_id, region, 'booked' AS step, assumeNotNull(lead_id) AS lead_id FROM current_bookings
    WHERE lead_id IS NOT NULL
    UNION ALL
    SELECT workspace_id, region, 'kept' AS step, assumeNotNull(lead_id) AS lead_id FROM current_bookings
    WHERE lead_id IS NOT NULL AND net_minor > 0
)
GROUP BY workspace_id, region, step
COMMENT 'Leads of today that ever reached a step: captured, cold, warm, hot, booked, kept (a booking with net revenue)';

CREATE OR REPLACE VIEW revenue AS
SELECT workspace_id, region, model, basis, channel, campaign_id, currency, reporting_currency,
    sum(l.amount_minor) AS amount_minor, sum(l.reporting_minor) AS reporting_minor,
    uniqExact(booking_id) AS bookings
FROM ledger_lines AS l
WHERE account != '(revenue)'
  AND known_at <= {known_at:DateTime64(6, 'UTC')} AND effective_at < {effective_before:DateTime64(6, 'UTC')}
GROUP BY workspace_id, region, model, basis, channel, campaign_id, currency, reporting_currency
COMMENT 'Credited revenue by channel and campaign as known at an instant, for what was true before another: SELECT * FROM revenue(known_at = ''2026-01-31 00:00:00'', effective_before = ''2026-01-01 00:00:00'')';

CREATE OR REPLACE VIEW revenue_now AS
SELECT workspace_id, region, model, basis, channel, campaign_id, currency, reporting_currency,
    sum(l.amount_minor) AS amount_minor, sum(l.reporting_minor) AS reporting_minor,
    uniqExact(booking_id) AS bookings
FROM ledger_lines AS l
WHERE account != '(revenue)'
GROUP BY workspace_id, region, model, basis, channel, campaign_id, currency, reporting_currency
COMMENT 'Credited revenue by channel and campaign as known now; sums are meaningful within one model and basis';

CREATE OR REPLACE VIEW revenue_by_day AS
SELECT workspace_id, region, model, basis, channel, campaign_id, touch_day, conversion_day, currency,
    reporting_currency, sum(l.amount_minor) AS amount_minor, sum(l.reporting_minor) AS reporting_minor,
    uniqExact(booking_id) AS bookings
FROM ledger_lines AS l
WHERE account != '(revenue)'
  AND known_at <= {known_at:DateTime64(6, 'UTC')} AND effective_at < {effective_before:DateTime64(6, 'UTC')}
GROUP BY workspace_id, region, model, basis, channel, campaign_id, touch_day, conversion_day, currency,
    reporting_currency
COMMENT 'The same by local day of the touch and of the conversion, by which it meets spend_by_day: SELECT * FROM revenue_by_day(known_at = ''2026-01-31 00:00:00'', effective_before = ''2026-01-01 00:00:00'')';

CREATE OR REPLACE VIEW revenue_by_booking AS
SELECT l.workspace_id AS workspace_id, l.region AS region, l.booking_id AS booking_id, any(b.lead_id) AS lead_id,
    l.model AS model, l.basis AS basis, l.channel AS channel, l.campaign_id AS campaign_id, l.currency AS currency,
    l.reporting_currency AS reporting_currency, sum(l.amount_minor) AS amount_minor,
    sum(l.reporting_minor) AS reporting_minor
FROM ledger_lines AS l
LEFT JOIN current_bookings AS b ON l.workspace_id = b.workspace_id AND l.booking_id = b.booking_id
WHERE l.account != '(revenue)'
GROUP BY workspace_id, region, booking_id, model, basis, channel, campaign_id, currency, reporting_currency
COMMENT 'Credited revenue of each booking as known now, with the lead of today';

CREATE OR REPLACE VIEW ledger_changes AS
SELECT workspace_id, region, reason, model, basis, channel, campaign_id, currency, reporting_currency,
    sumIf(l.amount_minor, l.amount_minor > 0) AS gained_minor,
    sumIf(l.amount_minor, l.amount_minor < 0) AS lost_minor,
    sum(l.amount_minor) AS amount_minor, sum(l.reporting_minor) AS reporting_minor,
    uniqExact(posting_id) AS postings, uniqExact(booking_id) AS bookings
FROM ledger_lines AS l
WHERE account != '(revenue)'
  AND known_at > {known_since:DateTime64(6, 'UTC')} AND known_at <= {known_at:DateTime64(6, 'UTC')}
GROUP BY workspace_id, region, reason, model, basis, channel, campaign_id, currency, reporting_currency
COMMENT 'What the ledger learned after one instant, up to and with another, and why; revenue at the second less revenue at the first: SELECT * FROM ledger_changes(known_since = ''2026-01-31 00:00:00'', known_at = ''2026-02-28 00:00:00'')';

CREATE OR REPLACE VIEW events_by_hour AS
SELECT workspace_id, region, topic, type, hour, sum(h.events) AS events
FROM events_hourly AS h
GROUP BY workspace_id, region, topic, type, hour
COMMENT 'Accepted facts per hour of event time, kept up to date as they arrive';

CREATE OR REPLACE VIEW events_by_day AS
SELECT workspace_id, region, topic, type, toDate(hour) AS day, sum(h.events) AS events
FROM events_hourly AS h
GROUP BY workspace_id, region, topic, type, day
COMMENT 'Accepted facts per UTC day of event time';

CREATE OR REPLACE VIEW spend_by_day AS
SELECT workspace_id, region, campaign_id, channel, day, amount_minor, currency
FROM
(
    SELECT * FROM spend
    ORDER BY workspace_id, campaign_id, day, revision DESC LIMIT 1 BY workspace_id, campaign_id, day
)
COMMENT 'What each campaign cost per local day, newest revision';

CREATE OR REPLACE VIEW campaigns AS
SELECT workspace_id, region, campaign_id, day, channel, touches, impressions, clicks, ctr_ppm, conversions_ppm,
    revenue_minor, spend_minor, roi_ppm, reporting_currency, hours
FROM
(
    SELECT * FROM campaign_metrics
    ORDER BY workspace_id, campaign_id, day, seq DESC LIMIT 1 BY workspace_id, campaign_id, day
)
COMMENT 'Newest figures of each campaign and local day, in the reporting currency; spend null: no rate known; conversions in millionths, ratios in parts per million';

CREATE OR REPLACE VIEW campaigns_by_hour AS
SELECT workspace_id, region, campaign_id, day, counted.hour AS hour, counted.touches AS touches,
    counted.impressions AS impressions, counted.clicks AS clicks
FROM campaigns ARRAY JOIN hours AS counted
COMMENT 'Touches of each campaign by local day and hour, newest figures';
