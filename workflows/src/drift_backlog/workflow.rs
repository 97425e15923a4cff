//! The workflow `drift_backlog`.

use std::time::Duration;

use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{WorkflowContext, WorkflowResult};

use super::contract::*;
use crate::patience;
use crate::search_attributes::CONCERN_KEY;

/// One round over the drift of all tenants.
#[workflow]
#[derive(Default)]
pub struct DriftBacklogWorkflow;

#[workflow_methods]
impl DriftBacklogWorkflow {
    /// Looks once for drift that has been un-proved for too long.
    #[run(name = "drift_backlog")]
    pub async fn run(
        ctx: &mut WorkflowContext<Self>,
        input: DriftBacklogInput,
    ) -> WorkflowResult<DriftBacklogOutcome> {
        // A schedule's typed action cannot carry search attributes.
        ctx.upsert_search_attributes([CONCERN_KEY.value_set("drift_backlog".to_owned())]);
        ctx.set_current_details("**looking for drift that has been un-proved for too long**");
        let outcome = ctx
            .execute_activity(
                DriftBacklogActivities::scan,
                input,
                patience::activity(Duration::from_secs(10 * 60), "looks for un-proved drift"),
            )
            .await?;
        ctx.set_current_details(format!(
            "- overdue: {}\n- newly alerted: {}\n- resolved: {}\n",
            outcome.overdue, outcome.raised, outcome.resolved
        ));
        Ok(outcome)
    }
}
