-- A booking that names nobody, or somebody whose identifiers are all erased, has a lead id of its own, and no lead: a
-- booking alone makes none. The funnel counted it as a lead that booked. It counts leads with an identifier only.

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
WHERE lead_id IN (SELECT lead_id FROM current_leads)
GROUP BY workspace_id, region, step
COMMENT 'Leads of today that ever reached a step: captured, cold, warm, hot, booked, kept (a booking with net revenue)';
