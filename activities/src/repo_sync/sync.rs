//! The activity `repo_sync.sync`.

use std::time::Instant;

use sbh_domain::{AlertKind, RepositoryId, TenantId};
use sbh_store::StoreError;
use sbh_store::alert::NewAlert;
use sbh_store::repo_sync::{About, DocumentChange, StagedSync, SyncStart};
use sbh_store::repository::Repository;
use sbh_workflows::repo_sync::{SyncInput, SyncOutcome};
use serde::Serialize;

use super::plan::{Filter, Plan, Step};
use super::reading::text_of;
use super::{RepoSync, remote_of};
use crate::error::{Failure, FailureKind, PATIENCE};
use crate::git::{Mirror, blobs::Blob};
use crate::pulse::Pulse;

/// Documents, and bytes of text, staged in one transaction at most.
const BATCH_DOCUMENTS: usize = 256;
const BATCH_BYTES: usize = 4 << 20;

/// How far a synchronisation is.
#[derive(Debug, Serialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
enum Progress<'a> {
    /// Fetching.
    Fetching,
    /// Reading and staging documents of a commit.
    Staging { commit: &'a str, done: usize, of: usize },
}

impl RepoSync {
    /// Follows the tracked branch. Failures of the repository are noted on it.
    pub(crate) async fn synchronise(
        &self,
        pulse: &Pulse,
        input: &SyncInput,
        attempt: u32,
    ) -> Result<SyncOutcome, Failure> {
        let (hosted, was_failing) =
            match self.parts.store.repository(&input.tenant, input.repository).await {
                Ok(found) => (found.space.is_some(), found.last_error.is_some()),
                Err(StoreError::NotFound { .. }) => (false, false),
                Err(error) => return Err(error.into()),
            };
        let result = if hosted {
            self.follow_space(pulse, input).await
        } else {
            self.follow(pulse, input).await
        };
        let label = match &result {
            Ok(SyncOutcome { retry_after_s: Some(_), .. }) => "rate_limited",
            Ok(outcome) if outcome.changed + outcome.removed > 0 => "changed",
            Ok(_) => "unchanged",
            Err(failure) => failure.kind.type_name(),
        };
        self.metrics.syncs.with_label_values(&[label]).inc();
        match result {
            Err(failure) if failure.kind.is_about_repository() => {
                Err(self.note(input, failure, attempt).await)
            }
            Ok(outcome) if was_failing => {
                let key = alert_key(input.repository);
                self.parts.store.resolve_alert(&input.tenant, &key).await?;
                Ok(outcome)
            }
            other => other,
        }
    }

    async fn note(&self, input: &SyncInput, mut failure: Failure, attempt: u32) -> Failure {
        let SyncInput { tenant, repository, .. } = input;
        let (store, reason) = (&self.parts.store, failure.to_string());
        tracing::warn!(%tenant, %repository, reason, attempt, "a repository cannot be synchronised");
        if let Err(error) = store.note_repository(tenant, *repository, Some(&reason)).await {
            return error.into();
        }
        if !failure.kind.is_final() && attempt < PATIENCE {
            return failure;
        }
        if let Err(error) = self.alert(input, &reason).await {
            return error.into();
        }
        // Where only a person can help, trying again hides the reason.
        let most =
            if failure.kind.needs_a_person() { 1 } else { self.parts.config.starter.max_attempts };
        match store.fail_notices(tenant, *repository, &reason, most).await {
            Ok(0) => {}
            Ok(parked) => {
                failure.message.push_str(&format!("; {parked} notices are parked: sbh inbox"));
            }
            Err(error) => return error.into(),
        }
        failure
    }

    /// Somebody should know: nothing of it is proved until that is mended.
    async fn alert(&self, input: &SyncInput, reason: &str) -> Result<(), StoreError> {
        let SyncInput { tenant, repository, .. } = input;
        let found = self.parts.store.repository(tenant, *repository).await?;
        let title = format!("{} cannot be synchronised", found.name);
        let alert = NewAlert {
            repository: Some(*repository),
            connection: found.connection,
            detail: serde_json::json!({
                "reason": reason,
                "what_to_do": format!("mend it, then: sbh repo sync {}", found.name),
            }),
            ..NewAlert::new(AlertKind::SourceFailing, alert_key(*repository), title)
        };
        self.parts.store.raise_alert(tenant, &alert).await?;
        Ok(())
    }

