//! Documents that callers put: `PUT /api/specs/{id}`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// The collection that a document is in when nothing is said.
pub const DEFAULT_COLLECTION: &str = "uploads";

/// Which collection.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UploadQuery {
    /// The collection's name, `uploads` when absent. It is a repository of this name, made when it is
    /// first put into.
    pub repository: Option<String>,
}

/// A change of a document that is committed: its proof is due.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UploadAccepted {
    /// The inbox row, which is closed when the result is recorded.
    pub inbox_id: Uuid,
    /// The document's id (its key in the collection).
    pub id: String,
    /// Its address.
    pub address: String,
    /// The repository that stands for the collection.
    pub repository: Uuid,
    /// Counts the document's changes.
    pub version: i64,
    /// The text's entity tag for `If-Match`; `null` when the document was deleted.
    pub etag: Option<String>,
    /// The document's id everywhere else (`/api/specs/{document}`); `null` until it is synchronised
    /// for the first time.
    pub document: Option<Uuid>,
}

/// A document as it was put last.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UploadedSpec {
    /// Its id (its key in the collection).
    pub id: String,
    /// The repository that stands for the collection.
    pub repository: Uuid,
    /// Its title: the first heading.
    pub title: Option<String>,
    /// `text/markdown` or `text/plain`.
    pub media_type: String,
    /// The text.
    pub text: String,
    /// Counts the document's changes.
    pub version: i64,
    /// The text's entity tag for `If-Match`.
    pub etag: String,
    /// Who put it.
    pub updated_by: String,
    /// When.
    pub updated_at: DateTime<Utc>,
    /// The document's id everywhere else (`/api/specs/{document}`); `null` until it is synchronised
    /// for the first time.
    pub document: Option<Uuid>,
}
