//! Documents that callers put: `PUT /api/specs/{id}`. The current text and the notice about it are one
//! transaction, so that what was acknowledged is there.

use chrono::{DateTime, Utc};
use sbh_domain::{Digest, DocumentId, InboxId, RepositoryId, TenantId, TraceParent};
use serde_json::json;
use sqlx::PgConnection;

use crate::repository::name_taken;
use crate::text::{optional_digest, shortened, storable};
use crate::{Store, StoreError, audit};

/// The source's name in the database.
pub const SOURCE: &str = "upload";

/// The text of a document as it is now.
#[derive(Clone, Debug)]
pub struct Upload {
    /// The repository that stands for its collection.
    pub repository: RepositoryId,
    /// Its key.
    pub key: String,
    /// The text; `None` when it was deleted.
    pub text: Option<String>,
    /// The digest of the text as it was put.
    pub hash: Option<Digest>,
    /// Its title.
    pub title: Option<String>,
    /// `text/markdown` or `text/plain`.
    pub media_type: String,
    /// Counts its changes.
    pub version: i64,
    /// Who put it.
    pub updated_by: String,
    /// When.
    pub updated_at: DateTime<Utc>,
    /// The document that it became, once it was synchronised.
    pub document: Option<DocumentId>,
}

/// What must be true for a change to be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing: the last writer wins.
    #[default]
    None,
    /// There is no such document yet.
    Absent,
    /// The text is the one with this digest.
    Is(Digest),
}

/// A change of a document: a new text, or none any more.
#[derive(Clone, Debug)]
pub struct NewUpload<'a> {
    /// The collection's name.
    pub collection: &'a str,
    /// The document's key.
    pub key: &'a str,
    /// The new text with its title; `None` deletes the document.
    pub content: Option<(&'a str, Option<&'a str>)>,
    /// `text/markdown` or `text/plain`.
    pub media_type: &'a str,
    /// What must be true.
    pub precondition: Precondition,
    /// Who changes it.
    pub actor: &'a str,
    /// The trace of the request.
    pub trace: Option<TraceParent>,
}

/// How a change was made.
#[derive(Clone, Debug)]
pub enum Uploaded {
    /// It is committed, and so is the notice about it.
    Done {
        /// The notice.
        inbox: InboxId,
        /// The document as it is now.
        upload: Box<Upload>,
    },
    /// The precondition does not hold.
    Refused,
}

impl Store {
    /// Changes a document and puts the notice about it into the inbox, in one transaction. A
    /// collection is made when it is first put into.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for the deletion of what is not there, and [`StoreError::Conflict`]
    /// when a repository of another kind has the collection's name.
    pub async fn change_upload(
        &self,
        tenant: &TenantId,
        new: &NewUpload<'_>,
    ) -> Result<Uploaded, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let repository = match find(&mut tx, tenant, new.collection).await? {
            Some(repository) => repository,
            None if new.content.is_some() => make(&mut tx, tenant, new).await?,
            None => return Err(StoreError::not_found("document", new.key)),
        };
        // One writer of a document at a time, also of one that is not there yet.
        sqlx::query!(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 1))",
            format!("upload/{repository}/{}", new.key),
        )
        .execute(&mut *tx)
        .await?;
        let before = read(&mut tx, tenant, repository, new.key).await?;
        let before = before.filter(|upload| upload.text.is_some());
        if new.content.is_none() && before.is_none() {
            return Err(StoreError::not_found("document", new.key));
        }
        let hash = before.as_ref().and_then(|upload| upload.hash);
        let holds = match new.precondition {
            Precondition::None => true,
            Precondition::Absent => hash.is_none(),
            Precondition::Is(wanted) => hash == Some(wanted),
        };
        if !holds {
            return Ok(Uploaded::Refused);
        }
        write(&mut tx, tenant, repository, new).await?;
        let upload = read(&mut tx, tenant, repository, new.key).await?;
        let upload = upload.ok_or_else(|| StoreError::not_found("document", new.key))?;
        let inbox = notice(&mut tx, tenant, &upload, new).await?;
        let action = if new.content.is_some() { "spec.put" } else { "spec.delete" };
        let detail = json!({
            "key": new.key,
            "collection": new.collection,
            "version": upload.version,
            "hash": upload.hash.map(|hash| hash.short()),
        });
        audit::append(&mut tx, tenant, new.actor, action, repository, &detail).await?;
        tx.commit().await?;
        Ok(Uploaded::Done { inbox, upload: Box::new(upload) })
    }

    /// A document of a collection; `None` where there is none, or no such collection.
    pub async fn upload_in(
        &self,
        tenant: &TenantId,
        collection: &str,
        key: &str,
    ) -> Result<Option<Upload>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let found = match find(&mut tx, tenant, collection).await? {
            Some(repository) => read(&mut tx, tenant, repository, key).await?,
            None => None,
        };
        tx.commit().await?;
        Ok(found.filter(|upload| upload.text.is_some()))
    }

    /// A document of a repository of uploads, deleted or not.
    pub async fn upload(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        key: &str,
    ) -> Result<Option<Upload>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let found = read(&mut tx, tenant, repository, key).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// A page of the keys of a repository of uploads whose text is not the one that was staged last.
    pub async fn uploads_to_stage(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        after: &str,
        limit: i64,
    ) -> Result<Vec<String>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let keys = sqlx::query_scalar!(
            "SELECT upload.key FROM uploads upload
             WHERE upload.tenant_id = $1 AND upload.repository_id = $2 AND upload.key > $3
               AND NOT EXISTS (
                   SELECT FROM documents document
                   WHERE document.tenant_id = $1 AND document.repository_id = $2
                     AND document.path = upload.key
                     AND (document.observed IS NULL) = (upload.text IS NULL)
                     AND (upload.text IS NULL OR document.blob = upload.version::text))
             ORDER BY upload.key LIMIT $4",
            tenant.as_str(),
            repository.0,
            after,
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(keys)
    }
}

