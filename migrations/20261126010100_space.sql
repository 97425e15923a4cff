-- Hosted spaces are repositories: a Jira project, a Confluence space, a Drive folder, a collection of
-- uploads. Their documents are fetched one by one, through a connection.

ALTER TABLE connections
    -- The source's own settings, without secrets.
    ADD COLUMN settings json NOT NULL DEFAULT '{}',
    -- Since when it takes no deliveries and is not looked after.
    ADD COLUMN paused_at timestamptz,
    ADD COLUMN removed_at timestamptz,
    -- What the last round of upkeep left for the next one, and when that is due.
    ADD COLUMN upkeep_state json,
    ADD COLUMN upkeep_due_at timestamptz,
    ADD COLUMN upkept_at timestamptz,
    -- In one line, what the last round did, and what went wrong in it.
    ADD COLUMN upkeep_summary text,
    ADD COLUMN upkeep_problem text,
    -- Polls in succession that found changes which no delivery had announced.
    ADD COLUMN unannounced integer NOT NULL DEFAULT 0;
-- The name of a removed one is free again.
ALTER TABLE connections DROP CONSTRAINT connections_name_key;
CREATE UNIQUE INDEX connections_name_key ON connections (tenant_id, name) WHERE removed_at IS NULL;
CREATE INDEX connections_upkeep ON connections (upkeep_due_at)
    WHERE removed_at IS NULL AND paused_at IS NULL;
GRANT SELECT (settings, paused_at, removed_at, upkeep_due_at) ON connections TO sbh_dispatch;

ALTER TABLE repositories
    -- `git`, or the hosted source that the space is of.
    ADD COLUMN source text NOT NULL DEFAULT 'git',
    -- What the source calls the space; a hosted one's baseline is the cursor of its last listing.
    ADD COLUMN space text,
    ADD CONSTRAINT spaces_are_hosted CHECK ((source = 'git') = (space IS NULL));
-- A space is followed once. (Collections of uploads have no connection.)
CREATE UNIQUE INDEX repositories_space_key ON repositories (tenant_id, connection_id, source, space)
    NULLS NOT DISTINCT WHERE removed_at IS NULL AND space IS NOT NULL;
GRANT SELECT (source, space) ON repositories TO sbh_dispatch;

-- What people see of a hosted document, whose path is its key.
ALTER TABLE documents
    ADD COLUMN title text,
    ADD COLUMN source_url text;

ALTER TABLE inbox
    -- The document of the space that the notice names; NULL: anything in it may have changed.
    ADD COLUMN document_key text CHECK (length(document_key) <= 1000),
    -- The pull request that the notice is about; then it is none about documents.
    ADD COLUMN pull_number bigint;
GRANT SELECT (document_key, pull_number) ON inbox TO sbh_dispatch;

-- Documents of hosted spaces that are still to be fetched. A synchronisation that takes notices up
-- adds what they name; staging a document removes it. So one that ends early (a service asks to be
-- left alone) is gone on with, not begun anew.
CREATE TABLE space_fetches (
    tenant_id     text NOT NULL,
    repository_id uuid NOT NULL,
    key           text NOT NULL,
    -- Drawn anew whenever it is asked for: only what was fetched after the last time counts.
    asked         uuid NOT NULL,
    PRIMARY KEY (repository_id, key),
    FOREIGN KEY (tenant_id, repository_id) REFERENCES repositories (tenant_id, id) ON DELETE CASCADE
);

ALTER TABLE space_fetches ENABLE ROW LEVEL SECURITY;
ALTER TABLE space_fetches FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON space_fetches
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));

GRANT SELECT, INSERT, UPDATE, DELETE ON space_fetches TO sbh_app;
