//! The contract of `source_upkeep`. Frozen: see the crate's documentation.

use sbh_domain::{ConnectionId, TenantId};
use serde::{Deserialize, Serialize};
use temporalio_macros::activity_definitions;

/// Where `source_upkeep` and its activities run.
pub const TASK_QUEUE: &str = "sync";

/// The id of the schedule that starts it, and the prefix of its workflow ids.
pub const SCHEDULE_ID: &str = "source-upkeep";

/// The workflow id that the schedule uses.
pub fn workflow_id() -> String {
    SCHEDULE_ID.to_owned()
}

/// Starts one round over the connections of all tenants that are due.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SourceUpkeepInput {}

/// How a round ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceUpkeepOutcome {
    /// Connections that were looked after.
    pub connections: u32,
    /// Those with a problem; each has it noted.
    pub failed: u32,
    /// Spaces of which something had changed.
    pub found: u32,
    /// Missed deliveries that were replayed.
    pub replayed: u32,
}

/// Input of the activity `source_upkeep.due`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DueInput {
    /// How many at most.
    pub limit: u32,
}

/// Output of the activity `source_upkeep.due`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DueOutcome {
    /// The longest due first.
    pub connections: Vec<RunInput>,
}

/// Input of the activity `source_upkeep.run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInput {
    /// The tenant.
    pub tenant: TenantId,
    /// The connection.
    pub connection: ConnectionId,
}

/// Output of the activity `source_upkeep.run`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOutcome {
    /// Whether it has a problem, which is noted.
    pub failed: bool,
    /// Spaces of which something had changed.
    pub found: u32,
    /// Missed deliveries that were replayed.
    pub replayed: u32,
}

/// The activities of `source_upkeep`.
pub struct SourceUpkeepActivities;

#[activity_definitions]
impl SourceUpkeepActivities {
    /// Lists the connections whose upkeep is due.
    #[activity(name = "source_upkeep.due")]
    pub fn due(_input: DueInput) -> DueOutcome {
        unimplemented!()
    }

    /// Looks after one connection: renews what expires, replays missed deliveries, polls its spaces.
    #[activity(name = "source_upkeep.run")]
    pub fn run(_input: RunInput) -> RunOutcome {
        unimplemented!()
    }
}

/// The activities as types, for `#[activity(definition = …)]`.
pub mod definitions {
    pub use super::source_upkeep_activities::{Due, Run};
}
