-- What a pull request would do to coverage. Its proofs stand beside the recorded ones and never move
-- the baseline.

CREATE TABLE pull_requests (
    tenant_id     text NOT NULL,
    repository_id uuid NOT NULL,
    number        bigint NOT NULL CHECK (number > 0),
    -- The head that was judged, and what it was compared with.
    head          text NOT NULL,
    base          text NOT NULL,
    -- `merge_base`, or `baseline` where no common commit was found.
    compared_with text NOT NULL CHECK (compared_with IN ('merge_base', 'baseline')),
    -- The commit whose recorded verdicts are `before`.
    baseline      text,
    documents     integer NOT NULL,
    before        json NOT NULL,
    after         json NOT NULL,
    proved_at     timestamptz NOT NULL DEFAULT now(),
    last_error    text,
    PRIMARY KEY (tenant_id, repository_id, number),
    FOREIGN KEY (tenant_id, repository_id) REFERENCES repositories (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX pull_requests_list ON pull_requests (repository_id, number);

ALTER TABLE pull_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE pull_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON pull_requests
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));

GRANT SELECT, INSERT, UPDATE, DELETE ON pull_requests TO sbh_app;

-- The verdicts on the documents that the judged head changes.
CREATE TABLE pull_request_proofs (
    tenant_id      text NOT NULL,
    repository_id  uuid NOT NULL,
    number         bigint NOT NULL,
    path           text NOT NULL,
    ordinal        integer NOT NULL,
    name           text NOT NULL,
    title          text,
    line           integer NOT NULL,
    end_line       integer NOT NULL,
    verdict        text NOT NULL CHECK (verdict IN
        ('proved', 'refuted', 'vacuous', 'unknown', 'timeout', 'conflict', 'error', 'not_run')),
    -- The verdict that is recorded for the name in that document; NULL: it is new.
    was            text,
    counterexample json,
    reason         text,
    origin         text NOT NULL,
    PRIMARY KEY (tenant_id, repository_id, number, path, ordinal),
    FOREIGN KEY (tenant_id, repository_id, number)
        REFERENCES pull_requests (tenant_id, repository_id, number) ON DELETE CASCADE
);

ALTER TABLE pull_request_proofs ENABLE ROW LEVEL SECURITY;
ALTER TABLE pull_request_proofs FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON pull_request_proofs
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));

GRANT SELECT, INSERT, DELETE ON pull_request_proofs TO sbh_app;

-- Notices about one pull request.
CREATE INDEX inbox_pull ON inbox (repository_id, pull_number)
    WHERE state <> 'closed' AND pull_number IS NOT NULL;
