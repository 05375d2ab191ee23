-- What people did and looked at by hand. It is filled by commands, not from topics, so no rebuild empties it.

CREATE TABLE audit_log (
    entry bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    who text NOT NULL,
    login text NOT NULL DEFAULT session_user,
    command text NOT NULL,
    workspace_id text,
    event_id uuid,
    reason text,
    ids jsonb NOT NULL
);
COMMENT ON TABLE audit_log IS
    'Who (user of the operating system) did what by hand, when and why; ids and hashes only, never a personal value';
COMMENT ON COLUMN audit_log.event_id IS 'The fact that the act published, written here before it was published';
CREATE INDEX ON audit_log USING gin (ids);

ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
CREATE POLICY operator_reads ON audit_log FOR SELECT TO fineacers_operator USING (true);
CREATE POLICY operator_adds ON audit_log FOR INSERT TO fineacers_operator WITH CHECK (true);
GRANT SELECT ON audit_log TO fineacers_operator;
GRANT INSERT (who, command, workspace_id, event_id, reason, ids) ON audit_log TO fineacers_operator;
