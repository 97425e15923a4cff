-- Outgoing effects whose service takes no idempotency key: messages, e-mails, check runs. A row is
-- committed before anything is sent. One that was begun and not ended is unknown: it is never sent
-- again by itself.

CREATE TABLE effects (
    id              uuid PRIMARY KEY,
    tenant_id       text NOT NULL REFERENCES tenants (id),
    kind            text NOT NULL,
    idempotency_key text NOT NULL CHECK (length(idempotency_key) <= 300),
    -- To whom or what, for people.
    target          text NOT NULL,
    -- The channel that it goes through, for effects of `notify`.
    channel_id      uuid,
    payload         json NOT NULL,
    state           text NOT NULL DEFAULT 'intended'
        CHECK (state IN ('intended', 'sending', 'sent', 'unknown', 'failed', 'dropped')),
    -- Counts the sendings that were begun: whoever ends one names it.
    attempt         integer NOT NULL DEFAULT 0,
    -- Until when a sending must have ended; after it the outcome is unknown.
    lease_until     timestamptz,
    external_ref    text,
    reason          text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, id),
    CONSTRAINT effects_key UNIQUE (tenant_id, kind, idempotency_key),
    CONSTRAINT sending_has_a_lease CHECK ((state = 'sending') = (lease_until IS NOT NULL))
);
-- Sent ones stay as history, so these leave them out.
CREATE INDEX effects_unended ON effects (kind, channel_id, id) WHERE state = 'intended';
CREATE INDEX effects_lease ON effects (lease_until) WHERE state = 'sending';
CREATE INDEX effects_unknown ON effects (tenant_id, kind, target) WHERE state = 'unknown';

ALTER TABLE effects ENABLE ROW LEVEL SECURITY;
ALTER TABLE effects FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON effects
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));
CREATE POLICY dispatch ON effects FOR SELECT TO sbh_dispatch USING (state IN ('intended', 'sending'));

GRANT SELECT, INSERT, UPDATE, DELETE ON effects TO sbh_app;
GRANT SELECT (id, tenant_id, kind, channel_id, state, lease_until, changed_at) ON effects TO sbh_dispatch;
