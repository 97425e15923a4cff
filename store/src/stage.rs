//! Staging what a synchronisation found: texts, documents, and what the synchronisation waits for.

use std::collections::{BTreeMap, HashMap, HashSet};

use sbh_domain::{Digest, RepositoryId, SyncId, TenantId};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::repo_sync::{About, DocumentChange, StagedSync, enter};
use crate::settle::{Answered, Change, settle};
use crate::stage_write::{wait_for, write_documents, write_texts};
use crate::text::{optional_digest, shortened, storable};
use crate::{Store, StoreError};

/// A document's row, as it was read and as the changes leave it.
pub(crate) struct Draft {
    pub(crate) id: Uuid,
    pub(crate) path: String,
    pub(crate) blob: Option<String>,
    pub(crate) observed: Option<Digest>,
    pub(crate) recorded: Option<Digest>,
    pub(crate) version: i64,
    pub(crate) unreadable: Option<String>,
    pub(crate) about: About,
    /// Whether the row is not in the database yet.
    pub(crate) new: bool,
    /// Whether the row must be written.
    pub(crate) touched: bool,
    /// Whether its content changed.
    pub(crate) changed: bool,
    /// Whether this synchronisation waits for it already: the batch is repeated.
    pub(crate) waited_for: bool,
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
        let staged = stage(&mut tx, tenant, repository, sync, changes).await?;
        tx.commit().await?;
        Ok(staged)
    }
}

/// Stages changes in a transaction that has entered `sync`, and settles what they answer; last in it.
pub(crate) async fn stage(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
    sync: SyncId,
    changes: &[DocumentChange],
) -> Result<StagedSync, StoreError> {
    let mut drafts = read(tx, tenant, repository, sync, changes).await?;
    let mut texts: BTreeMap<Digest, &str> = BTreeMap::new();
    apply(&mut drafts, changes, &mut texts);
    write_texts(tx, tenant, &texts).await?;
    write_documents(tx, tenant, repository, &drafts).await?;

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
                // What is recorded came back: whoever waited for what was in between has nothing more
                // to wait for.
                own.recorded += 1;
                answered.push(Answered { document: draft.id, version: draft.version });
            }
        }
    }
    wait_for(tx, tenant, sync, &waits).await?;
    settle(tx, tenant, &answered, BTreeMap::from([(sync.0, own)])).await?;
    Ok(staged)
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
        r#"SELECT id, path, blob, observed, recorded, observed_version, unreadable, title,
                  source_url,
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
                about: About { title: row.title, url: row.source_url },
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
            DocumentChange::Present { path, renamed_from, blob, about, content } => {
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
                            about: About::default(),
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
                let about = About {
                    title: about.title.as_deref().map(|title| shortened(title, 300)),
                    url: about.url.as_deref().map(|url| shortened(url, 2_000)),
                };
                if draft.about != about {
                    draft.about = about;
                    draft.touched = true;
                }
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
