//! The workflow `pull_request`.

use std::time::{Duration, SystemTime};

use sbh_domain::Traces;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    ContinueAsNewOptions, SyncWorkflowContext, TimerOptions, WorkflowContext, WorkflowContextView,
    WorkflowResult,
};

use super::contract::*;
use crate::{entity, patience};

/// The head of a pull request is judged, as often as it moves. The newest head wins.
#[workflow]
pub struct PullRequestWorkflow {
    input: PullRequestInput,
    status: PullRequestStatus,
    /// When the first and the last of the pending notices came.
    burst: Option<(SystemTime, SystemTime)>,
    /// The traces of the pending notices.
    traces: Traces,
}

#[workflow_methods]
impl PullRequestWorkflow {
    /// Begins with the notices that the run before carried over.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: PullRequestInput) -> Self {
        let status = PullRequestStatus { pending: input.carried, ..PullRequestStatus::default() };
        // What was carried waited already: it has no burst to wait for.
        let traces = input.traces.clone();
        Self { input, status, burst: None, traces }
    }

    /// Judges as often as notices come, and completes when none came for a while.
    #[run(name = "pull_request")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<PullRequestStatus> {
        let idle = Duration::from_secs(ctx.state(|s| s.input.idle_s));
        loop {
            enter(ctx, PullRequestPhase::Idle);
            if !entity::wait_for_work(ctx, idle, |s| s.status.pending > 0).await? {
                return Ok(ctx.state(|s| s.status.clone()));
            }
            if entity::is_long(ctx) {
                let input = ctx.state(|s| PullRequestInput {
                    carried: s.status.pending,
                    traces: s.traces.clone(),
                    ..s.input.clone()
                });
                ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
            }
            enter(ctx, PullRequestPhase::Debouncing);
            until_quiet(ctx).await?;
            enter(ctx, PullRequestPhase::Proving);
            let result = judge(ctx).await;
            entity::check_cancelled(ctx)?;
            ctx.state_mut(|s| s.status.last_error = result.err());
        }
    }

    /// There are notices in the inbox.
    #[signal(name = "changed")]
    pub fn changed(&mut self, ctx: &mut SyncWorkflowContext<Self>, signal: PullRequestChanged) {
        let now = ctx.workflow_time().unwrap_or(SystemTime::UNIX_EPOCH);
        let first = self.burst.map_or(now, |(first, _)| first);
        self.burst = Some((first, now));
        // A signal is a notice even when it miscounts.
        self.status.pending = self.status.pending.saturating_add(signal.notices.max(1));
        self.traces.add(signal.traces);
    }

    /// What the workflow is doing.
    #[query(name = "status")]
    pub fn status(&self, _ctx: &WorkflowContextView) -> PullRequestStatus {
        self.status.clone()
    }
}

/// Waits until the burst is over: one timer at a time, and when it fires the last notice tells whether
/// there is more to wait for.
async fn until_quiet(ctx: &WorkflowContext<PullRequestWorkflow>) -> WorkflowResult<()> {
    while let Some(left) = ctx.state(|s| left_to_wait(s, ctx.workflow_time())) {
        let timer = TimerOptions::builder(left).summary("collects notices".to_owned()).build();
        ctx.timer(timer).await;
        entity::check_cancelled(ctx)?;
    }
    Ok(())
}

/// How long the burst must still be waited for at `now`.
fn left_to_wait(state: &PullRequestWorkflow, now: Option<SystemTime>) -> Option<Duration> {
    let (first, last) = state.burst?;
    let lasted = last.duration_since(first).unwrap_or_default();
    let until = last + state.input.debounce.wait(lasted)?;
    until.duration_since(now?).ok().filter(|left| !left.is_zero())
}

/// Judges the head once. The error is for people.
async fn judge(ctx: &WorkflowContext<PullRequestWorkflow>) -> Result<(), String> {
    let input = ctx.state_mut(|s| {
        // Notices that come from here on may be too late for this fetch, and ask for another.
        s.burst = None;
        s.status.pending = 0;
        JudgeInput {
            tenant: s.input.tenant.clone(),
            repository: s.input.repository,
            number: s.input.number,
            traces: std::mem::take(&mut s.traces),
        }
    });
    let options = patience::activity(Duration::from_secs(30 * 60), "proves the head");
    let outcome = ctx
        .execute_activity(PullRequestActivities::judge, input, options)
        .await
        .map_err(|error| patience::reason(&error))?;
    ctx.state_mut(|s| {
        if outcome.superseded {
            // Its notice may have been signalled to a run before this one.
            s.status.pending = s.status.pending.max(1);
        } else if outcome.head.is_some() {
            s.status.judged += 1;
        }
        s.status.last = Some(outcome);
    });
    Ok(())
}

/// Notes what the workflow does from now on, for the query and for the Web UI.
fn enter(ctx: &WorkflowContext<PullRequestWorkflow>, phase: PullRequestPhase) {
    let details = ctx.state_mut(|s| {
        s.status.phase = phase;
        details(&s.status)
    });
    ctx.set_current_details(details);
}

/// The status in Markdown.
fn details(status: &PullRequestStatus) -> String {
    let phase = match status.phase {
        PullRequestPhase::Idle => "waiting for new commits",
        PullRequestPhase::Debouncing => "collecting notices",
        PullRequestPhase::Proving => "fetching and proving the head",
    };
    let mut text = format!(
        "**{phase}**\n\n- notices waiting: {}\n- heads judged by this run: {}\n",
        status.pending, status.judged
    );
    if let Some(last) = &status.last {
        let head: String = last.head.as_deref().unwrap_or("none").chars().take(8).collect();
        text += &format!(
            "- last: head `{head}`, {} documents, proved {} of {} before, {} of {} after\n",
            last.documents,
            last.before.proved,
            last.before.total(),
            last.after.proved,
            last.after.total(),
        );
    }
    if let Some(error) = &status.last_error {
        text += &format!("- last error: {error}\n");
    }
    text
}
