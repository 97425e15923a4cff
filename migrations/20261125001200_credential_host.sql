-- The one host that a connection's credential is for. Where it is NULL the credential is for none, so
-- that a program that does not know the column yet cannot make one that goes anywhere.

ALTER TABLE connections ADD COLUMN credential_host text;

-- Up to now GitHub is the only source.
ALTER TABLE connections NO FORCE ROW LEVEL SECURITY;
UPDATE connections SET credential_host = 'github.com' WHERE sealed_credential IS NOT NULL;
ALTER TABLE connections FORCE ROW LEVEL SECURITY;
