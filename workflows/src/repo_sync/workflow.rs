//! The workflow `repo_sync`.

use std::time::{Duration, SystemTime};

use sbh_domain::{SyncId, Traces};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    ContinueAsNewOptions, SyncWorkflowContext, TimerOptions, WorkflowContext, WorkflowContextView,
    WorkflowResult,
};
use uuid::Uuid;

use super::contract::*;
use crate::{entity, patience};

/// A repository follows its tracked branch, as long as there are notices.
#[workflow]
pub struct RepoSyncWorkflow {
    input: RepoSyncInput,
    status: RepoSyncStatus,
    /// When the first and the last of the pending notices came.
    burst: Option<(SystemTime, SystemTime)>,
    /// The traces of the pending notices.
    traces: Traces,
    /// Whether an announcement failed for good and is still to be made.
    owes_announcement: bool,
}

#[workflow_methods]
impl RepoSyncWorkflow {
    /// Begins with the notices that the run before carried over.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: RepoSyncInput) -> Self {
        let status = RepoSyncStatus { pending: input.carried, ..RepoSyncStatus::default() };
        // What was carried waited already: it has no burst to wait for.
        let traces = input.traces.clone();
        let owes_announcement = input.owes_announcement;
        Self { input, status, burst: None, traces, owes_announcement }
    }

    /// Synchronises as often as notices come, and completes when none came for a while.
    #[run(name = "repo_sync")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<RepoSyncStatus> {
        let idle = Duration::from_secs(ctx.state(|s| s.input.idle_s));
        loop {
            enter(ctx, RepoSyncPhase::Idle);
            if !entity::wait_for_work(ctx, idle, |s| s.status.pending > 0).await? {
                return Ok(ctx.state(|s| s.status.clone()));
            }
            if entity::is_long(ctx) {
                let input = ctx.state(|s| RepoSyncInput {
                    carried: s.status.pending,
                    owes_announcement: s.owes_announcement,
                    traces: s.traces.clone(),
                    ..s.input.clone()
                });
                ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
            }
            enter(ctx, RepoSyncPhase::Debouncing);
            until_quiet(ctx).await?;
            let result = synchronise(ctx).await;
            entity::check_cancelled(ctx)?;
            let pause = result.as_ref().ok().copied().flatten();
            ctx.state_mut(|s| s.status.last_error = result.err());
            if let Some(pause) = pause {
                leave_alone(ctx, pause).await?;
            }
        }
    }

    /// There are notices in the inbox.
    #[signal(name = "changed")]
    pub fn changed(&mut self, ctx: &mut SyncWorkflowContext<Self>, signal: RepoChanged) {
        let now = ctx.workflow_time().unwrap_or(SystemTime::UNIX_EPOCH);
        let first = self.burst.map_or(now, |(first, _)| first);
        self.burst = Some((first, now));
        // A signal is a notice even when it miscounts.
        self.status.pending = self.status.pending.saturating_add(signal.notices.max(1));
        self.traces.add(signal.traces);
    }

    /// What the workflow is doing.
    #[query(name = "status")]
    pub fn status(&self, _ctx: &WorkflowContextView) -> RepoSyncStatus {
        self.status.clone()
    }
}

/// Waits until the burst is over. One timer runs at a time and is never restarted: when it fires,
/// the last notice tells whether there is more to wait for. So a signal costs no timer.
async fn until_quiet(ctx: &WorkflowContext<RepoSyncWorkflow>) -> WorkflowResult<()> {
    while let Some(left) = ctx.state(|s| left_to_wait(s, ctx.workflow_time())) {
        let timer = TimerOptions::builder(left).summary("collects notices".to_owned()).build();
        ctx.timer(timer).await;
        entity::check_cancelled(ctx)?;
    }
    Ok(())
}

/// How long the burst must still be waited for at `now`.
fn left_to_wait(state: &RepoSyncWorkflow, now: Option<SystemTime>) -> Option<Duration> {
    let (first, last) = state.burst?;
    let lasted = last.duration_since(first).unwrap_or_default();
    let until = last + state.input.debounce.wait(lasted)?;
    until.duration_since(now?).ok().filter(|left| !left.is_zero())
}

/// Waits as long as a service asked for. The notices are still open, and there is more to be done.
async fn leave_alone(
    ctx: &WorkflowContext<RepoSyncWorkflow>,
    pause: Duration,
) -> WorkflowResult<()> {
    enter(ctx, RepoSyncPhase::Waiting);
    let timer = TimerOptions::builder(pause.max(Duration::from_millis(1)))
        .summary("leaves the service alone, as it asked".to_owned())
        .build();
    ctx.timer(timer).await;
    entity::check_cancelled(ctx)?;
    ctx.state_mut(|s| s.status.pending = s.status.pending.saturating_add(1));
    Ok(())
}

