//! The workflow `check_run`.

use std::time::Duration;

use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    ContinueAsNewOptions, SyncWorkflowContext, TimerOptions, WorkflowContext, WorkflowContextView,
    WorkflowResult,
};

use super::contract::*;
use crate::{entity, patience};

/// The longest that GitHub is left alone before it is asked again.
const LONGEST: Duration = Duration::from_secs(3_600);

/// A repository's check runs are told, as long as some are due.
#[workflow]
pub struct CheckRunWorkflow {
    input: CheckRunInput,
    status: CheckRunStatus,
}

#[workflow_methods]
impl CheckRunWorkflow {
    /// Begins with what the run before carried over.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: CheckRunInput) -> Self {
        let status = CheckRunStatus { pending: input.carried, ..CheckRunStatus::default() };
        Self { input, status }
    }

    /// Tells as long as something is due, and completes when nothing came for a while.
    #[run(name = "check_run")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<CheckRunStatus> {
        let idle = Duration::from_secs(ctx.state(|s| s.input.idle_s));
        loop {
            enter(ctx, CheckRunPhase::Idle);
            if !entity::wait_for_work(ctx, idle, |s| s.status.pending).await? {
                return Ok(ctx.state(|s| s.status.clone()));
            }
            if entity::is_long(ctx) {
                let input = ctx.state(|s| CheckRunInput { carried: true, ..s.input.clone() });
                ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
            }
            enter(ctx, CheckRunPhase::Posting);
            let wait = post(ctx).await;
            entity::check_cancelled(ctx)?;
            if let Some(wait) = wait {
                // Signals that come meanwhile do not shorten it: they are about the same GitHub.
                enter(ctx, CheckRunPhase::Waiting);
                let timer = TimerOptions::builder(wait).summary("leaves GitHub alone".to_owned());
                ctx.timer(timer.build()).await;
                entity::check_cancelled(ctx)?;
            }
        }
    }

    /// Check runs are to be told.
    #[signal(name = "due")]
    pub fn due(&mut self, _ctx: &mut SyncWorkflowContext<Self>, _signal: CheckRunDue) {
        self.status.pending = true;
    }

    /// What the workflow is doing.
    #[query(name = "status")]
    pub fn status(&self, _ctx: &WorkflowContextView) -> CheckRunStatus {
        self.status.clone()
    }
}

/// Tells once. Answers how long GitHub is to be left alone, if it asked for that.
async fn post(ctx: &WorkflowContext<CheckRunWorkflow>) -> Option<Duration> {
    let input = ctx.state_mut(|s| {
        // What comes from here on may be too late for this look, and asks for another.
        s.status.pending = false;
        PostInput { tenant: s.input.tenant.clone(), repository: s.input.repository }
    });
    let options = patience::activity(Duration::from_secs(15 * 60), "tells GitHub of check runs");
    let outcome = match ctx.execute_activity(CheckRunActivities::post, input, options).await {
        Ok(outcome) => outcome,
        // The store keeps what is due, and the starter gives notice again.
        Err(error) => {
            ctx.state_mut(|s| s.status.last_error = Some(patience::reason(&error)));
            return None;
        }
    };
    let wait = outcome.retry_after_s.map(|wait| Duration::from_secs(wait.max(1)).min(LONGEST));
    ctx.state_mut(|s| {
        s.status.posted = s.status.posted.saturating_add(outcome.posted);
        s.status.last_error = outcome.reason;
        s.status.pending |= outcome.more || wait.is_some();
    });
    wait
}

/// Notes what the workflow does from now on, for the query and for the Web UI.
fn enter(ctx: &WorkflowContext<CheckRunWorkflow>, phase: CheckRunPhase) {
    let details = ctx.state_mut(|s| {
        s.status.phase = phase;
        details(&s.status)
    });
    ctx.set_current_details(details);
}

/// The status in Markdown.
fn details(status: &CheckRunStatus) -> String {
    let phase = match status.phase {
        CheckRunPhase::Idle => "nothing to tell",
        CheckRunPhase::Posting => "telling GitHub",
        CheckRunPhase::Waiting => "leaving GitHub alone for a while",
    };
    let mut text = format!("**{phase}**\n\n- told: {}\n", status.posted);
    if let Some(error) = &status.last_error {
        text += &format!("- last error: {error}\n");
    }
    text
}
