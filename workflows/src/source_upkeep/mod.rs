//! Connections are looked after: channels and registrations are renewed before they end, deliveries
//! that were missed are replayed, and hosted spaces are polled.

// The macros make items beside each documented one, and do not document them.
#[allow(missing_docs)]
mod contract;
#[allow(missing_docs)]
mod workflow;

pub use contract::*;
pub use workflow::SourceUpkeepWorkflow;
