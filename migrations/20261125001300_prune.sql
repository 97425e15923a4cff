-- What nobody needs any more is deleted in small batches. Proof results and the audit log stay.

GRANT DELETE ON inbox, syncs, document_texts, documents, repositories, coverage_totals TO sbh_app;
-- Staging a text that is there already renews it, so that it is not deleted under whoever refers to
-- it before that is committed.
GRANT UPDATE (created_at) ON document_texts TO sbh_app;
