-- How often a document is announced, what happens to one that cannot be proved, and which notices a
-- synchronisation under way has read.

ALTER TABLE documents
    -- The observed version whose announcement got through.
    ADD COLUMN announced_version bigint NOT NULL DEFAULT 0,
    -- How often the reconciler announced this content again: each time it waits twice as long.
    ADD COLUMN nudges integer NOT NULL DEFAULT 0,
    -- Runs that failed to prove or to record this content, and why the last one did.
    ADD COLUMN failures integer NOT NULL DEFAULT 0,
    ADD COLUMN failure text;
-- The reconciler announces an open document when its clock is older than the first interval: a clock
-- in the future makes that later, and 'infinity' is a document that was given up.
COMMENT ON COLUMN documents.nudged_at IS
    'The reconciler''s clock of an open document; in the future to wait longer, infinity when given up';
CREATE INDEX documents_given_up ON documents (tenant_id, id) WHERE nudged_at = 'infinity';
GRANT SELECT (nudges), UPDATE (nudges) ON documents TO sbh_dispatch;

-- A synchronisation takes notices up as well, before it fetches: one that comes later is another
-- notice, because the fetch may have missed what it is about.
ALTER TABLE inbox DROP CONSTRAINT only_documents_are_taken;
DROP INDEX inbox_dedup_key;
CREATE UNIQUE INDEX inbox_dedup_key ON inbox (tenant_id, repository_id, dedup_key)
    WHERE state = 'open' AND sync_id IS NULL AND taken_at IS NULL;
