//! What is due of a repository's check runs is told, one after the other.

use std::time::Duration;

use sbh_domain::{AlertKind, TenantId};
use sbh_sources::github::api::full_name;
use sbh_sources::github::settings::Settings;
use sbh_store::alert::NewAlert;
use sbh_store::check_run::{CheckOutcome, CheckRun as Row};
use sbh_store::repository::Repository;
use sbh_workflows::check_run::{PostInput, PostOutcome};
use serde_json::json;

use super::CheckRun;
use super::report::{self, ANNOTATIONS, Finding, Report};
use super::tell::{Told, Untold};
use crate::access::Access;
use crate::error::{Failure, FailureKind};

/// Check runs that one call tells.
const BATCH: i64 = 20;
/// The first wait after a telling that failed; each one after it is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// Tellings in succession that failed after which somebody is alerted.
const PATIENCE: i32 = 4;
/// The longest.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

impl CheckRun {
    /// Tells what is due.
    pub(super) async fn post_due(&self, input: &PostInput) -> Result<PostOutcome, Failure> {
        let PostInput { tenant, repository } = input;
        let store = &self.parts.store;
        let mut outcome = PostOutcome::default();
        let due = store.due_check_runs(tenant, *repository, BATCH).await?;
        if due.is_empty() {
            return Ok(outcome);
        }
        outcome.more = due.len() as i64 == BATCH;
        let repository = store.repository(tenant, *repository).await?;
        let access = self.access(tenant, &repository).await;
        for run in due {
            let told = match &access {
                Ok(access) => self.tell_one(tenant, &repository, access, run.clone()).await?,
                Err(untold) => Err(untold.clone()),
            };
            match told {
                Ok(Told(label)) => {
                    outcome.posted += 1;
                    self.metrics.runs.with_label_values(&[label]).inc();
                    store.resolve_alert(tenant, &alert_key(&repository)).await?;
                }
                Err(Untold::Limited(wait)) => {
                    self.metrics.runs.with_label_values(&["later"]).inc();
                    store.defer_check_runs(tenant, repository.id, wait).await?;
                    tracing::info!(wait_s = wait.as_secs(), "GitHub asks to be left alone");
                    outcome.retry_after_s = Some(wait.as_secs().max(1));
                    return Ok(outcome);
                }
                Err(Untold::Later { wait, why }) => {
                    outcome.failed += 1;
                    self.metrics.runs.with_label_values(&["later"]).inc();
                    let wait = wait.unwrap_or_else(|| backoff(run.attempts));
                    tracing::warn!(check_run = %run.id, why, "a check run cannot be told now");
                    store.defer_check_run(tenant, &run, wait, &why).await?;
                    if run.attempts >= PATIENCE {
                        self.alert(tenant, &repository, &why).await?;
                    }
                    outcome.reason = Some(why);
                }
                Err(Untold::Never(why)) => {
                    outcome.failed += 1;
                    self.metrics.runs.with_label_values(&["refused"]).inc();
                    tracing::warn!(check_run = %run.id, why, "a check run cannot be told");
                    store.check_run_refused(tenant, &run, &why).await?;
                    self.alert(tenant, &repository, &why).await?;
                    outcome.reason = Some(why);
                }
            }
        }
        Ok(outcome)
    }

    /// The connection of a repository, opened.
    async fn access(&self, tenant: &TenantId, repository: &Repository) -> Result<Access, Untold> {
        let never = |why: &str| Err(Untold::Never(why.to_owned()));
        let Some(connection) = repository.connection else {
            return never("the repository has no connection any more");
        };
        let access = match Access::open(&self.parts, tenant, connection).await {
            Ok(access) => access,
            Err(failure) if failure.kind == FailureKind::NotFound => {
                return never("the repository's connection is gone");
            }
            Err(failure) if failure.kind.is_final() => return never(&failure.message),
            Err(failure) => return Err(Untold::Later { wait: None, why: failure.message }),
        };
        let checks = access.source.name() == "github"
            && Settings::check(&access.held.settings).is_ok_and(|settings| settings.checks);
        if checks { Ok(access) } else { never("the connection posts no check runs any more") }
    }

