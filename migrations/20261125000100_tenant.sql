-- Tenants, and the pattern that every table of a tenant follows:
--   * row-level security enabled and FORCEd, so that it binds the owner as well;
--   * one policy that compares the row's tenant with the transaction's `sbh.tenant`. Where that is
--     not set, the comparison is NULL and shows nothing;
--   * grants to `sbh_app` for what the programs do, and to `sbh_dispatch` by column for the little
--     that background work must see across tenants.
-- The roles exist before the first migration: `sbh_store::migrate` makes them.

CREATE TABLE tenants (
    id         text PRIMARY KEY CHECK (id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    created_at timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenants
    USING (id = current_setting('sbh.tenant', true))
    WITH CHECK (id = current_setting('sbh.tenant', true));
CREATE POLICY dispatch ON tenants FOR SELECT TO sbh_dispatch USING (true);

GRANT SELECT, INSERT ON tenants TO sbh_app;
GRANT SELECT (id) ON tenants TO sbh_dispatch;
