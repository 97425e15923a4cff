-- Tracked repositories.

CREATE TABLE repositories (
    id            uuid PRIMARY KEY,
    tenant_id     text NOT NULL REFERENCES tenants (id),
    connection_id uuid,
    name          text NOT NULL,
    url           text NOT NULL,
    branch        text,
    globs         text[] NOT NULL,
    -- The commit whose documents are staged; NULL before the first synchronisation.
    baseline      text,
    -- The newest synchronisation that staged anything: older ones are refused from then on.
    current_sync  uuid,
    last_error    text,
    synced_at     timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    removed_at    timestamptz,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id)
);
CREATE UNIQUE INDEX repositories_name_key ON repositories (tenant_id, name) WHERE removed_at IS NULL;
CREATE INDEX repositories_connection ON repositories (connection_id) WHERE removed_at IS NULL;

ALTER TABLE repositories ENABLE ROW LEVEL SECURITY;
ALTER TABLE repositories FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON repositories
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));
CREATE POLICY dispatch ON repositories FOR SELECT TO sbh_dispatch USING (true);

GRANT SELECT, INSERT, UPDATE ON repositories TO sbh_app;
GRANT SELECT (id, tenant_id, connection_id, name, url, removed_at) ON repositories TO sbh_dispatch;
