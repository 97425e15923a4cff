//! Writing what was staged: texts, document rows, and what a synchronisation waits for.

use std::collections::BTreeMap;

use sbh_domain::{Digest, RepositoryId, SyncId, TenantId};
use sqlx::PgConnection;

use crate::StoreError;
use crate::stage::Draft;

pub(crate) async fn write_texts(
    tx: &mut PgConnection,
    tenant: &TenantId,
    texts: &BTreeMap<Digest, &str>,
) -> Result<(), StoreError> {
    let hashes: Vec<_> = texts.keys().map(|hash| hash.0.to_vec()).collect();
    let texts: Vec<_> = texts.values().map(|&text| text.to_owned()).collect();
    // In the order of hashes: two repositories with the same texts never wait in a circle. A text that
    // is there already is renewed, so that it is not pruned before the document that refers to it is
    // committed.
    sqlx::query!(
        "INSERT INTO document_texts (tenant_id, hash, text)
         SELECT $1, hash, text FROM unnest($2::bytea[], $3::text[]) AS new (hash, text) ORDER BY hash
         ON CONFLICT (tenant_id, hash) DO UPDATE SET created_at = now()",
        tenant.as_str(),
        &hashes,
        &texts,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Writes the drafts: first the documents that are gone, which frees their paths, then the others.
pub(crate) async fn write_documents(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
    drafts: &[Draft],
) -> Result<(), StoreError> {
    for gone in [true, false] {
        let rows: Vec<_> = drafts
            .iter()
            .filter(|draft| draft.touched && draft.observed.is_none() == gone)
            .collect();
        if rows.is_empty() {
            continue;
        }
        let ids: Vec<_> = rows.iter().map(|draft| draft.id).collect();
        let paths: Vec<_> = rows.iter().map(|draft| draft.path.clone()).collect();
        let blobs: Vec<_> = rows.iter().map(|draft| draft.blob.clone()).collect();
        let observed: Vec<_> =
            rows.iter().map(|draft| draft.observed.map(|hash| hash.0.to_vec())).collect();
        let versions: Vec<_> = rows.iter().map(|draft| draft.version).collect();
        let unreadable: Vec<_> = rows.iter().map(|draft| draft.unreadable.clone()).collect();
        let titles: Vec<_> = rows.iter().map(|draft| draft.about.title.clone()).collect();
        let urls: Vec<_> = rows.iter().map(|draft| draft.about.url.clone()).collect();
        let new: Vec<_> = rows.iter().map(|draft| draft.new).collect();
        sqlx::query!(
            "UPDATE documents document SET
                 path = draft.path, blob = draft.blob, observed = draft.observed,
                 observed_version = draft.version, unreadable = draft.unreadable,
                 title = draft.title, source_url = draft.url,
                 drifted_at = CASE WHEN draft.observed IS NOT DISTINCT FROM recorded THEN NULL
                                   ELSE coalesce(drifted_at, now()) END,
                 recorded_version = CASE WHEN draft.observed IS NOT DISTINCT FROM recorded
                                         THEN draft.version ELSE recorded_version END,
                 nudged_at = CASE WHEN draft.observed IS NOT DISTINCT FROM recorded THEN NULL
                                  WHEN draft.version = observed_version THEN nudged_at
                                  ELSE now() END,
                 nudges = CASE WHEN draft.version = observed_version THEN nudges ELSE 0 END,
                 failures = CASE WHEN draft.version = observed_version THEN failures ELSE 0 END,
                 failure = CASE WHEN draft.version = observed_version THEN failure END
             FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::bigint[], $7::text[],
                         $8::text[], $9::text[])
                 AS draft (id, path, blob, observed, version, unreadable, title, url)
             WHERE document.tenant_id = $1 AND document.id = draft.id",
            tenant.as_str(),
            &ids,
            &paths,
            &blobs as &[Option<String>],
            &observed as &[Option<Vec<u8>>],
            &versions,
            &unreadable as &[Option<String>],
            &titles as &[Option<String>],
            &urls as &[Option<String>],
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "INSERT INTO documents
                 (id, tenant_id, repository_id, path, blob, observed, observed_version, unreadable,
                  drifted_at, nudged_at, title, source_url)
             SELECT draft.id, $1, $2, draft.path, draft.blob, draft.observed, draft.version,
                    draft.unreadable, CASE WHEN draft.observed IS NOT NULL THEN now() END,
                    CASE WHEN draft.observed IS NOT NULL THEN now() END, draft.title, draft.url
             FROM unnest($3::uuid[], $4::text[], $5::text[], $6::bytea[], $7::bigint[], $8::text[], $9::bool[],
                         $10::text[], $11::text[])
                 AS draft (id, path, blob, observed, version, unreadable, new, title, url)
             WHERE draft.new",
            tenant.as_str(),
            repository.0,
            &ids,
            &paths,
            &blobs as &[Option<String>],
            &observed as &[Option<Vec<u8>>],
            &versions,
            &unreadable as &[Option<String>],
            &new,
            &titles as &[Option<String>],
            &urls as &[Option<String>],
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

pub(crate) async fn wait_for(
    tx: &mut PgConnection,
    tenant: &TenantId,
    sync: SyncId,
    waits: &[&Draft],
) -> Result<(), StoreError> {
    let ids: Vec<_> = waits.iter().map(|draft| draft.id).collect();
    let versions: Vec<_> = waits.iter().map(|draft| draft.version).collect();
    let hashes: Vec<_> =
        waits.iter().map(|draft| draft.observed.map(|hash| hash.0.to_vec())).collect();
    sqlx::query!(
        "INSERT INTO sync_documents (tenant_id, sync_id, document_id, version, hash)
         SELECT $1, $2, wait.id, wait.version, wait.hash
         FROM unnest($3::uuid[], $4::bigint[], $5::bytea[]) AS wait (id, version, hash)
         ON CONFLICT (sync_id, document_id) DO UPDATE
             SET version = excluded.version, hash = excluded.hash",
        tenant.as_str(),
        sync.0,
        &ids,
        &versions,
        &hashes as &[Option<Vec<u8>>],
    )
    .execute(tx)
    .await?;
    Ok(())
}
