//! The workflow `source_upkeep`.

use std::time::Duration;

use temporalio_macros::{workflow, workflow_methods};
use temporalio_workflow::workflows::join_all;
use temporalio_workflow::{WorkflowContext, WorkflowResult};

use super::contract::*;
use crate::search_attributes::CONCERN_KEY;
use crate::{entity, patience};

/// Connections of one round at most: the next round has those that are left.
const MOST: u32 = 200;
/// Connections looked after at once.
const AT_ONCE: usize = 8;

/// One round over the connections that are due.
#[workflow]
#[derive(Default)]
pub struct SourceUpkeepWorkflow;

#[workflow_methods]
impl SourceUpkeepWorkflow {
    /// Looks after every connection that is due, once. One that fails keeps no other from its turn.
    #[run(name = "source_upkeep")]
    pub async fn run(
        ctx: &mut WorkflowContext<Self>,
        _input: SourceUpkeepInput,
    ) -> WorkflowResult<SourceUpkeepOutcome> {
        // A schedule's typed action cannot carry search attributes.
        ctx.upsert_search_attributes([CONCERN_KEY.value_set("source_upkeep".to_owned())]);
        ctx.set_current_details("**looking after the connections that are due**");
        let due = ctx
            .execute_activity(
                SourceUpkeepActivities::due,
                DueInput { limit: MOST },
                patience::activity(Duration::from_secs(60), "lists what is due"),
            )
            .await?;
        let mut outcome = SourceUpkeepOutcome::default();
        for some in due.connections.chunks(AT_ONCE) {
            let runs = some.iter().map(|one| {
                ctx.execute_activity(
                    SourceUpkeepActivities::run,
                    one.clone(),
                    patience::activity(
                        Duration::from_secs(5 * 60),
                        format!("looks after {}", one.connection),
                    ),
                )
            });
            let ended = join_all(runs).await;
            entity::check_cancelled(ctx)?;
            for run in ended {
                outcome.connections += 1;
                match run {
                    Ok(run) => {
                        outcome.failed += u32::from(run.failed);
                        outcome.found += run.found;
                        outcome.replayed += run.replayed;
                    }
                    // It stays due.
                    Err(_) => outcome.failed += 1,
                }
            }
        }
        ctx.set_current_details(format!(
            "- connections: {}\n- failed: {}\n- spaces with changes: {}\n- replayed deliveries: {}\n",
            outcome.connections, outcome.failed, outcome.found, outcome.replayed
        ));
        Ok(outcome)
    }
}
