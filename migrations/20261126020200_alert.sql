-- Alerts (conditions), the channels that they are told to, and what each channel is still to be told.

CREATE TABLE alerts (
    id              uuid PRIMARY KEY,
    tenant_id       text NOT NULL REFERENCES tenants (id),
    key             text NOT NULL CHECK (length(key) <= 400),
    kind            text NOT NULL,
    severity        text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    title           text NOT NULL,
    detail          json NOT NULL,
    repository_id   uuid,
    document_id     uuid,
    connection_id   uuid,
    invariant       text,
    -- An event is told once and is never open.
    state           text NOT NULL CHECK (state IN ('open', 'event', 'resolved')),
    raised_at       timestamptz NOT NULL DEFAULT now(),
    last_seen_at    timestamptz NOT NULL DEFAULT now(),
    times_seen      bigint NOT NULL DEFAULT 1,
    resolved_at     timestamptz,
    acknowledged_at timestamptz,
    acknowledged_by text,
    acknowledgement text,
    UNIQUE (tenant_id, id),
    CONSTRAINT resolved_has_a_time CHECK ((state = 'resolved') = (resolved_at IS NOT NULL))
);
-- A condition is open once. What is resolved stays as history for a while.
CREATE UNIQUE INDEX alerts_key ON alerts (tenant_id, key) WHERE state <> 'resolved';
CREATE INDEX alerts_prefix ON alerts (tenant_id, key text_pattern_ops) WHERE state = 'open';
CREATE INDEX alerts_history ON alerts (tenant_id, key, raised_at);
CREATE INDEX alerts_repository ON alerts (repository_id) WHERE state = 'open';

ALTER TABLE alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE alerts FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON alerts
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));

GRANT SELECT, INSERT, UPDATE, DELETE ON alerts TO sbh_app;

-- Where alerts are told. The secret (a webhook's address, a token) arrives sealed; `target` holds what
-- is no secret: a Slack channel's id, e-mail addresses.
CREATE TABLE alert_channels (
    id               uuid PRIMARY KEY,
    tenant_id        text NOT NULL REFERENCES tenants (id),
    kind             text NOT NULL CHECK (kind IN ('slack_webhook', 'slack_bot', 'email')),
    name             text NOT NULL,
    target           json NOT NULL,
    sealed_secret    bytea,
    floor            text NOT NULL CHECK (floor IN ('info', 'warning', 'critical')),
    kinds            text[] NOT NULL DEFAULT '{}',
    quiet_from_min   smallint CHECK (quiet_from_min BETWEEN 0 AND 1439),
    quiet_to_min     smallint CHECK (quiet_to_min BETWEEN 0 AND 1439),
    utc_offset_min   smallint NOT NULL DEFAULT 0 CHECK (utc_offset_min BETWEEN -840 AND 840),
    dedup_window_s   integer NOT NULL DEFAULT 600 CHECK (dedup_window_s >= 0),
    escalate_after_s integer CHECK (escalate_after_s > 0),
    paused           boolean NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now(),
    removed_at       timestamptz,
    last_sent_at     timestamptz,
    last_error       text,
    sent             bigint NOT NULL DEFAULT 0,
    UNIQUE (tenant_id, id),
    CONSTRAINT quiet_has_two_ends CHECK ((quiet_from_min IS NULL) = (quiet_to_min IS NULL))
);
CREATE UNIQUE INDEX alert_channels_name_key ON alert_channels (tenant_id, name)
    WHERE removed_at IS NULL;

ALTER TABLE alert_channels ENABLE ROW LEVEL SECURITY;
ALTER TABLE alert_channels FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON alert_channels
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));
CREATE POLICY dispatch ON alert_channels FOR SELECT TO sbh_dispatch USING (removed_at IS NULL);

GRANT SELECT, INSERT, UPDATE ON alert_channels TO sbh_app;
GRANT SELECT (id, tenant_id, paused, removed_at, escalate_after_s) ON alert_channels TO sbh_dispatch;

-- What a channel is to be told of an alert. Claiming ties waiting rows to one effect (`effects`), which
-- is one message.
CREATE TABLE alert_deliveries (
    id         uuid PRIMARY KEY,
    tenant_id  text NOT NULL,
    channel_id uuid NOT NULL,
    alert_id   uuid NOT NULL,
    told       text NOT NULL CHECK (told IN ('raised', 'escalated', 'resolved')),
    severity   text NOT NULL CHECK (severity IN ('info', 'warning', 'critical')),
    -- Waiting, tied to an effect, or dropped because it came to nothing before anybody was told.
    state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'claimed', 'dropped')),
    due_at     timestamptz NOT NULL,
    effect_id  uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT alert_deliveries_once UNIQUE (alert_id, channel_id, told),
    CONSTRAINT claimed_by_an_effect CHECK ((state = 'claimed') = (effect_id IS NOT NULL)),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES alert_channels (tenant_id, id),
    FOREIGN KEY (tenant_id, alert_id) REFERENCES alerts (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, effect_id) REFERENCES effects (tenant_id, id)
);
CREATE INDEX alert_deliveries_due ON alert_deliveries (channel_id, due_at) WHERE state = 'waiting';
CREATE INDEX alert_deliveries_effect ON alert_deliveries (effect_id) WHERE effect_id IS NOT NULL;

ALTER TABLE alert_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE alert_deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON alert_deliveries
    USING (tenant_id = current_setting('sbh.tenant', true))
    WITH CHECK (tenant_id = current_setting('sbh.tenant', true));
CREATE POLICY dispatch ON alert_deliveries FOR SELECT TO sbh_dispatch USING (state = 'waiting');

GRANT SELECT, INSERT, UPDATE, DELETE ON alert_deliveries TO sbh_app;
GRANT SELECT (tenant_id, channel_id, state, due_at) ON alert_deliveries TO sbh_dispatch;
