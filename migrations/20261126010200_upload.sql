-- Documents that callers put: the current text of each. The last writer wins.

CREATE TABLE uploads (
    tenant_id     text NOT NULL,
    repository_id uuid NOT NULL,
    key           text NOT NULL CHECK (length(key) BETWEEN 1 AND 500),
    -- NULL when it was deleted.
    text          text,
    hash          bytea CHECK (octet_length(hash) = 32),
    title         text,
    media_type    text NOT NULL,
    -- Counts the changes.
    version       bigint NOT NULL DEFAULT 1,
    updated_by    text NOT NULL,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (repository_id, key),
    FOREIGN KEY (tenant_id, repository_id) REFERENCES repositories (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT deleted_has_no_text CHECK ((text IS NULL) = (hash IS NULL))
);

ALTER TABLE uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE uploads FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON uploads
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));

GRANT SELECT, INSERT, UPDATE, DELETE ON uploads TO sbh_app;
