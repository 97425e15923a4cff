//! The activity of `head_poll`: pushes that nobody announced.
#![allow(missing_docs, reason = "the macro adds constants that it does not document")]

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::{StreamExt, stream};
use prometheus::{IntCounterVec, Opts, Registry};
use sbh_domain::{RepositoryId, TenantId, Traces};
use sbh_runtime::trace;
use sbh_store::inbox::{Accepted, NewNotice};
use sbh_store::repository::Repository;
use sbh_workflows::head_poll::{HeadPollInput, HeadPollOutcome, definitions};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use crate::Parts;
use crate::error::Failure;
use crate::git::Git;
use crate::pulse::{Pulse, beating};
use crate::repo_sync::remote_of;

/// Remotes asked at once.
const CONCURRENCY: usize = 8;

/// After this long, a head that was put into the inbox and is not the baseline yet is put there
/// again: its notice may have been parked.
const REMIND: Duration = Duration::from_secs(3_600);

/// The activity of `head_poll`.
pub struct HeadPoll {
    parts: Parts,
    git: Git,
    metrics: Metrics,
    polled: Mutex<HashMap<RepositoryId, Polled>>,
}

/// The recorded baseline and the head that was found instead. A head that comes back later is
/// another step, because the baseline moved between.
type Step = (Option<String>, String);

/// What this process remembers of a repository: enough not to ask and not to notify too often.
#[derive(Debug, Clone, Default)]
struct Polled {
    at: Option<Instant>,
    notified: Option<(Step, Instant)>,
}

/// The metrics of `head_poll`. Clones share them.
#[derive(Clone)]
pub(crate) struct Metrics {
    /// `sbh_head_polls_total{result}`: `unmoved`, `moved`, `failed`.
    polls: IntCounterVec,
}

impl Metrics {
    pub(crate) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let options = Opts::new("sbh_head_polls_total", "Remote heads compared, by result");
        let polls = IntCounterVec::new(options, &["result"])?;
        registry.register(Box::new(polls.clone()))?;
        Ok(Self { polls })
    }
}

/// What a comparison found.
enum Finding {
    Unmoved,
    Moved,
}

#[activities]
impl HeadPoll {
    /// See [`sbh_workflows::head_poll::HeadPollActivities`].
    #[activity(definition = definitions::CompareHeads)]
    pub async fn compare_heads(
        self: Arc<Self>,
        context: ActivityContext,
        input: HeadPollInput,
    ) -> Result<HeadPollOutcome, ActivityError> {
        let pulse = Pulse::default();
        beating(&context, &pulse, self.round(&pulse, &input)).await
    }
}

impl HeadPoll {
    pub(crate) fn new(parts: Parts, git: Git, metrics: Metrics) -> Self {
        Self { parts, git, metrics, polled: Mutex::default() }
    }

    /// One round over the repositories that are due.
    pub(crate) async fn round(
        &self,
        pulse: &Pulse,
        _input: &HeadPollInput,
    ) -> Result<HeadPollOutcome, Failure> {
        let mut outcome = HeadPollOutcome::default();
        for tenant in self.parts.store.tenants().await? {
            // First what is on the disk, so that a repository which comes meanwhile is not missed.
            let mirrored = self.git.mirrored(&tenant).await;
            let repositories = self.parts.store.repositories(&tenant, false).await?;
            self.forget_others(&tenant, mirrored, &repositories).await;
            // Hosted spaces are polled by their connection's upkeep.
            let git = repositories.into_iter().filter(|repository| repository.source == "git");
            let due: Vec<Repository> = git.filter(|repository| self.is_due(repository)).collect();
            let mut findings = stream::iter(due)
                .map(|repository| async move {
                    let finding = self.compare(&repository).await;
                    (repository, finding)
                })
                .buffer_unordered(CONCURRENCY);
            while let Some((repository, finding)) = findings.next().await {
                let label = match finding {
                    Ok(Finding::Unmoved) => "unmoved",
                    Ok(Finding::Moved) => {
                        outcome.moved += 1;
                        "moved"
                    }
                    Err(failure) if failure.kind.is_about_repository() => {
                        outcome.failed += 1;
                        self.note(&repository, &failure).await?;
                        "failed"
                    }
                    Err(failure) => return Err(failure),
                };
                outcome.checked += u32::from(label != "failed");
                self.metrics.polls.with_label_values(&[label]).inc();
                pulse.note(&outcome);
            }
        }
        if outcome.moved > 0 {
            self.parts.store.wake_dispatchers().await?;
        }
        Ok(outcome)
    }

