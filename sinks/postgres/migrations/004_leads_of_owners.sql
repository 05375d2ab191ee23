-- A reader whose session names an owner (fineacers.owner) sees of what is about leads only that of leads which this owner
-- may see, in every table with a lead_id; before, only leads themselves were held back. What counts is the lead that a
-- row belongs to today. A session that names nobody, or everybody ('*'), sees what it saw: all of its workspace's regions,
-- and of leads themselves those without an owner, or all. Tables that name identifiers alone hold hashes and are seen by
-- all, and campaigns' figures are of no lead.

CREATE FUNCTION may_see_lead(lead uuid, identifier uuid DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    today uuid := lead;
    owner text;
BEGIN
    IF identifier IS NOT NULL THEN
        SELECT i.lead_id INTO today FROM identifier_bindings i WHERE i.identifier = may_see_lead.identifier
        ORDER BY i.version DESC, i.since DESC LIMIT 1;
        today := coalesce(today, lead);
    END IF;
    SELECT l.owner_id INTO owner FROM leads l WHERE l.lead_id = today;
    IF NOT FOUND THEN
        -- merged away: a lead is named after an identifier, and lives on in the lead of that
        SELECT l.owner_id INTO owner FROM leads l
        WHERE l.lead_id = (
            SELECT i.lead_id FROM identifier_bindings i WHERE i.identifier = today
            ORDER BY i.version DESC, i.since DESC LIMIT 1
        );
    END IF;
    RETURN may_see_owner(owner);
END $$;
COMMENT ON FUNCTION may_see_lead IS
    'Whether the session''s owner may see what belonged to a lead, or came with an identifier that is perhaps another''s '
    'by now; what is no lead''s is everybody''s. It looks with the rights of the schema''s owner, since a reader does '
    'not see whose the other leads are';
REVOKE EXECUTE ON FUNCTION may_see_lead FROM PUBLIC;
GRANT EXECUTE ON FUNCTION may_see_lead TO fineacers_reader;

CREATE FUNCTION names_an_owner() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN coalesce(current_setting('fineacers.owner', true), '') NOT IN ('', '*');

DO $$
DECLARE
    name text;
    seen text;
BEGIN
    FOR name, seen IN VALUES
        ('identifiers', 'may_see_lead(lead_id)'),
        ('identifier_bindings', 'may_see_lead(lead_id) AND may_see_lead(lead_id, identifier)'),
        ('identity_changes', 'may_see_lead(lead_id) AND may_see_lead(into_lead_id)'),
        ('scores', 'may_see_lead(lead_id)'),
        ('temperatures', 'may_see_lead(lead_id)'),
        ('temperature_changes', 'may_see_lead(lead_id)'),
        ('routes', 'may_see_lead(lead_id)'),
        ('contact_requests', 'may_see_lead(lead_id)'),
        ('contact_decisions', 'may_see_lead(lead_id, contact_point)'),
        ('consents', 'may_see_lead(lead_id, contact_point)'),
        ('approval_requests', 'may_see_lead(lead_id)'),
        ('approval_conclusions', 'may_see_lead(lead_id)'),
        ('lead_replies', 'may_see_lead(lead_id)'),
        ('effect_requests', 'may_see_lead(lead_id)'),
        ('effect_results', 'EXISTS (SELECT FROM effect_requests q WHERE q.workspace_id = effect_results.workspace_id '
            'AND q.request_id = effect_results.request_id)'),
        ('bookings', 'may_see_lead(lead_id, identifier)'),
        -- all lines of a booking or none, so that its books balance, whosever it was before
        ('ledger_lines', 'EXISTS (SELECT FROM bookings b WHERE b.workspace_id = ledger_lines.workspace_id '
            'AND b.booking_id = ledger_lines.booking_id)'),
        ('incidents', 'may_see_lead(lead_id)')
    LOOP
        EXECUTE format('ALTER POLICY reader_own ON %I '
            'USING (may_see(workspace_id, region) AND (NOT names_an_owner() OR (%s)))', name, seen);
    END LOOP;
END $$;
