//! The contract of `head_poll`. Frozen: see the crate's documentation.

use serde::{Deserialize, Serialize};
use temporalio_macros::activity_definitions;

/// Where `head_poll` and its activity run.
pub const TASK_QUEUE: &str = "sync";

/// The id of the schedule that starts it, and the prefix of its workflow ids.
pub const SCHEDULE_ID: &str = "head-poll";

/// The workflow id that the schedule uses.
pub fn workflow_id() -> String {
    SCHEDULE_ID.to_owned()
}

/// Starts one round over all repositories of all tenants.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct HeadPollInput {}

/// How a round ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeadPollOutcome {
    /// Repositories whose remote head was read.
    pub checked: u32,
    /// Those that had moved without a notice.
    pub moved: u32,
    /// Those that could not be read; each has its error noted.
    pub failed: u32,
}

/// The activity of `head_poll`.
pub struct HeadPollActivities;

#[activity_definitions]
impl HeadPollActivities {
    /// Compares the remote head of every tracked branch with its baseline and puts a notice into the
    /// inbox where it moved.
    #[activity(name = "head_poll.compare_heads")]
    pub fn compare_heads(_input: HeadPollInput) -> HeadPollOutcome {
        unimplemented!()
    }
}

/// The activity as a type, for `#[activity(definition = …)]`.
pub mod definitions {
    pub use super::head_poll_activities::CompareHeads;
}
