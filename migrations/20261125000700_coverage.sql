-- Coverage: the recording transaction appends deltas, a folder merges them into totals.

CREATE TABLE coverage_deltas (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id     text NOT NULL,
    repository_id uuid NOT NULL,
    proved        bigint NOT NULL,
    refuted       bigint NOT NULL,
    vacuous       bigint NOT NULL,
    unknown       bigint NOT NULL,
    timeout       bigint NOT NULL,
    conflict      bigint NOT NULL,
    error         bigint NOT NULL,
    not_run       bigint NOT NULL
);
CREATE INDEX coverage_deltas_tenant ON coverage_deltas (tenant_id, repository_id);

ALTER TABLE coverage_deltas ENABLE ROW LEVEL SECURITY;
ALTER TABLE coverage_deltas FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON coverage_deltas
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));
CREATE POLICY dispatch ON coverage_deltas FOR SELECT TO sbh_dispatch USING (true);

GRANT SELECT, INSERT, DELETE ON coverage_deltas TO sbh_app;
-- Locking the deltas to be merged (FOR UPDATE) asks for the right to update one column.
GRANT UPDATE (id) ON coverage_deltas TO sbh_app;
GRANT SELECT (tenant_id) ON coverage_deltas TO sbh_dispatch;

CREATE TABLE coverage_totals (
    tenant_id     text NOT NULL,
    repository_id uuid PRIMARY KEY,
    proved        bigint NOT NULL,
    refuted       bigint NOT NULL,
    vacuous       bigint NOT NULL,
    unknown       bigint NOT NULL,
    timeout       bigint NOT NULL,
    conflict      bigint NOT NULL,
    error         bigint NOT NULL,
    not_run       bigint NOT NULL,
    folded_at     timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, repository_id) REFERENCES repositories (tenant_id, id)
);

ALTER TABLE coverage_totals ENABLE ROW LEVEL SECURITY;
ALTER TABLE coverage_totals FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON coverage_totals
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));

GRANT SELECT, INSERT, UPDATE ON coverage_totals TO sbh_app;
