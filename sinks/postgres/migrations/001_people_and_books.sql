-- What is true now: one row per lead, booking, decision; the attribution ledger; where the sink stands.
--
-- Row-level security lets a reader see one workspace, its own regions and its own leads, by three settings of the
-- session (or transaction) that the application sets for whoever asks:
--   fineacers.workspace   the workspace; unset: nothing is visible
--   fineacers.regions     regions, comma-separated; unset: nothing is visible
--   fineacers.owner       whose leads ('*' = everybody's); unset: only leads that nobody owns
-- Sink and operators see everything.

CREATE FUNCTION may_see(workspace text, region text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN workspace = current_setting('fineacers.workspace', true)
   AND region = ANY (string_to_array(current_setting('fineacers.regions', true), ','));

CREATE FUNCTION may_see_owner(owner text) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN owner IS NULL OR coalesce(current_setting('fineacers.owner', true), '') IN ('*', owner);

CREATE SEQUENCE sink_epochs;

CREATE TABLE sink_positions (
    topic text NOT NULL,
    partition int NOT NULL,
    next_offset bigint NOT NULL,
    cluster_id text NOT NULL,
    topic_id text NOT NULL,
    epoch bigint NOT NULL,
    PRIMARY KEY (topic, partition)
);
COMMENT ON TABLE sink_positions IS 'First offset of each partition that is not stored yet; epoch: which process writes';

CREATE TABLE leads (
    lead_id uuid PRIMARY KEY,
    workspace_id text NOT NULL,
    region text NOT NULL,
    version int NOT NULL,
    crm_id text,
    email text,
    phone text,
    wa_id text,
    full_name text,
    email_domain text,
    country text,
    language text,
    time_zone text,
    owner_id text,
    property_id text,
    channel text,
    campaign_id text,
    interest text,
    budget_minor bigint,
    currency text,
    timeframe_days bigint,
    financing text,
    first_captured_at timestamptz,
    occurred_at timestamptz NOT NULL
);
COMMENT ON TABLE leads IS 'A lead with at least one identifier; the only table with personal values in columns';
CREATE INDEX ON leads (workspace_id, owner_id);

CREATE TABLE identifiers (
    lead_id uuid NOT NULL,
    identifier uuid NOT NULL,
    workspace_id text NOT NULL,
    region text NOT NULL,
    kind text NOT NULL,
    version int NOT NULL,
    PRIMARY KEY (lead_id, identifier)
);
COMMENT ON TABLE identifiers IS 'Identifier hashes of a lead, as of the version of its profile';
CREATE INDEX ON identifiers (identifier);

CREATE TABLE identifier_sightings (
    identifier uuid PRIMARY KEY,
    workspace_id text NOT NULL,
    region text NOT NULL,
    kind text NOT NULL,
    fact_id uuid NOT NULL,
    occurred_at timestamptz NOT NULL
);
COMMENT ON TABLE identifier_sightings IS
    'The earliest fact that named each strong identifier; region is the home region that it gave the identifier';

CREATE TABLE identifier_links (
    identifier uuid NOT NULL,
    other uuid NOT NULL,
    workspace_id text NOT NULL,
    region text NOT NULL,
    kind text NOT NULL,
    other_kind text NOT NULL,
    fact_id uuid NOT NULL,
    fact_topic text NOT NULL,
    fact_source text NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (identifier, other)
);
COMMENT ON TABLE identifier_links IS
    'Pairs of strong identifiers that a fact named together, the lesser one first, by the earliest such fact';
CREATE INDEX ON identifier_links (other);

CREATE TABLE identity_statements (
    workspace_id text NOT NULL,
    event_id uuid NOT NULL,
    region text NOT NULL,
    says text NOT NULL,
    identifiers uuid[] NOT NULL,
    others uuid[] NOT NULL,
    transfer_basis text,
    source text NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, event_id)
);
COMMENT ON TABLE identity_statements IS
    'What people and systems say on purpose, of each of identifiers and each of others: linked, or split (two people); '
    'or of identifiers alone: erased';
COMMENT ON COLUMN identity_statements.source IS 'The system that said so';
CREATE INDEX ON identity_statements USING gin (identifiers);
CREATE INDEX ON identity_statements USING gin (others);

CREATE TABLE identifier_bindings (
    identifier uuid NOT NULL,
    since timestamptz NOT NULL,
    workspace_id text NOT NULL,
    region text NOT NULL,
    kind text NOT NULL,
    lead_id uuid NOT NULL,
    version bigint NOT NULL,
    why text NOT NULL,
    PRIMARY KEY (identifier, since)
);
COMMENT ON TABLE identifier_bindings IS
    'Which lead an identifier''s (or a booking''s) history belongs to at t: of the rows with since <= t that of the '
    'highest (version, since); the lead of all zeros is nobody: that history was erased';
CREATE INDEX ON identifier_bindings (lead_id);

CREATE TABLE identity_changes (
    event_id uuid PRIMARY KEY,
    workspace_id text NOT NULL,
    region text NOT NULL,
    change text NOT NULL,
    lead_id uuid NOT NULL,
    into_lead_id uuid NOT NULL,
    identifiers uuid[] NOT NULL,
    decision text NOT NULL,
    occurred_at timestamptz NOT NULL
);
COMMENT ON TABLE identity_changes IS
    'History that went from one lead into another: merged (the first stands for nobody any more) or split (it lives on)';
CREATE INDEX ON identity_changes (lead_id);
CREATE INDEX ON identity_changes (into_lead_id);

CREATE TABLE identity_conflicts (
    conflict_id uuid PRIMARY KEY,
    workspace_id text NOT NULL,
    region text NOT NULL,
    kind text NOT NULL,
    identifiers uuid[] NOT NULL,
    open boolean NOT NULL,
    version bigint NOT NULL,
    occurred_at timestamptz NOT NULL
);
COMMENT ON TABLE identity_conflicts IS
    'What facts would join and a rule does not, for a person to look at while it is open; as its newest version says';
COMMENT ON COLUMN identity_conflicts.occurred_at IS 'Since when it is as this row says';
CREATE INDEX ON identity_conflicts USING gin (identifiers) WHERE open;

CREATE TABLE policies (
    workspace_id text NOT NULL,
    version int NOT NULL,
    region text NOT NULL,
    applies_from timestamptz NOT NULL,
    document text NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, version)
);
COMMENT ON TABLE policies IS
    'Rules of each workspace by version: at t the highest one with applies_from <= t holds; without any the defaults do';

