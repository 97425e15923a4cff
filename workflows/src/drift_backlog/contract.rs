//! The contract of `drift_backlog`. Frozen: see the crate's documentation.

use serde::{Deserialize, Serialize};
use temporalio_macros::activity_definitions;

/// Where `drift_backlog` and its activity run.
pub const TASK_QUEUE: &str = "notify";

/// The id of the schedule that starts it, and the prefix of its workflow ids.
pub const SCHEDULE_ID: &str = "drift-backlog";

/// The workflow id that the schedule uses.
pub fn workflow_id() -> String {
    SCHEDULE_ID.to_owned()
}

/// Starts one round over the drift of all tenants.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DriftBacklogInput {}

/// How a round ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftBacklogOutcome {
    /// Documents whose drift has been un-proved for too long and that nobody acknowledged.
    pub overdue: u32,
    /// Those of which an alert was raised just now.
    pub raised: u32,
    /// Alerts that were resolved: proved, changed or acknowledged since.
    pub resolved: u32,
}

/// The activity of `drift_backlog`.
pub struct DriftBacklogActivities;

#[activity_definitions]
impl DriftBacklogActivities {
    /// Raises an alert for each document whose drift has been un-proved for too long, once until it
    /// changes, and resolves those that are not any more.
    #[activity(name = "drift_backlog.scan")]
    pub fn scan(_input: DriftBacklogInput) -> DriftBacklogOutcome {
        unimplemented!()
    }
}

/// The activity as a type, for `#[activity(definition = …)]`.
pub mod definitions {
    pub use super::drift_backlog_activities::Scan;
}
