-- Who has the token of an allowed e-mail can object in its recipient's name, so readers do not see it: senders find it in
-- the topic contact.decisions. A view shows only what whoever asks may read, so it leaves the token out.

DROP VIEW contact_receipts;

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
       d.used_before, d.used_after, d.propensity_ppm, d.policy_version, d.checks, d.event_id, d.cause_id
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

GRANT SELECT ON contact_receipts TO fineacers_reader, fineacers_operator;

DO $$
BEGIN
    REVOKE SELECT ON contact_decisions FROM fineacers_reader;
    EXECUTE (
        SELECT format('GRANT SELECT (%s) ON contact_decisions TO fineacers_reader',
            string_agg(quote_ident(attname), ', ' ORDER BY attnum))
        FROM pg_attribute
        WHERE attrelid = 'contact_decisions'::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'unsubscribe'
    );
END $$;
