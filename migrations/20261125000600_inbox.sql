-- The inbox. No foreign key to repositories or tenants: it would lock the one row that all notices
-- of a burst share. `accept` takes the repository's id from its row instead.

CREATE TABLE inbox (
    id            uuid NOT NULL,
    tenant_id     text NOT NULL,
    repository_id uuid NOT NULL,
    source        text NOT NULL,
    connection_id uuid,
    dedup_key     text NOT NULL CHECK (length(dedup_key) <= 300),
    hint          json NOT NULL,
    state         text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed', 'parked')),
    reason        text,
    attempts      integer NOT NULL DEFAULT 0,
    received_at   timestamptz NOT NULL DEFAULT now(),
    signalled_at  timestamptz,
    sync_id       uuid,
    closed_at     timestamptz,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT closed_has_a_time CHECK ((state = 'closed') = (closed_at IS NOT NULL))
);
-- Closed rows stay as history, so every index but the primary key leaves them out.
CREATE UNIQUE INDEX inbox_dedup_key ON inbox (tenant_id, repository_id, dedup_key)
    WHERE state = 'open' AND sync_id IS NULL;
CREATE INDEX inbox_fresh ON inbox (id)
    WHERE state = 'open' AND sync_id IS NULL AND signalled_at IS NULL;
CREATE INDEX inbox_signalled ON inbox (signalled_at)
    WHERE state = 'open' AND sync_id IS NULL AND signalled_at IS NOT NULL;
CREATE INDEX inbox_unclosed ON inbox (tenant_id, repository_id, id) WHERE state <> 'closed';
CREATE INDEX inbox_sync ON inbox (sync_id) WHERE state <> 'closed' AND sync_id IS NOT NULL;

ALTER TABLE inbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE inbox FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON inbox
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));
CREATE POLICY dispatch ON inbox TO sbh_dispatch USING (state <> 'closed') WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE ON inbox TO sbh_app;
GRANT SELECT (id, tenant_id, repository_id, state, received_at, signalled_at, sync_id),
    UPDATE (signalled_at) ON inbox TO sbh_dispatch;
