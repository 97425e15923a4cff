//! Tracked repositories.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// A tracked repository.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Repository {
    /// Its id.
    pub id: Uuid,
    /// What people call it; unique among a tenant's repositories.
    pub name: String,
    /// Where its documents come from: `git`, or the hosted source that it is a space of (`jira`,
    /// `confluence`, `google_docs`, `upload`).
    #[serde(default = "git")]
    pub source: String,
    /// What a hosted source calls the space: a project's or space's key, a folder's id, a collection.
    #[serde(default)]
    pub space: Option<String>,
    /// The git address, without credentials; for a space `source:space`.
    pub url: String,
    /// The tracked branch; `null` follows the remote's default branch.
    pub branch: Option<String>,
    /// Which files are spec documents (globs).
    pub specs: Vec<String>,
    /// The connection that announces its pushes and holds its credential.
    pub connection_id: Option<Uuid>,
    /// The commit whose documents are recorded, for a space where its last listing ended; `null` before
    /// the first synchronisation.
    pub baseline: Option<String>,
    /// The last thing that went wrong with it; cleared by the next success.
    pub last_error: Option<String>,
    /// When it was last synchronised with success.
    pub synced_at: Option<DateTime<Utc>>,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it was removed.
    pub removed_at: Option<DateTime<Utc>>,
    /// Until when a removed one can be restored.
    pub restorable_until: Option<DateTime<Utc>>,
}

/// The source of what knows of no other.
fn git() -> String {
    "git".to_owned()
}

/// Tracks a repository, or follows a space of a hosted source.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct NewRepository {
    /// The git address: https, ssh (also `git@host:path`) or file, without a password. Absent for a
    /// space.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// A space of the connection's source: the key of a Jira project or Confluence space, the id of a
    /// Drive folder or document. Absent for a git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space: Option<String>,
    /// What people call it; the last part of the address, or the space, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The branch to track; the remote's default branch when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Which files are spec documents (globs); `**/*.md` and `**/*.smt2` below `specs/` when absent.
    #[serde(default)]
    pub specs: Vec<String>,
    /// The connection that announces its pushes and holds its credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<Uuid>,
}

/// Changes a repository.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RepositoryChange {
    /// The connection that announces its changes and holds its credential from now on; `null`: none.
    pub connection_id: Option<Uuid>,
}

/// Which repositories.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RepositoriesQuery {
    /// Whether to list the removed ones too.
    #[serde(default)]
    pub removed: bool,
}