    async fn follow(&self, pulse: &Pulse, input: &SyncInput) -> Result<SyncOutcome, Failure> {
        let SyncInput { tenant, repository: id, sync, .. } = input;
        pulse.note(Progress::Fetching);
        // Held to the end: an older attempt that is still running cannot move the baseline back.
        let mirror = self.git.mirror(tenant, *id).await;
        // Also without a mirror: the notices that it takes up are those that fail then.
        let start = match self.parts.store.start_sync(tenant, *id).await {
            // Removed meanwhile: its notices are closed, and there is nothing to follow.
            Err(StoreError::NotFound { .. }) => return Ok(nothing()),
            start => start?,
        };
        let SyncStart { repository, notices, unfinished } = start;
        let mirror = mirror?;
        let filter = Filter::new(&repository.globs)?;
        let remote = remote_of(&self.parts, &self.git, tenant, &repository).await?;
        let began = Instant::now();
        let commit = mirror.fetch(&remote, repository.branch.as_deref()).await?;
        self.metrics.fetch_seconds.observe(began.elapsed().as_secs_f64());

        let mut staged = if repository.baseline.as_deref() == Some(commit.as_str()) && !unfinished {
            StagedSync { changed: 0, removed: 0 }
        } else {
            // What an unfinished synchronisation staged may differ from the baseline.
            let baseline = repository.baseline.as_deref().filter(|_| !unfinished);
            let plan = self.plan(&mirror, tenant, &repository, &filter, baseline, &commit).await;
            let plan = self.unless_broken(&mirror, plan).await?;
            let staged = self.stage(pulse, input, &mirror, &plan, &commit).await;
            self.unless_broken(&mirror, staged).await?
        };
        let finished = self.parts.store.finish_sync(tenant, *id, *sync, &commit, &notices).await?;
        if finished.repeated {
            // An earlier attempt did it all, and nobody learned what it found.
            staged.changed = staged.changed.max(finished.staged.saturating_sub(staged.removed));
        }
        tracing::info!(
            commit,
            changed = staged.changed,
            removed = staged.removed,
            notices = notices.len(),
            "a repository is synchronised"
        );
        Ok(SyncOutcome {
            commit: Some(commit),
            changed: staged.changed,
            removed: staged.removed,
            notices: u32::try_from(notices.len()).unwrap_or(u32::MAX),
            retry_after_s: None,
        })
    }

    /// A mirror that cannot be read goes, so that the next attempt fetches everything anew.
    async fn unless_broken<T>(
        &self,
        mirror: &Mirror,
        result: Result<T, Failure>,
    ) -> Result<T, Failure> {
        if let Err(Failure { kind: FailureKind::Mirror, message }) = &result {
            tracing::warn!(mirror = %mirror.path().display(), message, "the mirror is thrown away");
            mirror.discard().await?;
        }
        result
    }

    async fn plan(
        &self,
        mirror: &Mirror,
        tenant: &TenantId,
        repository: &Repository,
        filter: &Filter,
        baseline: Option<&str>,
        commit: &str,
    ) -> Result<Plan, Failure> {
        let baseline = match baseline {
            Some(baseline) => mirror.commit(baseline).await?,
            None => None,
        };
        if let Some(baseline) = baseline {
            match mirror.differences(&baseline, commit).await {
                Ok(differences) => return Ok(filter.changes(&differences)),
                // The old tree may be gone although its commit is there.
                Err(failure) => {
                    tracing::info!(%failure, "the baseline is gone: comparing everything")
                }
            }
        }
        self.metrics.full_listings.inc();
        let known = self.known_paths(tenant, repository).await?;
        Ok(filter.everything(&mirror.entries(commit).await?, &known))
    }

    /// The paths of all documents that the store takes for present.
    async fn known_paths(
        &self,
        tenant: &TenantId,
        repository: &Repository,
    ) -> Result<Vec<String>, Failure> {
        const PAGE: i64 = 1_000;
        let mut known: Vec<String> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page =
                self.parts.store.documents(tenant, repository.id, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(known) };
            after = Some(last.path.clone());
            known.extend(page.into_iter().filter(|d| d.observed.is_some()).map(|d| d.path));
        }
    }

    async fn stage(
        &self,
        pulse: &Pulse,
        input: &SyncInput,
        mirror: &Mirror,
        plan: &Plan,
        commit: &str,
    ) -> Result<StagedSync, Failure> {
        let limit = self.git.max_document_bytes();
        self.metrics.refused.with_label_values(&["path"]).inc_by(plan.bad_paths);
        let mut total = StagedSync { changed: 0, removed: 0 };
        let mut blobs = mirror.blobs()?;
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for (index, step) in plan.steps.iter().enumerate() {
            let change = match step {
                Step::Drop { path } => DocumentChange::Absent { path: path.clone() },
                Step::Read { path, renamed_from, object } => {
                    let blob = blobs.read(object, limit).await?;
                    self.present(path, renamed_from.as_deref(), object, blob, limit, &mut bytes)
                }
            };
            batch.push(change);
            if batch.len() >= BATCH_DOCUMENTS
                || bytes >= BATCH_BYTES
                || index + 1 == plan.steps.len()
            {
                let SyncInput { tenant, repository, sync, .. } = input;
                let staged =
                    self.parts.store.stage_documents(tenant, *repository, *sync, &batch).await?;
                total.changed += staged.changed;
                total.removed += staged.removed;
                (batch, bytes) = (Vec::new(), 0);
                pulse.note(Progress::Staging { commit, done: index + 1, of: plan.steps.len() });
            }
        }
        self.metrics.documents.with_label_values(&["present"]).inc_by(total.changed.into());
        self.metrics.documents.with_label_values(&["absent"]).inc_by(total.removed.into());
        Ok(total)
    }

    fn present(
        &self,
        path: &str,
        renamed_from: Option<&str>,
        object: &str,
        blob: Blob,
        limit: u64,
        bytes: &mut usize,
    ) -> DocumentChange {
        let content = text_of(blob, limit).map_err(|(label, reason)| {
            self.metrics.refused.with_label_values(&[label]).inc();
            reason
        });
        *bytes += content.as_ref().map_or(0, |content| content.text.len());
        DocumentChange::Present {
            path: path.to_owned(),
            renamed_from: renamed_from.map(str::to_owned),
            blob: object.to_owned(),
            about: About::default(),
            content,
        }
    }
}

pub(super) fn nothing() -> SyncOutcome {
    SyncOutcome { commit: None, changed: 0, removed: 0, notices: 0, retry_after_s: None }
}

/// Names the condition that a repository cannot be synchronised.
fn alert_key(repository: RepositoryId) -> String {
    format!("source_failing/repository/{repository}")
}
