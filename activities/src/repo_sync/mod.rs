//! The activities of `repo_sync`: the store follows a repository's tracked branch, and the
//! workflows of changed documents are told.
#![allow(missing_docs, reason = "the macro adds constants that it does not document")]

mod announce;
mod hosted;
pub(crate) mod metrics;
pub(crate) mod plan;
mod reader;
pub(crate) mod reading;
mod sync;

use std::sync::Arc;

use sbh_domain::TenantId;
use sbh_runtime::trace;
use sbh_store::connection::StoredCredential;
use sbh_store::repository::Repository;
use sbh_workflows::repo_sync::{
    AnnounceInput, AnnounceOutcome, SyncInput, SyncOutcome, definitions,
};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tracing::Instrument;

pub use announce::DocumentSignals;
use metrics::Metrics;

use crate::error::Failure;
use crate::git::address::Address;
use crate::git::{Credential, Git, Remote, credential};
use crate::pace::Paces;
use crate::pulse::{Pulse, beating};
use crate::{FailureKind, Parts, github};

/// The activities of `repo_sync`.
pub struct RepoSync {
    parts: Parts,
    git: Git,
    paces: Paces,
    metrics: Metrics,
}

#[activities]
impl RepoSync {
    /// See [`sbh_workflows::repo_sync::RepoSyncActivities`].
    #[activity(definition = definitions::Sync)]
    pub async fn sync(
        self: Arc<Self>,
        context: ActivityContext,
        input: SyncInput,
    ) -> Result<SyncOutcome, ActivityError> {
        let pulse = Pulse::default();
        let attempt = context.info().attempt;
        let span = tracing::info_span!("repo_sync.sync", tenant = %input.tenant, repository = %input.repository, attempt);
        trace::join(&span, &input.traces);
        beating(&context, &pulse, self.synchronise(&pulse, &input, attempt)).instrument(span).await
    }

    /// See [`sbh_workflows::repo_sync::RepoSyncActivities`].
    #[activity(definition = definitions::Announce)]
    pub async fn announce(
        self: Arc<Self>,
        context: ActivityContext,
        input: AnnounceInput,
    ) -> Result<AnnounceOutcome, ActivityError> {
        let pulse = Pulse::default();
        let attempt = context.info().attempt;
        let span = tracing::info_span!("repo_sync.announce", tenant = %input.tenant, repository = %input.repository, attempt);
        let traces = trace::join(&span, &input.traces);
        beating(&context, &pulse, self.tell(&pulse, &input, &traces)).instrument(span).await
    }
}

impl RepoSync {
    pub(crate) fn new(parts: Parts, git: Git, paces: Paces, metrics: Metrics) -> Self {
        Self { parts, git, paces, metrics }
    }
}

/// Checks a repository's address and opens its connection's credential. One that is for no host is for
/// the source's interface alone, and git does without.
pub(crate) async fn remote_of(
    parts: &Parts,
    git: &Git,
    tenant: &TenantId,
    repository: &Repository,
) -> Result<Remote, Failure> {
    let stored = match repository.connection {
        Some(connection) => parts.store.connection_credential(tenant, connection).await?,
        None => None,
    };
    let credential = match stored {
        Some(StoredCredential { sealed, host: Some(host) }) => {
            let address = Address::parse(&repository.url)?;
            credential::check_host(Some(&host), &address)?;
            let plain = parts.keyring.open(credential::PURPOSE, &sealed).map_err(|error| {
                let message = format!("the connection's credential cannot be opened: {error}");
                Failure::new(FailureKind::Credential, message)
            })?;
            let credential = Credential::parse(&plain)?;
            match (&credential, &address, repository.connection) {
                // Perhaps the key of a GitHub App, which git is shown a token of.
                (Credential::Key(_), Address::Https { .. }, Some(connection)) => Some(
                    github::git_credential(parts, tenant, connection).await?.unwrap_or(credential),
                ),
                _ => Some(credential),
            }
        }
        _ => None,
    };
    git.remote(&repository.url, credential).await
}
