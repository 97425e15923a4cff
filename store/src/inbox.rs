//! The inbox: every acknowledged notice until its result is recorded.
//!
//! A row is `open` until its repository was synchronised and every document that the
//! synchronisation found changed has a recorded result (then it is `closed`), or until it was
//! tried too often (then it is `parked` with the reason, for a person to retry).

use std::time::Duration;

use chrono::{DateTime, Utc};
use sbh_domain::{ConnectionId, DocumentId, InboxId, RepositoryId, TenantId};

use crate::{Store, StoreError};

/// A notice to be acknowledged: "look at this repository".
#[derive(Clone, Debug)]
pub struct NewNotice {
    /// The tenant.
    pub tenant: TenantId,
    /// The repository to look at.
    pub repository: RepositoryId,
    /// Who says so: `github`, `poll`, `api`.
    pub source: &'static str,
    /// The connection it came through.
    pub connection: Option<ConnectionId>,
    /// What the source declares as its deduplication key. A second notice with the key of one
    /// that no synchronisation has taken up yet is the same notice.
    pub dedup_key: String,
    /// What the notice said, for people: branch, commit, pusher. Small, never trusted.
    pub hint: serde_json::Value,
}

/// How a notice was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// A new row.
    New(InboxId),
    /// The same notice waits already.
    Duplicate(InboxId),
}

/// The notices of one repository that a dispatcher took up.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The tenant.
    pub tenant: TenantId,
    /// The repository to signal.
    pub repository: RepositoryId,
    /// Its name, for the Web UI.
    pub repository_name: String,
    /// The rows.
    pub rows: Vec<InboxId>,
    /// When the oldest of them came.
    pub oldest: DateTime<Utc>,
}

/// A row as people see it.
#[derive(Clone, Debug)]
pub struct InboxRow {
    /// Its id.
    pub id: InboxId,
    /// The repository it is about.
    pub repository: RepositoryId,
    /// Who sent it.
    pub source: String,
    /// `open`, `closed` or `parked`.
    pub state: String,
    /// How a closed row ended (`recorded`, `superseded`, `unchanged`), why a parked one was parked.
    pub reason: Option<String>,
    /// Attempts that failed so far.
    pub attempts: i32,
    /// What the notice said.
    pub hint: serde_json::Value,
    /// When it was acknowledged.
    pub received_at: DateTime<Utc>,
    /// When its workflow was last signalled.
    pub signalled_at: Option<DateTime<Utc>>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
}

/// A document whose observed content is not the recorded one.
#[derive(Clone, Debug)]
pub struct OpenDocument {
    /// The tenant.
    pub tenant: TenantId,
    /// Its repository.
    pub repository: RepositoryId,
    /// The repository's name, for the Web UI.
    pub repository_name: String,
    /// The document.
    pub document: DocumentId,
    /// Its path, for the Web UI.
    pub path: String,
}

/// How full the inbox is.
#[derive(Clone, Copy, Debug, Default)]
pub struct InboxDepth {
    /// Open rows.
    pub open: i64,
    /// Parked rows.
    pub parked: i64,
    /// Age of the oldest open row.
    pub oldest_age: Option<Duration>,
}

/// Wakes dispatchers; made by [`Store::inbox_listener`].
#[derive(Debug)]
pub struct InboxListener {
    // A connection of its own, outside the pools (LISTEN holds it).
    pub(crate) listener: sqlx::postgres::PgListener,
}

impl InboxListener {
    /// Waits for the next wake-up. Ends with an error when the connection is lost; a lost one is
    /// re-made by the next call.
    pub async fn woken(&mut self) -> Result<(), StoreError> {
        let _ = &mut self.listener;
        todo!()
    }
}

impl Store {
    /// Commits a notice to the inbox, in one round trip. After this returns it may be acknowledged.
    pub async fn accept(&self, notice: &NewNotice) -> Result<Accepted, StoreError> {
        let _ = notice;
        todo!()
    }

    /// Wakes all dispatchers (NOTIFY). Call it coalesced, outside any transaction: a NOTIFY per
    /// row would make all commits wait for each other.
    pub async fn wake_dispatchers(&self) -> Result<(), StoreError> {
        todo!()
    }

    /// A listener for [`Store::wake_dispatchers`], on its own connection.
    pub async fn inbox_listener(&self) -> Result<InboxListener, StoreError> {
        todo!()
    }

    /// Takes up to `limit` open rows that no synchronisation has taken up and that were never
    /// signalled, or last signalled longer ago than `again_after`, oldest first, skipping rows that
    /// another dispatcher holds; marks them as signalled now and groups them by repository.
    pub async fn claim_notices(
        &self,
        limit: i64,
        again_after: Duration,
    ) -> Result<Vec<Claim>, StoreError> {
        let _ = (limit, again_after);
        todo!()
    }

    /// Gives rows back that could not be signalled because Temporal was away: the next claim finds
    /// them; it does not count as an attempt.
    pub async fn release_notices(&self, claim: &Claim) -> Result<(), StoreError> {
        let _ = claim;
        todo!()
    }

    /// Notes a failed attempt of all open rows of a repository; rows with `max_attempts` or more
    /// are parked with the reason. Returns how many were parked.
    pub async fn fail_notices(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
        reason: &str,
        max_attempts: i32,
    ) -> Result<u64, StoreError> {
        let _ = (tenant, repository, reason, max_attempts);
        todo!()
    }

    /// Documents whose observed hash differs from the recorded one and that were announced
    /// longer ago than `older_than` (or never), for the reconciler; marks them as announced now.
    pub async fn claim_open_documents(
        &self,
        older_than: Duration,
        limit: i64,
    ) -> Result<Vec<OpenDocument>, StoreError> {
        let _ = (older_than, limit);
        todo!()
    }

    /// Closes open rows whose synchronisation has no document left to record: what a crash
    /// between two transactions can leave behind. Returns how many.
    pub async fn close_finished_notices(&self) -> Result<u64, StoreError> {
        todo!()
    }

    /// How full the inbox is, over all tenants.
    pub async fn inbox_depth(&self) -> Result<InboxDepth, StoreError> {
        todo!()
    }

    /// A page of a tenant's rows, newest first, in one state or in all; `before` is the id of the
    /// last row of the page before.
    pub async fn inbox(
        &self,
        tenant: &TenantId,
        state: Option<&str>,
        before: Option<InboxId>,
        limit: i64,
    ) -> Result<Vec<InboxRow>, StoreError> {
        let _ = (tenant, state, before, limit);
        todo!()
    }

    /// One row.
    pub async fn inbox_row(&self, tenant: &TenantId, id: InboxId) -> Result<InboxRow, StoreError> {
        let _ = (tenant, id);
        todo!()
    }

    /// Opens a parked row again, with no attempts counted.
    pub async fn retry_notice(
        &self,
        tenant: &TenantId,
        actor: &str,
        id: InboxId,
    ) -> Result<(), StoreError> {
        let _ = (tenant, actor, id);
        todo!()
    }
}
