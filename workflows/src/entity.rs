//! The life of an entity's workflow: it waits for notices, completes when none came for a while,
//! and goes on as a new run before its history grows too long.

use std::time::Duration;

use temporalio_workflow::workflows::select;
use temporalio_workflow::{TimerOptions, WorkflowContext, WorkflowResult, WorkflowTermination};

/// Events of one run after which a new one takes over. Well under the 4,096 at which the server
/// begins to ask for it, because the work under way still adds its own.
const MAX_EVENTS: u32 = 2_000;

/// The server has no timer of no length.
const SHORTEST: Duration = Duration::from_millis(1);

/// Whether this run should hand over to a new one.
pub(crate) fn is_long<W>(ctx: &WorkflowContext<W>) -> bool {
    ctx.continue_as_new_suggested() || ctx.history_length() >= MAX_EVENTS
}

/// Waits until there is something to do. `false`: nothing came for `idle` and nothing is there now,
/// so that the run may complete.
///
/// Whoever gets `false` must complete before it waits for anything else: then either the server
/// accepts the completion, or a signal came meanwhile and the server has the run decide again with
/// the signal in hand. That is why none is ever lost.
///
/// # Errors
/// When somebody cancelled the run.
pub(crate) async fn wait_for_work<W>(
    ctx: &WorkflowContext<W>,
    idle: Duration,
    is_there: impl Fn(&W) -> bool,
) -> WorkflowResult<bool> {
    if ctx.state(&is_there) {
        return Ok(true);
    }
    // A timer whose future is dropped goes on: it is cancelled by its own token.
    let token = ctx.cancellation_token().child_token();
    let timer = TimerOptions::builder(idle.max(SHORTEST))
        .cancellation_token(token.clone())
        .summary("completes when nothing comes".to_owned())
        .build();
    select! {
        waited = ctx.wait_condition(&is_there) => {
            waited?;
            token.cancel();
        }
        _ = ctx.timer(timer) => {}
    }
    check_cancelled(ctx)?;
    Ok(ctx.state(&is_there))
}

/// An error that ends the run when somebody cancelled it.
pub(crate) fn check_cancelled<W>(ctx: &WorkflowContext<W>) -> WorkflowResult<()> {
    if ctx.cancellation_token().is_cancelled() {
        return Err(WorkflowTermination::cancelled());
    }
    Ok(())
}
