-- Connections: sources of webhooks. Secrets and credentials arrive sealed.

CREATE TABLE connections (
    id                uuid PRIMARY KEY,
    tenant_id         text NOT NULL REFERENCES tenants (id),
    source            text NOT NULL,
    name              text NOT NULL,
    sealed_credential bytea,
    created_at        timestamptz NOT NULL DEFAULT now(),
    last_delivery_at  timestamptz,
    last_error        text,
    deliveries        bigint NOT NULL DEFAULT 0,
    refused           bigint NOT NULL DEFAULT 0,
    UNIQUE (tenant_id, id),
    CONSTRAINT connections_name_key UNIQUE (tenant_id, name)
);

ALTER TABLE connections ENABLE ROW LEVEL SECURITY;
ALTER TABLE connections FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON connections
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));
CREATE POLICY dispatch ON connections FOR SELECT TO sbh_dispatch USING (true);

GRANT SELECT, INSERT, UPDATE ON connections TO sbh_app;
GRANT SELECT (id, tenant_id, source) ON connections TO sbh_dispatch;

-- One live secret, or two during a rotation; the highest id is the newest.
CREATE TABLE connection_secrets (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id     text NOT NULL,
    connection_id uuid NOT NULL,
    sealed        bytea NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    FOREIGN KEY (tenant_id, connection_id) REFERENCES connections (tenant_id, id)
);
CREATE INDEX connection_secrets_connection ON connection_secrets (connection_id, id);

ALTER TABLE connection_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE connection_secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON connection_secrets
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));
CREATE POLICY dispatch ON connection_secrets FOR SELECT TO sbh_dispatch USING (true);

GRANT SELECT, INSERT, DELETE ON connection_secrets TO sbh_app;
GRANT SELECT (id, connection_id, sealed) ON connection_secrets TO sbh_dispatch;