    /// Deletes the mirrors of repositories that are not tracked any more. One that is restored is
    /// fetched anew. What cannot be deleted now is tried again in the next round.
    async fn forget_others(
        &self,
        tenant: &TenantId,
        mirrored: Vec<RepositoryId>,
        tracked: &[Repository],
    ) {
        let tracked: HashSet<_> = tracked.iter().map(|repository| repository.id).collect();
        for repository in mirrored.into_iter().filter(|id| !tracked.contains(id)) {
            match self.git.forget(tenant, repository).await {
                Ok(true) => tracing::info!(%tenant, %repository, "an unused mirror is deleted"),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%tenant, %repository, %error, "an unused mirror stays");
                }
            }
        }
    }

    fn is_due(&self, repository: &Repository) -> bool {
        // A little less than the period, so that a schedule with the same period never misses one.
        let period = Duration::from_secs(self.parts.config.git.poll_s).mul_f64(0.9);
        let polled = self.polled.lock().unwrap_or_else(PoisonError::into_inner);
        let at = polled.get(&repository.id).and_then(|polled| polled.at);
        at.is_none_or(|at| at.elapsed() >= period)
    }

    async fn compare(&self, repository: &Repository) -> Result<Finding, Failure> {
        self.remember(repository.id, |polled| polled.at = Some(Instant::now()));
        let tenant = &repository.tenant;
        let remote = remote_of(&self.parts, &self.git, tenant, repository).await?;
        let head = self.git.head(&remote, repository.branch.as_deref()).await?;
        if repository.baseline.as_deref() == Some(head.as_str()) {
            if repository.last_error.is_some() {
                self.parts.store.note_repository(tenant, repository.id, None).await?;
            }
            return Ok(Finding::Unmoved);
        }
        let step = (repository.baseline.clone(), head.clone());
        if self.was_notified(repository.id, &step) {
            return Ok(Finding::Unmoved);
        }
        let span =
            tracing::info_span!("head_poll.compare_heads", %tenant, repository = %repository.id);
        let traces = trace::join(&span, &Traces::new());
        let notice = NewNotice {
            tenant: tenant.clone(),
            repository: repository.id,
            source: "poll",
            connection: None,
            dedup_key: format!("poll:{head}"),
            document_key: None,
            pull_number: None,
            hint: serde_json::json!({ "commit": head, "branch": repository.branch }),
            trace: traces.first(),
        };
        let accepted = self.parts.store.accept(&notice).await?;
        self.remember(repository.id, |polled| polled.notified = Some((step, Instant::now())));
        Ok(match accepted {
            Accepted::New(_) => {
                span.in_scope(|| tracing::info!(commit = head, "a head moved"));
                Finding::Moved
            }
            Accepted::Duplicate(_) => Finding::Unmoved,
        })
    }

    async fn note(&self, repository: &Repository, failure: &Failure) -> Result<(), Failure> {
        let reason = failure.to_string();
        if repository.last_error.as_deref() != Some(reason.as_str()) {
            let (tenant, id) = (&repository.tenant, repository.id);
            tracing::warn!(%tenant, repository = %id, reason, "a remote head cannot be read");
            self.parts.store.note_repository(tenant, id, Some(&reason)).await?;
        }
        Ok(())
    }

    fn was_notified(&self, repository: RepositoryId, step: &Step) -> bool {
        let polled = self.polled.lock().unwrap_or_else(PoisonError::into_inner);
        let notified = polled.get(&repository).and_then(|polled| polled.notified.as_ref());
        notified.is_some_and(|(noticed, at)| noticed == step && at.elapsed() < REMIND)
    }

    fn remember(&self, repository: RepositoryId, change: impl FnOnce(&mut Polled)) {
        let mut polled = self.polled.lock().unwrap_or_else(PoisonError::into_inner);
        change(polled.entry(repository).or_default());
    }
}