/// The repository of a collection.
async fn find(
    tx: &mut PgConnection,
    tenant: &TenantId,
    collection: &str,
) -> Result<Option<RepositoryId>, StoreError> {
    // Shared, so that the collection is not removed before this is committed.
    let id = sqlx::query_scalar!(
        "SELECT id FROM repositories
         WHERE tenant_id = $1 AND source = 'upload' AND space = $2 AND removed_at IS NULL FOR SHARE",
        tenant.as_str(),
        collection,
    )
    .fetch_optional(tx)
    .await?;
    Ok(id.map(RepositoryId))
}

async fn make(
    tx: &mut PgConnection,
    tenant: &TenantId,
    new: &NewUpload<'_>,
) -> Result<RepositoryId, StoreError> {
    let id = RepositoryId(uuid::Uuid::now_v7());
    let made = sqlx::query!(
        "INSERT INTO repositories (id, tenant_id, name, url, globs, source, space)
         VALUES ($1, $2, $3, $4, '{}', 'upload', $3)
         ON CONFLICT (tenant_id, connection_id, source, space)
             WHERE removed_at IS NULL AND space IS NOT NULL DO NOTHING",
        id.0,
        tenant.as_str(),
        new.collection,
        format!("{SOURCE}:{}", new.collection),
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| {
        if StoreError::breaks(&error, "repositories_name_key") {
            StoreError::Conflict(name_taken(new.collection))
        } else {
            error.into()
        }
    })?
    .rows_affected();
    if made == 0 {
        // Another caller was first.
        let found = find(tx, tenant, new.collection).await?;
        return found.ok_or(StoreError::Busy);
    }
    let detail = json!({ "name": new.collection, "source": SOURCE, "space": new.collection });
    audit::append(tx, tenant, new.actor, "repository.add", id, &detail).await?;
    Ok(id)
}

async fn write(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
    new: &NewUpload<'_>,
) -> Result<(), StoreError> {
    let text = new.content.map(|(text, _)| storable(text));
    let hash = text.as_deref().map(|text| Digest::of(text).0.to_vec());
    let title = new.content.and_then(|(_, title)| title).map(|title| shortened(title, 300));
    sqlx::query!(
        "INSERT INTO uploads AS known
             (tenant_id, repository_id, key, text, hash, title, media_type, updated_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (repository_id, key) DO UPDATE SET
             text = excluded.text, hash = excluded.hash, title = excluded.title,
             media_type = excluded.media_type, updated_by = excluded.updated_by,
             updated_at = now(), version = known.version + 1",
        tenant.as_str(),
        repository.0,
        new.key,
        text,
        hash,
        title,
        new.media_type,
        shortened(new.actor, 300),
    )
    .execute(tx)
    .await?;
    Ok(())
}

async fn read(
    tx: &mut PgConnection,
    tenant: &TenantId,
    repository: RepositoryId,
    key: &str,
) -> Result<Option<Upload>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT upload.text, upload.hash, upload.title, upload.media_type, upload.version,
                  upload.updated_by, upload.updated_at,
                  (SELECT document.id FROM documents document
                   WHERE document.tenant_id = $1 AND document.repository_id = $2
                     AND document.path = $3
                   ORDER BY document.observed IS NULL, document.id DESC LIMIT 1) AS document
           FROM uploads upload
           WHERE upload.tenant_id = $1 AND upload.repository_id = $2 AND upload.key = $3"#,
        tenant.as_str(),
        repository.0,
        key,
    )
    .fetch_optional(tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Upload {
        repository,
        key: key.to_owned(),
        text: row.text,
        hash: optional_digest(row.hash)?,
        title: row.title,
        media_type: row.media_type,
        version: row.version,
        updated_by: row.updated_by,
        updated_at: row.updated_at,
        document: row.document.map(DocumentId),
    }))
}

/// Every change has a notice of its own, also where one about the document waits: a synchronisation
/// that is taking that one up cannot see what is not committed yet.
async fn notice(
    tx: &mut PgConnection,
    tenant: &TenantId,
    upload: &Upload,
    new: &NewUpload<'_>,
) -> Result<InboxId, StoreError> {
    let id = InboxId(uuid::Uuid::now_v7());
    let hint = json!({ "key": upload.key, "version": upload.version, "by": new.actor });
    sqlx::query!(
        "INSERT INTO inbox (id, tenant_id, repository_id, source, dedup_key, hint, document_key,
                            traceparent)
         VALUES ($1, $2, $3, 'upload', $4, $5::text::json, $6, $7)",
        id.0,
        tenant.as_str(),
        upload.repository.0,
        format!("upload:{id}"),
        storable(&hint.to_string()),
        upload.key,
        new.trace.map(|trace| trace.to_string()),
    )
    .execute(tx)
    .await?;
    Ok(id)
}
