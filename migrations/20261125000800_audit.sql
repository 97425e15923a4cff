-- The audit log: appended unsealed by every mutation, sealed into one chain per tenant afterwards.

CREATE TABLE audit_log (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    actor     text NOT NULL,
    action    text NOT NULL,
    target    text NOT NULL,
    -- JSON as text: the chain's digest is over these very bytes.
    detail    text NOT NULL,
    sequence  bigint,
    hash      bytea CHECK (octet_length(hash) = 32),
    CONSTRAINT sealed_whole CHECK ((sequence IS NULL) = (hash IS NULL))
);
CREATE UNIQUE INDEX audit_log_sequence ON audit_log (tenant_id, sequence);
CREATE INDEX audit_log_unsealed ON audit_log (tenant_id, id) WHERE sequence IS NULL;

ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit_log
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));
CREATE POLICY dispatch ON audit_log FOR SELECT TO sbh_dispatch USING (sequence IS NULL);

GRANT SELECT, INSERT (tenant_id, at, actor, action, target, detail), UPDATE (sequence, hash)
    ON audit_log TO sbh_app;
GRANT SELECT (tenant_id, sequence) ON audit_log TO sbh_dispatch;

-- Beyond the grants, for whoever holds more of them: an entry may be sealed once, nothing else.
CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF OLD.sequence IS NULL
            AND NEW.sequence IS NOT NULL
            AND (NEW.id, NEW.tenant_id, NEW.at, NEW.actor, NEW.action, NEW.target, NEW.detail)
                = (OLD.id, OLD.tenant_id, OLD.at, OLD.actor, OLD.action, OLD.target, OLD.detail)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is append-only: % refused', TG_OP
        USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_log
    FOR EACH ROW EXECUTE FUNCTION audit_log_is_append_only();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();

-- The last sealed entry of each tenant. A chain alone cannot tell that its end was cut off.
CREATE TABLE audit_heads (
    tenant_id text PRIMARY KEY,
    sequence  bigint NOT NULL,
    hash      bytea NOT NULL CHECK (octet_length(hash) = 32)
);

ALTER TABLE audit_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_heads FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit_heads
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));

GRANT SELECT, INSERT, UPDATE ON audit_heads TO sbh_app;
