//! The workflow `spec_drift`.

use std::time::Duration;

use sbh_domain::{Traces, Verdict, VerdictCounts};
use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{
    ContinueAsNewOptions, SyncWorkflowContext, WorkflowContext, WorkflowContextView, WorkflowResult,
};

use super::contract::*;
use crate::search_attributes::VERDICT_KEY;
use crate::{entity, patience};

/// The verdict of a document that claims nothing.
const NO_INVARIANTS: &str = "no_invariants";

/// A document is proved again whenever it changes.
#[workflow]
pub struct SpecDriftWorkflow {
    input: SpecDriftInput,
    status: SpecDriftStatus,
    /// Whether the pending change asks for everything to be proved anew.
    force: bool,
    /// The traces of the pending change.
    traces: Traces,
}

#[workflow_methods]
impl SpecDriftWorkflow {
    /// Begins with the change that the run before carried over.
    #[init]
    pub fn new(_ctx: &WorkflowContextView, input: SpecDriftInput) -> Self {
        let status = SpecDriftStatus { pending: input.carried, ..SpecDriftStatus::default() };
        let traces = input.traces.clone();
        Self { force: input.carried && input.carried_force, input, status, traces }
    }

    /// Proves as often as changes come, and completes when none came for a while.
    #[run(name = "spec_drift")]
    pub async fn run(ctx: &mut WorkflowContext<Self>) -> WorkflowResult<SpecDriftStatus> {
        let idle = Duration::from_secs(ctx.state(|s| s.input.idle_s));
        loop {
            enter(ctx, SpecDriftPhase::Idle);
            if !entity::wait_for_work(ctx, idle, |s| s.status.pending).await? {
                return Ok(ctx.state(|s| s.status.clone()));
            }
            if entity::is_long(ctx) {
                let input = ctx.state(|s| SpecDriftInput {
                    carried: s.status.pending,
                    carried_force: s.force,
                    traces: s.traces.clone(),
                    ..s.input.clone()
                });
                ctx.continue_as_new(input, ContinueAsNewOptions::default())?;
            }
            let result = prove_and_record(ctx).await;
            entity::check_cancelled(ctx)?;
            ctx.state_mut(|s| s.status.last_error = result.err());
        }
    }

    /// The document's observed content is not the recorded one.
    #[signal(name = "changed")]
    pub fn changed(&mut self, _ctx: &mut SyncWorkflowContext<Self>, signal: DocumentChanged) {
        self.status.pending = true;
        self.traces.add(signal.traces);
    }

    /// What the workflow is doing.
    #[query(name = "status")]
    pub fn status(&self, _ctx: &WorkflowContextView) -> SpecDriftStatus {
        self.status.clone()
    }

    /// Somebody wants the document proved again.
    #[update(name = "reprove")]
    pub fn reprove(
        &mut self,
        _ctx: &mut SyncWorkflowContext<Self>,
        request: ReproveRequest,
    ) -> ReproveAccepted {
        self.status.pending = true;
        self.force |= request.force;
        self.traces.add(request.traces);
        ReproveAccepted { queued_behind: self.status.phase != SpecDriftPhase::Idle }
    }
}

