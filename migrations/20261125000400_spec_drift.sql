-- Documents, their texts, invariants, staged and recorded verdicts.

CREATE TABLE documents (
    id               uuid PRIMARY KEY,
    tenant_id        text NOT NULL,
    repository_id    uuid NOT NULL,
    path             text NOT NULL,
    blob             text,
    -- What the last synchronisation saw: the digest of the canonical text; NULL when it is gone.
    observed         bytea CHECK (octet_length(observed) = 32),
    -- Counts the changes of `observed`, so that contents have an order even when one comes back.
    observed_version bigint NOT NULL DEFAULT 0,
    unreadable       text,
    -- What the recorded verdicts are about; NULL when nothing is recorded.
    recorded         bytea CHECK (octet_length(recorded) = 32),
    recorded_version bigint NOT NULL DEFAULT 0,
    recorded_at      timestamptz,
    -- Since when the two differ; NULL when they do not. This is what "open" means.
    drifted_at       timestamptz,
    -- When an open document was last staged or announced: the reconciler's clock.
    nudged_at        timestamptz,
    invariant_count  integer NOT NULL DEFAULT 0,
    workflow_id      text,
    run_id           text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, repository_id) REFERENCES repositories (tenant_id, id),
    CONSTRAINT drifted_means_different
        CHECK ((drifted_at IS NULL) = (observed IS NOT DISTINCT FROM recorded))
);
-- A path holds one living document; those that are gone keep their path for when it comes back.
CREATE UNIQUE INDEX documents_path_key ON documents (repository_id, path) WHERE observed IS NOT NULL;
CREATE INDEX documents_path ON documents (repository_id, path);
CREATE INDEX documents_open ON documents (repository_id, id) WHERE drifted_at IS NOT NULL;
CREATE INDEX documents_nudged ON documents (nudged_at) WHERE drifted_at IS NOT NULL;

ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE documents FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON documents
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));
CREATE POLICY dispatch ON documents TO sbh_dispatch
    USING (drifted_at IS NOT NULL) WITH CHECK (drifted_at IS NOT NULL);

GRANT SELECT, INSERT, UPDATE ON documents TO sbh_app;
GRANT SELECT (id, tenant_id, repository_id, path, drifted_at, nudged_at), UPDATE (nudged_at)
    ON documents TO sbh_dispatch;

-- Canonical texts by content.
CREATE TABLE document_texts (
    tenant_id  text NOT NULL,
    hash       bytea NOT NULL CHECK (octet_length(hash) = 32),
    text       text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, hash)
);

ALTER TABLE document_texts ENABLE ROW LEVEL SECURITY;
ALTER TABLE document_texts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON document_texts
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));

GRANT SELECT, INSERT ON document_texts TO sbh_app;

-- The recorded invariants. They refer to their document without a foreign key: only the recording
-- transaction writes them, it holds the document's row, and documents are never deleted.
CREATE TABLE invariants (
    tenant_id      text NOT NULL,
    repository_id  uuid NOT NULL,
    document_id    uuid NOT NULL,
    name           text NOT NULL,
    -- 1 for the first block of that name in the document, 2 for the second.
    occurrence     integer NOT NULL,
    ordinal        integer NOT NULL,
    story          text,
    title          text,
    line           integer NOT NULL,
    form           text CHECK (form IN ('claim', 'refutation')),
    statement      text,
    statement_hash bytea CHECK (octet_length(statement_hash) = 32),
    -- Its own verdict, and the one that counts: `error` while the repository holds the name twice.
    verdict        text NOT NULL CHECK (verdict IN
        ('proved', 'refuted', 'vacuous', 'unknown', 'timeout', 'conflict', 'error', 'not_run')),
    effective      text NOT NULL CHECK (effective IN
        ('proved', 'refuted', 'vacuous', 'unknown', 'timeout', 'conflict', 'error', 'not_run')),
    duration_ms    double precision NOT NULL,
    counterexample json,
    reason         text,
    recorded_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (document_id, name, occurrence)
);
CREATE INDEX invariants_ordinal ON invariants (document_id, ordinal);
CREATE INDEX invariants_name ON invariants (repository_id, name);

ALTER TABLE invariants ENABLE ROW LEVEL SECURITY;
ALTER TABLE invariants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON invariants
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));

GRANT SELECT, INSERT, UPDATE, DELETE ON invariants TO sbh_app;

-- The history of verdicts: append-only by its grants. `attempt` counts the verdicts of one block
-- of one content: proving again counts when the verdict is another, repeating never.
CREATE TABLE proof_results (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id      text NOT NULL,
    repository_id  uuid NOT NULL,
    document_id    uuid NOT NULL,
    hash           bytea NOT NULL CHECK (octet_length(hash) = 32),
    name           text NOT NULL,
    occurrence     integer NOT NULL,
    attempt        integer NOT NULL DEFAULT 1,
    statement_hash bytea CHECK (octet_length(statement_hash) = 32),
    verdict        text NOT NULL CHECK (verdict IN
        ('proved', 'refuted', 'vacuous', 'unknown', 'timeout', 'conflict', 'error', 'not_run')),
    duration_ms    double precision NOT NULL,
    counterexample json,
    reason         text,
    origin         text NOT NULL,
    workflow_id    text NOT NULL,
    run_id         text NOT NULL,
    recorded_at    timestamptz NOT NULL DEFAULT now(),
    UNIQUE (document_id, hash, name, occurrence, attempt)
);

ALTER TABLE proof_results ENABLE ROW LEVEL SECURITY;
ALTER TABLE proof_results FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON proof_results
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));

GRANT SELECT, INSERT ON proof_results TO sbh_app;

-- Verdicts that wait for their document's recording transaction.
CREATE TABLE staged_verdicts (
    tenant_id      text NOT NULL,
    document_id    uuid NOT NULL,
    hash           bytea NOT NULL CHECK (octet_length(hash) = 32),
    ordinal        integer NOT NULL,
    name           text NOT NULL,
    story          text,
    title          text,
    line           integer NOT NULL,
    form           text CHECK (form IN ('claim', 'refutation')),
    statement      text,
    statement_hash bytea CHECK (octet_length(statement_hash) = 32),
    verdict        text NOT NULL CHECK (verdict IN
        ('proved', 'refuted', 'vacuous', 'unknown', 'timeout', 'conflict', 'error', 'not_run')),
    duration_ms    double precision NOT NULL,
    counterexample json,
    reason         text,
    origin         text NOT NULL,
    PRIMARY KEY (tenant_id, document_id, hash, ordinal),
    FOREIGN KEY (tenant_id, document_id) REFERENCES documents (tenant_id, id)
);

ALTER TABLE staged_verdicts ENABLE ROW LEVEL SECURITY;
ALTER TABLE staged_verdicts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON staged_verdicts
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));

GRANT SELECT, INSERT, UPDATE, DELETE ON staged_verdicts TO sbh_app;