CREATE TABLE scores (
    lead_id uuid PRIMARY KEY,
    workspace_id text NOT NULL,
    region text NOT NULL,
    seq int NOT NULL,
    score bigint NOT NULL,
    budget bigint NOT NULL,
    urgency bigint NOT NULL,
    engagement bigint NOT NULL,
    readiness bigint NOT NULL,
    reasons text[] NOT NULL,
    occurred_at timestamptz NOT NULL
);

CREATE TABLE temperatures (
    lead_id uuid PRIMARY KEY,
    workspace_id text NOT NULL,
    region text NOT NULL,
    seq int NOT NULL,
    temperature text NOT NULL,
    previous text,
    reason text NOT NULL,
    occurred_at timestamptz NOT NULL
);
CREATE INDEX ON temperatures (workspace_id, temperature);

CREATE TABLE temperature_changes (
    lead_id uuid NOT NULL,
    seq int NOT NULL,
    workspace_id text NOT NULL,
    region text NOT NULL,
    temperature text NOT NULL,
    previous text,
    reason text NOT NULL,
    restates_from timestamptz,
    cause_id text,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (lead_id, seq)
);
COMMENT ON TABLE temperature_changes IS
    'Why a lead is as warm as it is; a row with restates_from voids the rows of smaller seq from that instant on';

CREATE TABLE routes (
    lead_id uuid PRIMARY KEY,
    workspace_id text NOT NULL,
    region text NOT NULL,
    seq int NOT NULL,
    temperature text NOT NULL,
    route text NOT NULL,
    reason text NOT NULL,
    occurred_at timestamptz NOT NULL
);

CREATE TABLE contact_requests (
    message_id uuid PRIMARY KEY,
    lead_id uuid NOT NULL,
    workspace_id text NOT NULL,
    region text NOT NULL,
    purpose text NOT NULL,
    channels text[] NOT NULL,
    not_after timestamptz NOT NULL,
    occurred_at timestamptz NOT NULL
);
CREATE INDEX ON contact_requests (lead_id);