/// Proves the content observed now, chunk by chunk, and records it. When it changed meanwhile it
/// leaves a pending change behind. The error is for people.
async fn prove_and_record(ctx: &WorkflowContext<SpecDriftWorkflow>) -> Result<(), String> {
    enter(ctx, SpecDriftPhase::Proving);
    // Whatever changes from here on may be too late for this proof, and asks for another.
    let (input, force, traces) = ctx.state_mut(|s| {
        s.status.pending = false;
        (s.status.done, s.status.total) = (0, 0);
        (s.input.clone(), std::mem::take(&mut s.force), std::mem::take(&mut s.traces))
    });
    let mut resume = None;
    let (hash, total) = loop {
        let from = resume.as_ref().map_or(0, |resume: &ProveResume| resume.from);
        let outcome = ctx
            .execute_activity(
                SpecDriftActivities::prove,
                ProveInput {
                    tenant: input.tenant.clone(),
                    document: input.document,
                    resume: resume.take(),
                    force,
                    traces: traces.clone(),
                },
                patience::activity(
                    Duration::from_secs(30 * 60),
                    format!("judges changed invariants from number {}", from + 1),
                ),
            )
            .await
            .map_err(|error| patience::reason(&error))?;
        match outcome {
            ProveOutcome::Unchanged => return Ok(()),
            ProveOutcome::Removed => break (None, 0),
            ProveOutcome::Staged { hash, total } => break (Some(hash), total),
            ProveOutcome::More { resume: next, total } => {
                ctx.state_mut(|s| (s.status.done, s.status.total) = (next.from, total));
                enter(ctx, SpecDriftPhase::Proving);
                resume = Some(next);
            }
            ProveOutcome::Superseded => {
                ctx.state_mut(|s| {
                    s.status.pending = true;
                    s.force |= force;
                    // The proof that follows answers them, before those that came since.
                    let since = std::mem::replace(&mut s.traces, traces);
                    s.traces.add(since);
                });
                return Ok(());
            }
        }
    };
    ctx.state_mut(|s| (s.status.done, s.status.total) = (total, total));
    enter(ctx, SpecDriftPhase::Recording);
    let recorded = ctx
        .execute_local_activity(
            SpecDriftActivities::record,
            RecordInput {
                tenant: input.tenant,
                document: input.document,
                hash,
                total,
                workflow_id: ctx.workflow_id().to_owned(),
                run_id: ctx.run_id().to_owned(),
                traces,
            },
            patience::transaction(format!("records {total} verdicts")),
        )
        .await
        .map_err(|error| patience::reason(&error))?;
    show_verdict(ctx, worst(&recorded.after));
    ctx.state_mut(|s| {
        s.status.proofs += 1;
        s.status.pending |= recorded.stale;
        s.status.last = Some(recorded);
    });
    Ok(())
}

/// The worst verdict that a document has.
fn worst(counts: &VerdictCounts) -> &'static str {
    let worst = Verdict::ALL.into_iter().rev().find(|verdict| counts.of(*verdict) > 0);
    worst.map_or(NO_INVARIANTS, Verdict::as_str)
}

/// Makes the run findable by its verdict. Each change costs an event, so only a change is written.
fn show_verdict(ctx: &WorkflowContext<SpecDriftWorkflow>, verdict: &str) {
    if ctx.search_attributes().get(&VERDICT_KEY).as_deref() != Some(verdict) {
        ctx.upsert_search_attributes([VERDICT_KEY.value_set(verdict.to_owned())]);
    }
}

/// Notes what the workflow does from now on, for the query and for the Web UI.
fn enter(ctx: &WorkflowContext<SpecDriftWorkflow>, phase: SpecDriftPhase) {
    let details = ctx.state_mut(|s| {
        s.status.phase = phase;
        details(&s.status)
    });
    ctx.set_current_details(details);
}

/// The status in Markdown.
fn details(status: &SpecDriftStatus) -> String {
    let mut text = match status.phase {
        SpecDriftPhase::Idle => "**waiting for changes**\n\n".to_owned(),
        SpecDriftPhase::Proving if status.total == 0 => "**proving**\n\n".to_owned(),
        SpecDriftPhase::Proving => {
            format!("**proving**: {} of {} invariants judged\n\n", status.done, status.total)
        }
        SpecDriftPhase::Recording => format!("**recording** {} verdicts\n\n", status.total),
    };
    text += &format!("- proofs of this run: {}\n", status.proofs);
    if status.pending {
        text += "- another change waits\n";
    }
    if let Some(last) = &status.last {
        text += &format!("- last: content `{}`\n", last.content.as_deref().unwrap_or("gone"));
        text += "\n| verdict | before | after |\n|---|---|---|\n";
        for verdict in Verdict::ALL {
            let (before, after) = (last.before.of(verdict), last.after.of(verdict));
            if before + after > 0 {
                text += &format!("| {verdict} | {before} | {after} |\n");
            }
        }
    }
    if let Some(error) = &status.last_error {
        text += &format!("\nlast error: {error}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_verdict_is_shown() {
        assert_eq!(worst(&VerdictCounts::default()), "no_invariants");
        assert_eq!(worst(&[Verdict::Proved].into_iter().collect()), "proved");
        let mixed = [Verdict::Proved, Verdict::Refuted, Verdict::Timeout];
        assert_eq!(worst(&mixed.into_iter().collect()), "timeout");
    }
}
