-- Check runs that are wanted on commits, and how far each is told to GitHub.

CREATE TABLE check_runs (
    id            uuid PRIMARY KEY,
    tenant_id     text NOT NULL,
    repository_id uuid NOT NULL,
    commit        text NOT NULL,
    -- The pull request whose head the commit is; NULL: a commit of the tracked branch.
    pull_number   bigint CHECK (pull_number > 0),
    -- The synchronisation whose end concludes it.
    sync_id       uuid,
    -- A check run that ended is told anew as another one at GitHub: its next generation.
    generation    integer NOT NULL DEFAULT 1,
    -- The verdicts of the repository before; what is proved later is compared with them.
    before        json NOT NULL,
    -- NULL: still being proved.
    outcome       text CHECK (outcome IN ('settled', 'superseded', 'parked', 'removed')),
    -- Why it ended without having been proved, or why it cannot be told.
    reason        text,
    -- What is told once it ended: conclusion, title, summary, annotations. Written once a generation.
    report        json,
    -- What GitHub was told last.
    posted        text NOT NULL DEFAULT 'nothing'
        CHECK (posted IN ('nothing', 'in_progress', 'completed', 'failed')),
    -- Whether there is something to tell, and not before when.
    due           boolean NOT NULL DEFAULT true,
    due_at        timestamptz NOT NULL DEFAULT now(),
    attempts      integer NOT NULL DEFAULT 0,
    signalled_at  timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now(),
    posted_at     timestamptz,
    UNIQUE (tenant_id, id),
    FOREIGN KEY (tenant_id, repository_id) REFERENCES repositories (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT reports_end CHECK (report IS NULL OR outcome IS NOT NULL)
);
CREATE UNIQUE INDEX check_runs_commit_key
    ON check_runs (tenant_id, repository_id, commit, (coalesce(pull_number, 0)));
CREATE INDEX check_runs_sync ON check_runs (sync_id) WHERE outcome IS NULL;
CREATE INDEX check_runs_unended ON check_runs (repository_id) WHERE outcome IS NULL;
CREATE INDEX check_runs_due ON check_runs (due_at) WHERE due;
CREATE INDEX check_runs_list ON check_runs (repository_id, id);

ALTER TABLE check_runs ENABLE ROW LEVEL SECURITY;
ALTER TABLE check_runs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON check_runs
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));
CREATE POLICY dispatch ON check_runs TO sbh_dispatch USING (due) WITH CHECK (due);

GRANT SELECT, INSERT, UPDATE, DELETE ON check_runs TO sbh_app;
GRANT SELECT (id, tenant_id, repository_id, due, due_at, signalled_at), UPDATE (signalled_at)
    ON check_runs TO sbh_dispatch;

-- A check run names what is not proved: few of many.
CREATE INDEX invariants_unproved ON invariants (repository_id, document_id) WHERE effective <> 'proved';
