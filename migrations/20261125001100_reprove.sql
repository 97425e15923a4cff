-- Requests to prove a document again are rows of the inbox as well. They name their document; a proof
-- that begins takes them up, and what it records closes them.

ALTER TABLE inbox
    ADD COLUMN document_id uuid,
    -- Whether everything is to be proved anew, whatever is recorded or cached.
    ADD COLUMN force boolean NOT NULL DEFAULT false,
    -- When a proof took the request up: only a proof that began after the request answers it.
    ADD COLUMN taken_at timestamptz,
    ADD CONSTRAINT only_documents_are_taken CHECK (document_id IS NOT NULL OR taken_at IS NULL);
CREATE INDEX inbox_document ON inbox (document_id) WHERE state <> 'closed' AND document_id IS NOT NULL;
GRANT SELECT (document_id) ON inbox TO sbh_dispatch;
