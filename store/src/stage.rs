//! Staging what a synchronisation found: texts, documents, and what the synchronisation waits for.

use std::collections::{BTreeMap, HashMap, HashSet};

use sbh_domain::{Digest, RepositoryId, SyncId, TenantId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::repo_sync::{DocumentChange, StagedSync, enter};
use crate::settle::{Answered, Change, settle};
use crate::text::{optional_digest, shortened, storable};
use crate::{Store, StoreError};

/// A document's row, as it was read and as the changes leave it.
struct Draft {
    id: Uuid,
    path: String,
    blob: Option<String>,
    observed: Option<Digest>,
    recorded: Option<Digest>,
    version: i64,
    unreadable: Option<String>,
    /// Whether the row is not in the database yet.
    new: bool,
    /// Whether the row must be written.
    touched: bool,
    /// Whether its content changed.
    changed: bool,
    /// Whether this synchronisation waits for it already: the batch is repeated.
    waited_for: bool,
}

impl Draft {
    fn observe(&mut self, observed: Option<Digest>) {
        if self.observed != observed {
            self.observed = observed;
            self.version += 1;
            self.changed = true;
            self.touched = true;
        }
    }

    fn is_open(&self) -> bool {
        self.observed != self.recorded
    }
}

/// What is known of a path's content.
struct Content<'a> {
    hash: Digest,
    text: Option<&'a str>,
    unreadable: Option<String>,
}

impl Store {
    /// Stages some changes under `sync` (call it in batches of a few hundred; safe to repeat).
    /// A text whose hash is the observed one already is no change. An unreadable document gets as
    /// its observed hash the digest of its reason and blob, so that it is judged (`error`) once.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a newer synchronisation of the repository has begun to stage.
    pub async fn stage_documents(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        sync: SyncId,
        changes: &[DocumentChange],
    ) -> Result<StagedSync, StoreError> {
        let mut tx = self.scope(tenant).await?;
        enter(&mut tx, tenant, repository, sync).await?;
        let mut drafts = read(&mut tx, tenant, repository, sync, changes).await?;
        let mut texts: BTreeMap<Digest, &str> = BTreeMap::new();
        apply(&mut drafts, changes, &mut texts);
        write_texts(&mut tx, tenant, &texts).await?;
        write_documents(&mut tx, tenant, repository, &drafts).await?;

        let mut staged = StagedSync { changed: 0, removed: 0 };
        let mut own = Change::default();
        let (mut waits, mut answered) = (Vec::new(), Vec::new());
        for draft in &drafts {
            if !draft.changed && !draft.waited_for {
                continue;
            }
            if draft.is_open() {
                if draft.observed.is_some() { staged.changed += 1 } else { staged.removed += 1 }
            }
            if draft.changed {
                own.staged += 1;
                if draft.is_open() {
                    own.pending += i32::from(!draft.waited_for);
                    waits.push(draft);
                } else {
                    // What is recorded came back: whoever waited for what was in between has
                    // nothing more to wait for.
                    own.recorded += 1;
                    answered.push(Answered { document: draft.id, version: draft.version });
                }
            }
        }
        wait_for(&mut tx, tenant, sync, &waits).await?;
        settle(&mut tx, tenant, &answered, BTreeMap::from([(sync.0, own)])).await?;
        tx.commit().await?;
        Ok(staged)
    }
}

/// Reads and locks the documents at all paths that the changes name.
async fn read(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
    sync: SyncId,
    changes: &[DocumentChange],
) -> Result<Vec<Draft>, StoreError> {
    let mut paths: Vec<String> = Vec::new();
    for change in changes {
        match change {
            DocumentChange::Present { path, renamed_from, .. } => {
                paths.push(storable(path));
                paths.extend(renamed_from.as_deref().map(storable));
            }
            DocumentChange::Absent { path } => paths.push(storable(path)),
        }
    }
    let rows = sqlx::query!(
        r#"SELECT id, path, blob, observed, recorded, observed_version, unreadable,
                  EXISTS (SELECT FROM sync_documents wait
                          WHERE wait.tenant_id = $1 AND wait.sync_id = $4
                            AND wait.document_id = document.id) AS "waited_for!"
           FROM documents document
           WHERE tenant_id = $1 AND repository_id = $2 AND path = ANY($3)
           ORDER BY id FOR NO KEY UPDATE"#,
        tenant.as_str(),
        repository.0,
        &paths,
        sync.0,
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(Draft {
                id: row.id,
                path: row.path,
                blob: row.blob,
                observed: optional_digest(row.observed)?,
                recorded: optional_digest(row.recorded)?,
                version: row.observed_version,
                unreadable: row.unreadable,
                new: false,
                touched: false,
                changed: false,
                waited_for: row.waited_for,
            })
        })
        .collect()
}