/// One synchronisation, and what it changed announced; for how long the service is to be left alone
/// before the rest is done. The error is for people.
async fn synchronise(ctx: &WorkflowContext<RepoSyncWorkflow>) -> Result<Option<Duration>, String> {
    enter(ctx, RepoSyncPhase::Syncing);
    // Notices that come from here on may be too late for this fetch, and ask for another.
    let (input, notices, traces) = ctx.state_mut(|s| {
        s.burst = None;
        let traces = std::mem::take(&mut s.traces);
        (s.input.clone(), std::mem::take(&mut s.status.pending), traces)
    });
    let (tenant, repository) = (input.tenant, input.repository);
    let sync = SyncId(Uuid::from_u128(ctx.random::<u128>()));
    let outcome = ctx
        .execute_activity(
            RepoSyncActivities::sync,
            SyncInput { tenant: tenant.clone(), repository, sync, traces: traces.clone() },
            patience::activity(
                Duration::from_secs(30 * 60),
                format!("fetches the tracked branch for {notices} notices"),
            ),
        )
        .await
        .map_err(|error| patience::reason(&error))?;
    ctx.state_mut(|s| {
        s.status.syncs += 1;
        s.status.last = Some(outcome.clone());
        s.owes_announcement |= outcome.changed > 0 || outcome.removed > 0;
    });
    if ctx.state(|s| s.owes_announcement) {
        enter(ctx, RepoSyncPhase::Announcing);
        ctx.execute_activity(
            RepoSyncActivities::announce,
            AnnounceInput { tenant, repository, traces },
            patience::activity(
                Duration::from_secs(30 * 60),
                format!("announces {} changed, {} gone", outcome.changed, outcome.removed),
            ),
        )
        .await
        .map_err(|error| patience::reason(&error))?;
        ctx.state_mut(|s| s.owes_announcement = false);
    }
    Ok(outcome.retry_after_s.map(Duration::from_secs))
}

/// Notes what the workflow does from now on, for the query and for the Web UI.
fn enter(ctx: &WorkflowContext<RepoSyncWorkflow>, phase: RepoSyncPhase) {
    let details = ctx.state_mut(|s| {
        s.status.phase = phase;
        details(&s.status)
    });
    ctx.set_current_details(details);
}

/// The status in Markdown.
fn details(status: &RepoSyncStatus) -> String {
    let phase = match status.phase {
        RepoSyncPhase::Idle => "waiting for notices",
        RepoSyncPhase::Debouncing => "collecting notices",
        RepoSyncPhase::Syncing => "fetching the tracked branch",
        RepoSyncPhase::Announcing => "announcing changed documents",
        RepoSyncPhase::Waiting => "leaving the service alone, as it asked",
    };
    let mut text = format!(
        "**{phase}**\n\n- notices waiting: {}\n- synchronisations of this run: {}\n",
        status.pending, status.syncs
    );
    if let Some(last) = &status.last {
        let commit: String = last.commit.as_deref().unwrap_or("none").chars().take(8).collect();
        text += &format!(
            "- last: commit `{commit}`, {} changed, {} gone, {} notices\n",
            last.changed, last.removed, last.notices
        );
    }
    if let Some(error) = &status.last_error {
        text += &format!("- last error: {error}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(burst: Option<(u64, u64)>) -> RepoSyncWorkflow {
        let at = |ms| SystemTime::UNIX_EPOCH + Duration::from_millis(ms);
        RepoSyncWorkflow {
            input: serde_json::from_value(serde_json::json!({
                "tenant": "demo",
                "repository": "00000000-0000-0000-0000-000000000001",
                "debounce": {"quiet_ms": 500, "max_ms": 3000},
                "idle_s": 600,
            }))
            .unwrap(),
            status: RepoSyncStatus::default(),
            burst: burst.map(|(first, last)| (at(first), at(last))),
            traces: Traces::new(),
            owes_announcement: false,
        }
    }

    fn left(burst: Option<(u64, u64)>, now: u64) -> Option<u64> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(now);
        left_to_wait(&state(burst), Some(now)).map(|left| left.as_millis() as u64)
    }

    #[test]
    fn a_burst_ends_when_it_is_quiet_or_when_it_lasted_long_enough() {
        assert_eq!(left(Some((0, 0)), 0), Some(500));
        assert_eq!(left(Some((0, 300)), 500), Some(300), "the last notice moved the end");
        assert_eq!(left(Some((0, 300)), 800), None, "quiet");
        assert_eq!(left(Some((0, 2_900)), 2_950), Some(50), "the maximum is near");
        assert_eq!(left(Some((0, 3_100)), 3_100), None, "the maximum is reached");
        assert_eq!(left(None, 0), None);
    }
}
