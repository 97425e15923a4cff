//! What a synchronisation of a repository reads and stages.

use sbh_domain::{Digest, InboxId, RepositoryId, SyncId, TenantId};

use crate::inbox::OpenDocument;
use crate::repository::Repository;
use crate::{Store, StoreError};

/// What a synchronisation starts from.
#[derive(Clone, Debug)]
pub struct SyncStart {
    /// The repository with its baseline.
    pub repository: Repository,
    /// The open rows that no synchronisation has taken up: this one answers them, because it fetches after
    /// reading them.
    pub notices: Vec<InboxId>,
}

/// One change of a document between the baseline and the new head.
#[derive(Clone, Debug)]
pub enum DocumentChange {
    /// The path holds a document now.
    Present {
        /// Its path in the repository.
        path: String,
        /// The path it had before, when it was renamed.
        renamed_from: Option<String>,
        /// The git object id of its content.
        blob: String,
        /// Its canonical text with its digest, or why it cannot be read as text
        /// (too large, binary, not UTF-8).
        content: Result<CanonicalText, String>,
    },
    /// The path holds no document any more.
    Absent {
        /// Its path in the repository.
        path: String,
    },
}

/// A document's canonical text.
#[derive(Clone, Debug)]
pub struct CanonicalText {
    /// The digest of `text`.
    pub hash: Digest,
    /// The text itself.
    pub text: String,
}

/// How a synchronisation ended.
#[derive(Clone, Debug)]
pub struct StagedSync {
    /// Documents that must be proved again.
    pub changed: u32,
    /// Documents that are gone.
    pub removed: u32,
}

impl Store {
    /// What a synchronisation starts from. Read it before fetching.
    pub async fn start_sync(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Result<SyncStart, StoreError> {
        let _ = (tenant, repository);
        todo!()
    }

    /// Stages some changes under `sync` (call it in batches of a few hundred; safe to repeat).
    /// A text whose hash is the observed one already is no change. An unreadable document gets as
    /// its observed hash the digest of its reason and blob, so that it is judged (`error`) once.
    pub async fn stage_documents(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        sync: SyncId,
        changes: &[DocumentChange],
    ) -> Result<StagedSync, StoreError> {
        let _ = (tenant, repository, sync, changes);
        todo!()
    }

    /// Moves the baseline to `commit` and hands `notices` to `sync`, in one transaction. Notices
    /// of a synchronisation without changes are closed at once (`unchanged`). Also notes success and the
    /// audit entry.
    pub async fn finish_sync(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        sync: SyncId,
        commit: &str,
        notices: &[InboxId],
    ) -> Result<(), StoreError> {
        let _ = (tenant, repository, sync, commit, notices);
        todo!()
    }

    /// Up to `limit` documents of a repository whose observed hash differs from the recorded one,
    /// with an id above `after`, in id order; marks them as announced now.
    pub async fn documents_to_announce(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        after: Option<sbh_domain::DocumentId>,
        limit: i64,
    ) -> Result<Vec<OpenDocument>, StoreError> {
        let _ = (tenant, repository, after, limit);
        todo!()
    }
}
