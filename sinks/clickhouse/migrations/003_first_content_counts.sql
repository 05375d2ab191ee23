-- Of two contents of one revision the first that arrived counts; a later one is a dead letter of the stage that saw both.
-- The views below showed either of them. They leave out what was refused and, until that is known, what arrived later.

CREATE OR REPLACE VIEW refused_revisions AS
SELECT workspace_id, region, assumeNotNull(fact_id) AS fact_id, stage, topic, arrived_at
FROM dead_letters
WHERE reason = 'revision_conflict' AND fact_id IS NOT NULL
COMMENT 'Accepted facts that count nowhere: their revision was known with other content';

CREATE OR REPLACE VIEW current_touchpoints AS
SELECT t.workspace_id AS workspace_id, t.region AS region, t.touch_id AS touch_id, t.revision AS revision,
    t.kind AS kind, t.occurred_at AS occurred_at, t.channel AS channel, t.campaign_id AS campaign_id,
    t.content_id AS content_id, t.variant_id AS variant_id, t.identifier AS identifier,
    t.lead_id AS lead_id_at_arrival,
    if(arrayExists(binding -> binding.1 <= t.occurred_at, b.bindings),
       toNullable(arrayFirst(binding -> binding.1 <= t.occurred_at, b.bindings).3), t.lead_id) AS lead_id
FROM
(
    SELECT * FROM touchpoints WHERE event_id NOT IN (SELECT fact_id FROM refused_revisions)
    ORDER BY workspace_id, touch_id, revision DESC, arrived_at, _partition, _offset LIMIT 1 BY workspace_id, touch_id
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
    SELECT * FROM bookings WHERE event_id NOT IN (SELECT fact_id FROM refused_revisions)
    ORDER BY workspace_id, booking_id, revision DESC, arrived_at, _partition, _offset
    LIMIT 1 BY workspace_id, booking_id
) AS k
LEFT JOIN binding_history AS b ON k.identifier = b.identifier
COMMENT 'Each booking in its newest revision, its net amount, and the lead of today';

CREATE OR REPLACE VIEW bookings_by_segment AS
SELECT workspace_id, region, property_id, market_segment, status, currency, count() AS bookings,
    sum(k.amount_minor) AS amount_minor,
    sum(if(status IN ('booked', 'contracted', 'completed'), k.amount_minor, k.retained_minor)) AS net_minor
FROM
(
    SELECT * FROM bookings WHERE event_id NOT IN (SELECT fact_id FROM refused_revisions)
    ORDER BY workspace_id, booking_id, revision DESC, arrived_at, _partition, _offset
    LIMIT 1 BY workspace_id, booking_id
) AS k
GROUP BY workspace_id, region, property_id, market_segment, status, currency
COMMENT 'Bookings by their newest revision, per property (hotel), segment and status';

CREATE OR REPLACE VIEW spend_by_day AS
SELECT workspace_id, region, campaign_id, channel, day, amount_minor, currency
FROM
(
    SELECT * FROM spend WHERE event_id NOT IN (SELECT fact_id FROM refused_revisions)
    ORDER BY workspace_id, campaign_id, day, revision DESC, arrived_at, _partition, _offset
    LIMIT 1 BY workspace_id, campaign_id, day
)
COMMENT 'What each campaign cost per local day, newest revision';