CREATE TABLE contact_decisions (
    workspace_id text NOT NULL,
    message_id text NOT NULL,
    region text NOT NULL,
    seq int NOT NULL,
    event_id uuid NOT NULL,
    cause_id text,
    lead_id uuid,
    decision text NOT NULL,
    reason text NOT NULL,
    requested_at timestamptz NOT NULL,
    channel text NOT NULL,
    contact_point uuid,
    account_id text,
    purpose text NOT NULL,
    category text NOT NULL,
    template_id text,
    campaign_id text,
    step text,
    checks jsonb NOT NULL,
    policy_version bigint NOT NULL,
    time_zones text[] NOT NULL,
    zone_source text,
    consent_id text,
    cap bigint,
    cap_span bigint,
    used_before bigint NOT NULL,
    used_after bigint NOT NULL,
    not_after timestamptz,
    next_at timestamptz,
    propensity_ppm bigint NOT NULL,
    unsubscribe text,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, message_id)
);
COMMENT ON TABLE contact_decisions IS
    'The newest decision on each message and its receipt: a hold until the allow or deny after it; earlier ones: '
    'ClickHouse';
COMMENT ON COLUMN contact_decisions.checks IS
    'Every check in the order in which it was made: check, outcome (pass, hold, deny), reason, until';
COMMENT ON COLUMN contact_decisions.contact_point IS 'Hash of the address that it is for, as in identifier_bindings';
COMMENT ON COLUMN contact_decisions.cap_span IS 'Microseconds within which messages count against the cap';
COMMENT ON COLUMN contact_decisions.unsubscribe IS
    'Token for the List-Unsubscribe header of an allowed marketing e-mail: whoever has it may object for the recipient';
COMMENT ON COLUMN contact_decisions.lead_id IS
    'The lead as of the decision; the view contact_receipts has the lead of today';
CREATE INDEX ON contact_decisions (lead_id);
CREATE INDEX ON contact_decisions (contact_point);

CREATE TABLE consents (
    workspace_id text NOT NULL,
    event_id uuid NOT NULL,
    region text NOT NULL,
    consent_id text NOT NULL,
    lead_id uuid,
    contact_point uuid,
    channel text NOT NULL,
    purpose text NOT NULL,
    granted boolean NOT NULL,
    legal_basis text,
    jurisdiction text NOT NULL,
    has_evidence boolean NOT NULL,
    source text NOT NULL,
    occurred_at timestamptz NOT NULL,
    arrived_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, event_id)
);
COMMENT ON TABLE consents IS
    'Every consent given and withdrawn, only ever added; its evidence is a person''s text and stays in accepted.consents';
COMMENT ON COLUMN consents.lead_id IS 'The lead as of arrival; the function lead_of_today finds that of today';
COMMENT ON COLUMN consents.contact_point IS
    'Hash of the address that it is for; null: the fact named none of its channel''s kind';
COMMENT ON COLUMN consents.jurisdiction IS 'The law that it was given under: as told, else the home region''s';
CREATE INDEX ON consents (lead_id);
CREATE INDEX ON consents (contact_point);

CREATE TABLE approval_requests (
    workspace_id text NOT NULL,
    approval_id uuid NOT NULL,
    region text NOT NULL,
    lead_id uuid NOT NULL,
    temperature text NOT NULL,
    score bigint NOT NULL,
    value_minor bigint NOT NULL,
    currency text NOT NULL,
    value_inr_minor bigint NOT NULL,
    property_id text,
    owner_id text,
    answer_by timestamptz NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, approval_id)
);
COMMENT ON TABLE approval_requests IS 'Leads of high value that wait, or waited, for a person''s word: the view approvals';
CREATE INDEX ON approval_requests (lead_id);

CREATE TABLE approval_conclusions (
    workspace_id text NOT NULL,
    approval_id uuid NOT NULL,
    region text NOT NULL,
    lead_id uuid NOT NULL,
    tier text NOT NULL,
    reason text NOT NULL,
    decided_by text,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, approval_id)
);
COMMENT ON TABLE approval_conclusions IS 'How requests for approval ended; of each there is one';

