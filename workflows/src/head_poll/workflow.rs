//! The workflow `head_poll`.

use std::time::Duration;

use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::{WorkflowContext, WorkflowResult};

use super::contract::*;
use crate::patience;
use crate::search_attributes::CONCERN_KEY;

/// One round over all remote heads.
#[workflow]
#[derive(Default)]
pub struct HeadPollWorkflow;

#[workflow_methods]
impl HeadPollWorkflow {
    /// Compares all heads once.
    #[run(name = "head_poll")]
    pub async fn run(
        ctx: &mut WorkflowContext<Self>,
        input: HeadPollInput,
    ) -> WorkflowResult<HeadPollOutcome> {
        // A schedule's typed action cannot carry search attributes.
        ctx.upsert_search_attributes([CONCERN_KEY.value_set("head_poll".to_owned())]);
        ctx.set_current_details("**comparing remote heads with their baselines**");
        let outcome = ctx
            .execute_activity(
                HeadPollActivities::compare_heads,
                input,
                patience::activity(Duration::from_secs(30 * 60), "compares remote heads"),
            )
            .await?;
        ctx.set_current_details(format!(
            "- checked: {}\n- moved: {}\n- failed: {}\n",
            outcome.checked, outcome.moved, outcome.failed
        ));
        Ok(outcome)
    }
}
