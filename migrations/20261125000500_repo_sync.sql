-- Synchronisations, and the documents that each still waits for.

CREATE TABLE syncs (
    id            uuid PRIMARY KEY,
    tenant_id     text NOT NULL,
    repository_id uuid NOT NULL,
    commit        text,
    -- Rows of `sync_documents`: 0 and `finished_at` set mean that its notices can be closed.
    pending       integer NOT NULL DEFAULT 0 CHECK (pending >= 0),
    -- Documents that were recorded with the very content that it staged; the others were
    -- superseded by a later content.
    recorded      integer NOT NULL DEFAULT 0,
    -- Documents that it found changed or removed.
    staged        integer NOT NULL DEFAULT 0,
    started_at    timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, repository_id) REFERENCES repositories (tenant_id, id)
);

ALTER TABLE syncs ENABLE ROW LEVEL SECURITY;
ALTER TABLE syncs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON syncs
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));

GRANT SELECT, INSERT, UPDATE ON syncs TO sbh_app;

-- One row per document that a synchronisation waits for, with the content that it found
-- (`documents.observed_version`). The recording of that content or of a later one removes it.
CREATE TABLE sync_documents (
    tenant_id   text NOT NULL,
    sync_id     uuid NOT NULL,
    document_id uuid NOT NULL,
    version     bigint NOT NULL,
    -- NULL: the document is gone.
    hash        bytea CHECK (octet_length(hash) = 32),
    PRIMARY KEY (sync_id, document_id),
    FOREIGN KEY (tenant_id, sync_id) REFERENCES syncs (tenant_id, id),
    FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, id)
);
CREATE INDEX sync_documents_document ON sync_documents (document_id, version);

ALTER TABLE sync_documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE sync_documents FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sync_documents
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));

GRANT SELECT, INSERT, UPDATE, DELETE ON sync_documents TO sbh_app;
