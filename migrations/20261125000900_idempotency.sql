-- Answers to requests with an `Idempotency-Key`, for 24 hours.

CREATE TABLE idempotency_keys (
    tenant_id   text NOT NULL,
    key         text NOT NULL CHECK (length(key) <= 300),
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    created_at  timestamptz NOT NULL DEFAULT now(),
    -- The answer: a status with a body, or the id of what an answer with a secret was about.
    status      smallint,
    body        json,
    secret_id   text,
    PRIMARY KEY (tenant_id, key)
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON idempotency_keys
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));
CREATE POLICY dispatch ON idempotency_keys FOR SELECT TO sbh_dispatch USING (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO sbh_app;
GRANT SELECT (tenant_id, created_at) ON idempotency_keys TO sbh_dispatch;
