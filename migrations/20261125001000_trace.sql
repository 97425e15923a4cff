-- The W3C trace context of the request that a notice came with: the dispatcher goes on with it.

ALTER TABLE inbox ADD COLUMN traceparent text CHECK (length(traceparent) = 55);
GRANT SELECT (traceparent) ON inbox TO sbh_dispatch;
