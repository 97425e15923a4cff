//! The workflow `notify`.

use std::time::Duration;

use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    ContinueAsNewOptions, SyncWorkflowContext, TimerOptions, WorkflowContext, WorkflowContextView,
    WorkflowResult,
};

use super::contract::*;
use crate::{entity, patience};

/// The longest that a channel is left alone before it is tried again: a service that asks for more is
/// asked again after this.
const LONGEST: Duration = Duration::from_secs(3_600);

/// An alert channel is told what it is to be told, one message after the other.
#[workflow]
pub struct NotifyWorkflow {
    input: NotifyInput,
    status: NotifyStatus,
}

#[workflow_methods]
impl NotifyWorkflow {
    /// Begins with what the run before carried over.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: NotifyInput) -> Self {
        let status = NotifyStatus { pending: input.carried, ..NotifyStatus::default() };
        Self { input, status }
    }

    /// Sends for as long as there is something to tell, and completes when nothing came for a while.
    #[run(name = "notify")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<NotifyStatus> {
        let (idle, collect) = ctx.state(|s| {
            (Duration::from_secs(s.input.idle_s), Duration::from_millis(s.input.collect_ms))
        });
        loop {
            enter(ctx, NotifyPhase::Idle);
            if !entity::wait_for_work(ctx, idle, |s| s.status.pending).await? {
                return Ok(ctx.state(|s| s.status.clone()));
            }
            if entity::is_long(ctx) {
                let input = ctx.state(|s| NotifyInput { carried: true, ..s.input.clone() });
                ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
            }
            enter(ctx, NotifyPhase::Collecting);
            wait(ctx, collect, "collects what comes together").await?;
            // What comes from here on may be too late for this message, and asks for another.
            ctx.state_mut(|s| s.status.pending = false);
            enter(ctx, NotifyPhase::Sending);
            let pause = deliver(ctx).await;
            entity::check_cancelled(ctx)?;
            if let Some(pause) = pause {
                enter(ctx, NotifyPhase::Waiting);
                wait(ctx, pause, "leaves the channel alone").await?;
            }
        }
    }

    /// The channel is to be told something.
    #[signal(name = "due")]
    pub fn due(&mut self, _ctx: &mut SyncWorkflowContext<Self>, _signal: NotifyDue) {
        self.status.pending = true;
    }

    /// What the workflow is doing.
    #[query(name = "status")]
    pub fn status(&self, _ctx: &WorkflowContextView) -> NotifyStatus {
        self.status.clone()
    }
}

/// Sends one message. Answers how long the channel is to be left alone; `None` when it was not
/// touched.
async fn deliver(ctx: &WorkflowContext<NotifyWorkflow>) -> Option<Duration> {
    let (input, gap) = ctx.state(|s| {
        let (tenant, channel) = (s.input.tenant.clone(), s.input.channel);
        (DeliverInput { tenant, channel }, Duration::from_millis(s.input.gap_ms))
    });
    let options = patience::activity(Duration::from_secs(120), "sends one message");
    let outcome = match ctx.execute_activity(NotifyActivities::deliver, input, options).await {
        Ok(outcome) => outcome,
        // The store keeps what is to be told, and the starter gives notice again.
        Err(error) => {
            ctx.state_mut(|s| s.status.last_error = Some(patience::reason(&error)));
            return Some(gap);
        }
    };
    ctx.state_mut(|s| {
        match outcome.delivered {
            Delivered::Nothing | Delivered::Later => {}
            Delivered::Sent => s.status.sent += 1,
            Delivered::Unknown => s.status.unknown += 1,
            Delivered::Failed => s.status.failed += 1,
        }
        if outcome.delivered != Delivered::Nothing {
            s.status.last_error = outcome.reason.clone();
            // There may be more: the next look says so.
            s.status.pending = true;
        }
    });
    let asked = outcome.wait_ms.map(Duration::from_millis);
    match outcome.delivered {
        Delivered::Nothing => {
            // Nothing may be told yet: when it may, the starter gives notice.
            None
        }
        _ => Some(asked.map_or(gap, |asked| asked.max(gap)).min(LONGEST)),
    }
}

/// Waits for so long, by a timer that outlives every process.
async fn wait(
    ctx: &WorkflowContext<NotifyWorkflow>,
    how_long: Duration,
    summary: &str,
) -> WorkflowResult<()> {
    if !how_long.is_zero() {
        ctx.timer(TimerOptions::builder(how_long).summary(summary.to_owned()).build()).await;
    }
    entity::check_cancelled(ctx)
}

/// Notes what the workflow does from now on, for the query and for the Web UI.
fn enter(ctx: &WorkflowContext<NotifyWorkflow>, phase: NotifyPhase) {
    let details = ctx.state_mut(|s| {
        s.status.phase = phase;
        details(&s.status)
    });
    ctx.set_current_details(details);
}

/// The status in Markdown.
fn details(status: &NotifyStatus) -> String {
    let phase = match status.phase {
        NotifyPhase::Idle => "nothing to tell",
        NotifyPhase::Collecting => "collecting what comes together",
        NotifyPhase::Sending => "sending a message",
        NotifyPhase::Waiting => "leaving the channel alone for a while",
    };
    let mut text = format!(
        "**{phase}**\n\n- sent: {}\n- outcome unknown: {}\n- refused: {}\n",
        status.sent, status.unknown, status.failed
    );
    if let Some(error) = &status.last_error {
        text += &format!("- last error: {error}\n");
    }
    text
}