CREATE TABLE lead_replies (
    workspace_id text NOT NULL,
    reply_id uuid NOT NULL,
    region text NOT NULL,
    lead_id uuid NOT NULL,
    tier text NOT NULL,
    since timestamptz NOT NULL,
    step text,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, reply_id)
);
COMMENT ON TABLE lead_replies IS
    'Answers of leads that a sequence of messages ended with; sales should take over: the view replies';
COMMENT ON COLUMN lead_replies.reply_id IS 'The event_id of the message or touch that they answered by';
COMMENT ON COLUMN lead_replies.step IS 'The last message of the sequence, which began at since';
CREATE INDEX ON lead_replies (lead_id);

CREATE TABLE effect_requests (
    workspace_id text NOT NULL,
    request_id uuid NOT NULL,
    region text NOT NULL,
    kind text NOT NULL,
    target text NOT NULL,
    about text NOT NULL,
    about_id uuid NOT NULL,
    lead_id uuid NOT NULL,
    not_after timestamptz NOT NULL,
    payload text NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, request_id)
);
COMMENT ON TABLE effect_requests IS 'What the outside world was asked to do, such as telling reviewers: the view effects';
COMMENT ON COLUMN effect_requests.target IS 'The name that the settings of the worker give it; its address is a secret';
CREATE INDEX ON effect_requests (about_id);

CREATE TABLE effect_results (
    workspace_id text NOT NULL,
    request_id uuid NOT NULL,
    region text NOT NULL,
    outcome text NOT NULL,
    reason text NOT NULL,
    tries bigint NOT NULL,
    payload text NOT NULL,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, request_id)
);
COMMENT ON TABLE effect_results IS
    'What became of each request; unknown: it may have been done, so it was not tried again';

CREATE TABLE bookings (
    workspace_id text NOT NULL,
    booking_id text NOT NULL,
    region text NOT NULL,
    revision int NOT NULL,
    status text NOT NULL,
    amount_minor bigint NOT NULL,
    retained_minor bigint NOT NULL,
    currency text NOT NULL,
    booked_at timestamptz,
    property_id text,
    market_segment text,
    starts_on date,
    ends_on date,
    lead_id uuid,
    identifier uuid,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, booking_id)
);
COMMENT ON COLUMN bookings.lead_id IS 'The lead as of arrival; the view current_bookings has the lead of today';
CREATE INDEX ON bookings (lead_id);
CREATE INDEX ON bookings (identifier);

CREATE TABLE ledger_lines (
    line_id uuid NOT NULL,
    posting_id uuid NOT NULL,
    workspace_id text NOT NULL,
    region text NOT NULL,
    booking_id text NOT NULL,
    lead_id uuid NOT NULL,
    seq int NOT NULL,
    known_at timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
    model text NOT NULL,
    basis text NOT NULL,
    account text NOT NULL,
    channel text NOT NULL,
    campaign_id text,
    content_id text,
    variant_id text,
    touch_day date NOT NULL,
    conversion_day date NOT NULL,
    amount_minor bigint NOT NULL,
    currency text,
    reporting_minor bigint NOT NULL,
    reporting_currency text NOT NULL,
    rate_id text,
    policy_version bigint NOT NULL,
    weights_version bigint NOT NULL,
    reason text NOT NULL,
    _partition int NOT NULL,
    _offset bigint NOT NULL,
    PRIMARY KEY (line_id, known_at)
) PARTITION BY RANGE (known_at);
COMMENT ON TABLE ledger_lines IS
    'The attribution ledger: signed differences, only ever added; a line keeps its known_at, so its id alone is unique';
CREATE INDEX ON ledger_lines (workspace_id, booking_id, seq);
CREATE INDEX ON ledger_lines (workspace_id, campaign_id, touch_day) WHERE campaign_id IS NOT NULL;

-- One partition for each month of known_at, so that new lines meet a small index. The sink asks for the months of its
-- rows; it owns no table, so this runs with the rights of the owner. Nobody reads a month by its own name.
CREATE FUNCTION ledger_month(month timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    first timestamptz := date_trunc('month', month);
    name text := 'ledger_lines_' || to_char(month, 'YYYY_MM');
BEGIN
    IF to_regclass(name) IS NULL THEN
        -- Attached, not created as a part at once, which would wait for everybody who reads the ledger.
        EXECUTE format('CREATE TABLE %I (LIKE ledger_lines)', name);
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE ledger_lines ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
            name, first, first + interval '1 month');
    END IF;