    async fn tell_one(
        &self,
        tenant: &TenantId,
        repository: &Repository,
        access: &Access,
        mut run: Row,
    ) -> Result<Result<Told, Untold>, Failure> {
        let Some((owner, name)) = full_name(&repository.url) else {
            let why = format!("{} names no owner and repository of GitHub", repository.url);
            return Ok(Err(Untold::Never(why)));
        };
        if run.outcome.is_some() && run.report.is_none() {
            let report = self.report(tenant, repository, &run).await?;
            // `None`: it began again just now, and is due again.
            match self.parts.store.report_check_run(tenant, &run, &json!(report)).await? {
                Some(written) => run.report = Some(written),
                None => return Ok(Ok(Told("in_progress"))),
            }
        }
        self.tell(tenant, access, (&owner, &name), &self.page(tenant, repository, &run), run).await
    }

    /// What is told of the end of a check run that has no report yet.
    async fn report(
        &self,
        tenant: &TenantId,
        repository: &Repository,
        run: &Row,
    ) -> Result<Report, Failure> {
        let neutral = |title: &str, why: String| Report {
            conclusion: "neutral".to_owned(),
            title: title.to_owned(),
            summary: why,
            annotations: Vec::new(),
        };
        let reason = || report::code(run.reason.as_deref().unwrap_or("nobody said why"));
        match run.outcome {
            Some(CheckOutcome::Superseded) => {
                return Ok(neutral("superseded by a later commit", reason()));
            }
            Some(CheckOutcome::Removed) => return Ok(neutral("not tracked any more", reason())),
            Some(CheckOutcome::Parked) => {
                let why = format!("It was given up: {}. `sbh inbox list --state parked`", reason());
                return Ok(neutral("given up", why));
            }
            Some(CheckOutcome::Settled) | None => {}
        }
        let store = &self.parts.store;
        let limit = i64::try_from(ANNOTATIONS).unwrap_or(i64::MAX);
        let state = store.branch_state(tenant, repository.id, &run.commit, limit).await?;
        if !state.current {
            let why = "What is recorded now is about a later commit.".to_owned();
            return Ok(neutral("superseded by a later commit", why));
        }
        let mut findings = Vec::with_capacity(state.unproved.len());
        let mut text: Option<(String, String)> = None;
        for one in state.unproved {
            if text.as_ref().is_none_or(|(path, _)| *path != one.path) {
                let found = store.recorded_text(tenant, repository.id, &one.path).await?;
                text = Some((one.path.clone(), found.unwrap_or_default()));
            }
            let first = u32::try_from(one.line).unwrap_or(1);
            let whole = text.as_ref().map_or("", |(_, text)| text);
            findings.push(Finding {
                lines: (first, report::last_line(&one.path, whole, first)),
                path: one.path,
                name: one.name,
                title: one.title,
                verdict: one.verdict,
                counterexample: one.counterexample,
                reason: one.reason,
            });
        }
        let unproved = state.counts.total() - state.counts.proved;
        Ok(Report {
            conclusion: report::conclusion(&state.counts).to_owned(),
            title: report::title(&state.counts),
            summary: format!(
                "{}\n{}",
                report::table(&run.before, &state.counts),
                report::list(&findings, unproved)
            ),
            annotations: findings.iter().map(report::annotation).collect(),
        })
    }

    /// The page where people read more: of the workflow that follows the commit.
    fn page(&self, tenant: &TenantId, repository: &Repository, run: &Row) -> String {
        let id = match run.pull_number {
            None => sbh_workflows::repo_sync::workflow_id(tenant, repository.id),
            Some(number) => sbh_workflows::pull_request::workflow_id(tenant, repository.id, number),
        };
        let temporal = &self.parts.config.temporal;
        let base = temporal.ui_url.trim_end_matches('/');
        format!("{base}/namespaces/{}/workflows/{}", temporal.namespace, id.replace('/', "%2F"))
    }

    async fn alert(
        &self,
        tenant: &TenantId,
        repository: &Repository,
        why: &str,
    ) -> Result<(), Failure> {
        let title = format!("GitHub takes no check runs of {}", repository.name);
        let mut alert = NewAlert::new(AlertKind::SourceFailing, alert_key(repository), title);
        alert.detail = json!({
            "reason": why,
            "what_to_do": "look at the connection's credential and permissions (sbh connection test), \
                           then have the effects sent again: sbh effect list --state failed",
        });
        alert.repository = Some(repository.id);
        alert.connection = repository.connection;
        self.parts.store.raise_alert(tenant, &alert).await?;
        Ok(())
    }
}

fn alert_key(repository: &Repository) -> String {
    format!("check_run_refused/{}", repository.id)
}

fn backoff(attempts: i32) -> Duration {
    let doublings = attempts.clamp(0, 16).unsigned_abs();
    FIRST_WAIT.saturating_mul(1_u32 << doublings).min(LONGEST_WAIT)
}
