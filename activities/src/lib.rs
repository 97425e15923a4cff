//! The side effects of the workflows: fetching repositories, proving, recording, signalling.
//!
//! Each activity can be repeated at any point without a second effect: what it stages is keyed,
//! and what it records is one transaction.

mod access;
pub mod check_run;
pub mod drift_backlog;
pub mod error;
pub mod git;
mod github;
pub mod head_poll;
pub mod notify;
mod pace;
pub mod pull_request;
pub mod pulse;
pub mod repo_sync;
pub mod source_upkeep;
pub mod spec_drift;

use std::sync::Arc;

use prometheus::Registry;
use sbh_outbound::Outbound;
use sbh_prover::{Pool, Portfolio};
use sbh_runtime::{Config, Keyring, valkey::Valkey};
use sbh_sources::Bases;
use sbh_store::Store;

pub use check_run::CheckRun;
pub use drift_backlog::DriftBacklog;
pub use error::{Failure, FailureKind};
pub use head_poll::HeadPoll;
pub use notify::Notify;
pub use pull_request::PullRequest;
pub use repo_sync::{DocumentSignals, RepoSync};
pub use source_upkeep::SourceUpkeep;
pub use spec_drift::SpecDrift;

/// What the activities work with.
#[derive(Clone)]
pub struct Parts {
    /// The configuration of this process.
    pub config: Config,
    /// The database.
    pub store: Store,
    /// Opens the credentials of connections.
    pub keyring: Keyring,
    /// The cache of verdicts.
    pub valkey: Valkey,
    /// The solver processes.
    pub pool: Pool,
    /// All who may judge, the pool among them.
    pub portfolio: Portfolio,
    /// Starts and signals the workflows of documents.
    pub documents: Arc<dyn DocumentSignals>,
    /// Reaches the services of sources, chat and mail.
    pub outbound: Outbound,
    /// Where the services are that are the same for everybody.
    pub bases: Arc<Bases>,
}

/// All activities, ready to be registered with a worker.
pub struct Activities {
    parts: Parts,
    git: git::Git,
    repo_sync: repo_sync::metrics::Metrics,
    spec_drift: spec_drift::metrics::Metrics,
    head_poll: head_poll::Metrics,
    source_upkeep: source_upkeep::Metrics,
    paces: pace::Paces,
    notify: notify::metrics::Metrics,
    drift_backlog: drift_backlog::Metrics,
    check_run: check_run::Metrics,
    pull_request: pull_request::Metrics,
}

impl Activities {
    /// Checks the configuration and registers the metrics.
    ///
    /// # Errors
    /// A field of the configuration that cannot be used, or a metric that is registered already.
    pub fn new(parts: Parts, registry: &Registry) -> anyhow::Result<Self> {
        // Otherwise the first look-up in the cache would wait for it.
        let pool = parts.pool.clone();
        std::thread::spawn(move || pool.digest_binary());
        Ok(Self {
            git: git::Git::new(&parts.config.git)?,
            repo_sync: repo_sync::metrics::Metrics::register(registry)?,
            spec_drift: spec_drift::metrics::Metrics::register(registry)?,
            head_poll: head_poll::Metrics::register(registry)?,
            source_upkeep: source_upkeep::Metrics::register(registry)?,
            paces: pace::Paces::new(&parts.config.sources),
            notify: notify::metrics::Metrics::register(registry)?,
            drift_backlog: drift_backlog::Metrics::register(registry)?,
            check_run: check_run::Metrics::register(registry)?,
            pull_request: pull_request::Metrics::register(registry)?,
            parts,
        })
    }

    /// The activities of `repo_sync`.
    pub fn repo_sync(&self) -> RepoSync {
        let paces = self.paces.clone();
        RepoSync::new(self.parts.clone(), self.git.clone(), paces, self.repo_sync.clone())
    }

    /// The activities of `source_upkeep`.
    pub fn source_upkeep(&self) -> SourceUpkeep {
        SourceUpkeep::new(self.parts.clone(), self.paces.clone(), self.source_upkeep.clone())
    }

    /// The activities of `spec_drift`.
    pub fn spec_drift(&self) -> SpecDrift {
        SpecDrift::new(self.parts.clone(), self.spec_drift.clone())
    }

    /// The activity of `notify`.
    pub fn notify(&self) -> Notify {
        Notify::new(self.parts.clone(), self.notify.clone())
    }

    /// The activity of `drift_backlog`.
    pub fn drift_backlog(&self) -> DriftBacklog {
        DriftBacklog::new(self.parts.clone(), self.drift_backlog.clone())
    }

    /// The activity of `head_poll`.
    pub fn head_poll(&self) -> HeadPoll {
        HeadPoll::new(self.parts.clone(), self.git.clone(), self.head_poll.clone())
    }

    /// The activity of `check_run`.
    pub fn check_run(&self) -> CheckRun {
        CheckRun::new(self.parts.clone(), self.check_run.clone())
    }

    /// The activity of `pull_request`.
    pub fn pull_request(&self) -> PullRequest {
        let judge = self.spec_drift();
        PullRequest::new(self.parts.clone(), self.git.clone(), judge, self.pull_request.clone())
    }
}