END $$;
REVOKE EXECUTE ON FUNCTION ledger_month FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger_month TO fineacers_sink;

CREATE TABLE campaign_days (
    workspace_id text NOT NULL,
    campaign_id text NOT NULL,
    day date NOT NULL,
    region text NOT NULL,
    seq int NOT NULL,
    channel text,
    touches bigint NOT NULL,
    impressions bigint NOT NULL,
    clicks bigint NOT NULL,
    conversions_ppm bigint NOT NULL,
    revenue_minor bigint NOT NULL,
    spend_minor bigint,
    reporting_currency text NOT NULL,
    ctr_ppm bigint,
    roi_ppm bigint,
    occurred_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, campaign_id, day)
);
COMMENT ON TABLE campaign_days IS
    'Newest figures of each campaign and local day; conversions in millionths, ratios in parts per million';
COMMENT ON COLUMN campaign_days.spend_minor IS 'In the reporting currency; null as long as no rate is known';

CREATE TABLE incidents (
    event_id uuid PRIMARY KEY,
    workspace_id text NOT NULL,
    region text NOT NULL,
    lead_id uuid NOT NULL,
    kind text NOT NULL,
    severity text NOT NULL,
    touches bigint NOT NULL,
    days bigint NOT NULL,
    detail text NOT NULL,
    occurred_at timestamptz NOT NULL
);
COMMENT ON TABLE incidents IS
    'What somebody should look into; hot_lead: so many touches within so many days up to occurred_at, as then known';
CREATE INDEX ON incidents (lead_id);
CREATE INDEX ON incidents (workspace_id, occurred_at);

CREATE TABLE dead_letters (
    event_id uuid PRIMARY KEY,
    workspace_id text NOT NULL,
    region text,
    stage text NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    topic text NOT NULL,
    partition bigint NOT NULL,
    "offset" bigint NOT NULL,
    arrived_at timestamptz NOT NULL,
    fact_type text,
    fact_id uuid,
    original bytea NOT NULL,
    occurred_at timestamptz NOT NULL
);
COMMENT ON TABLE dead_letters IS 'Refused records with their original bytes, personal data included: operators only';
CREATE INDEX ON dead_letters (topic, reason);

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['leads', 'identifiers', 'identifier_sightings', 'identifier_links',
        'identity_statements', 'identifier_bindings', 'identity_changes', 'identity_conflicts', 'policies', 'scores',
        'temperatures', 'temperature_changes', 'routes', 'contact_requests', 'contact_decisions', 'consents',
        'approval_requests', 'approval_conclusions', 'lead_replies', 'effect_requests', 'effect_results', 'bookings',
        'ledger_lines', 'campaign_days', 'incidents', 'dead_letters'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('CREATE POLICY sink_all ON %I TO fineacers_sink USING (true) WITH CHECK (true)', name);
        EXECUTE format('CREATE POLICY operator_all ON %I FOR SELECT TO fineacers_operator USING (true)', name);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE ON %I TO fineacers_sink', name);
        EXECUTE format('GRANT SELECT ON %I TO fineacers_operator', name);
        IF name = 'leads' THEN
            CREATE POLICY reader_own ON leads FOR SELECT TO fineacers_reader
                USING (may_see(workspace_id, region) AND may_see_owner(owner_id));
        ELSIF name <> 'dead_letters' THEN
            EXECUTE format('CREATE POLICY reader_own ON %I FOR SELECT TO fineacers_reader '
                'USING (may_see(workspace_id, region))', name);
        END IF;
        IF name <> 'dead_letters' THEN
            EXECUTE format('GRANT SELECT ON %I TO fineacers_reader', name);
        END IF;
    END LOOP;
END $$;

GRANT DELETE ON leads, identifiers TO fineacers_sink;
GRANT SELECT, INSERT, UPDATE ON sink_positions TO fineacers_sink;
GRANT SELECT ON sink_positions TO fineacers_operator;
GRANT USAGE ON SEQUENCE sink_epochs TO fineacers_sink;
