-- When a channel's workflow is told that there is something due, and until when the channel is to be
-- left alone.

ALTER TABLE alert_channels
    -- When its workflow was told last: it is told again when something else became due, or after a while.
    ADD COLUMN nudged_at  timestamptz NOT NULL DEFAULT '-infinity',
    -- Nothing is sent before this: the service asked for a pause, or a message went out just now.
    ADD COLUMN not_before timestamptz NOT NULL DEFAULT '-infinity';

DROP POLICY dispatch ON alert_channels;
CREATE POLICY dispatch ON alert_channels TO sbh_dispatch
    USING (removed_at IS NULL) WITH CHECK (removed_at IS NULL);
GRANT SELECT (nudged_at, not_before), UPDATE (nudged_at) ON alert_channels TO sbh_dispatch;
GRANT SELECT (created_at) ON alert_deliveries TO sbh_dispatch;
