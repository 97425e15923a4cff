-- Drift that somebody knows of: it raises no backlog alert for as long as the document stays as it was.

CREATE TABLE drift_acknowledgements (
    tenant_id   text NOT NULL,
    document_id uuid NOT NULL,
    -- The observed version that was acknowledged: another content is another drift.
    version     bigint NOT NULL,
    actor       text NOT NULL,
    reason      text NOT NULL,
    at          timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, document_id),
    FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, id) ON DELETE CASCADE
);

ALTER TABLE drift_acknowledgements ENABLE ROW LEVEL SECURITY;
ALTER TABLE drift_acknowledgements FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON drift_acknowledgements
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));

GRANT SELECT, INSERT, UPDATE, DELETE ON drift_acknowledgements TO sbh_app;

-- The list of drift is paged by age across a tenant's repositories.
CREATE INDEX documents_drift ON documents (tenant_id, drifted_at, id) WHERE drifted_at IS NOT NULL;