/// Applies the changes to the drafts.
fn apply<'a>(
    drafts: &mut Vec<Draft>,
    changes: &'a [DocumentChange],
    texts: &mut BTreeMap<Digest, &'a str>,
) {
    // The living document at a path, and the last one that is gone from it.
    let mut living: HashMap<String, usize> = HashMap::new();
    let mut gone: HashMap<String, usize> = HashMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        let map = if draft.observed.is_some() { &mut living } else { &mut gone };
        map.insert(draft.path.clone(), index);
    }
    let present: HashSet<&str> = changes
        .iter()
        .filter_map(|change| match change {
            DocumentChange::Present { path, .. } => Some(path.as_str()),
            DocumentChange::Absent { .. } => None,
        })
        .collect();
    for change in changes {
        match change {
            DocumentChange::Absent { path } => {
                let path = storable(path);
                if let Some(index) = living.remove(&path) {
                    drafts[index].observe(None);
                    drafts[index].unreadable = None;
                    gone.insert(path, index);
                }
            }
            DocumentChange::Present { path, renamed_from, blob, content } => {
                let content = read_content(blob, content);
                if let Some(text) = content.text {
                    texts.insert(content.hash, text);
                }
                let path = storable(path);
                // The document at the old path, unless something else is at that path now.
                let old = renamed_from
                    .as_deref()
                    .filter(|old| !present.contains(old))
                    .and_then(|old| living.remove(&storable(old)));
                let index = match (living.get(&path).copied(), old) {
                    (Some(index), None) => index,
                    (Some(index), Some(old)) => {
                        // An interrupted synchronisation made the document at the new path already.
                        if !drafts[old].waited_for {
                            drafts[old].observe(None);
                        }
                        index
                    }
                    (None, Some(old)) => old,
                    (None, None) => gone.remove(&path).unwrap_or_else(|| {
                        drafts.push(Draft {
                            id: Uuid::now_v7(),
                            path: path.clone(),
                            blob: None,
                            observed: None,
                            recorded: None,
                            version: 0,
                            unreadable: None,
                            new: true,
                            touched: true,
                            changed: false,
                            waited_for: false,
                        });
                        drafts.len() - 1
                    }),
                };
                let draft = &mut drafts[index];
                draft.observe(Some(content.hash));
                if draft.path != path || draft.blob.as_deref() != Some(blob) {
                    draft.path.clone_from(&path);
                    draft.blob = Some(storable(blob));
                    draft.touched = true;
                }
                draft.unreadable = content.unreadable;
                living.insert(path, index);
            }
        }
    }
}

/// A text with NUL is unreadable as well: PostgreSQL cannot hold it, and no spec means it.
fn read_content<'a>(
    blob: &str,
    content: &'a Result<crate::repo_sync::CanonicalText, String>,
) -> Content<'a> {
    let reason = match content {
        Ok(content) if !content.text.contains('\0') => {
            return Content { hash: content.hash, text: Some(&content.text), unreadable: None };
        }
        Ok(_) => "it holds NUL characters".to_owned(),
        Err(reason) => shortened(reason, 2_000),
    };
    let hash = Digest::of_fields([b"unreadable".as_slice(), reason.as_bytes(), blob.as_bytes()]);
    Content { hash, text: None, unreadable: Some(reason) }
}

async fn write_texts(
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
async fn write_documents(
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
        let new: Vec<_> = rows.iter().map(|draft| draft.new).collect();
        sqlx::query!(
            "UPDATE documents document SET
                 path = draft.path, blob = draft.blob, observed = draft.observed,
                 observed_version = draft.version, unreadable = draft.unreadable,
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
             FROM unnest($2::uuid[], $3::text[], $4::text[], $5::bytea[], $6::bigint[], $7::text[])
                 AS draft (id, path, blob, observed, version, unreadable)
             WHERE document.tenant_id = $1 AND document.id = draft.id",
            tenant.as_str(),
            &ids,
            &paths,
            &blobs as &[Option<String>],
            &observed as &[Option<Vec<u8>>],
            &versions,
            &unreadable as &[Option<String>],
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "INSERT INTO documents
                 (id, tenant_id, repository_id, path, blob, observed, observed_version, unreadable,
                  drifted_at, nudged_at)
             SELECT draft.id, $1, $2, draft.path, draft.blob, draft.observed, draft.version,
                    draft.unreadable, CASE WHEN draft.observed IS NOT NULL THEN now() END,
                    CASE WHEN draft.observed IS NOT NULL THEN now() END
             FROM unnest($3::uuid[], $4::text[], $5::text[], $6::bytea[], $7::bigint[], $8::text[], $9::bool[])
                 AS draft (id, path, blob, observed, version, unreadable, new)
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
        )
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}

async fn wait_for(
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
