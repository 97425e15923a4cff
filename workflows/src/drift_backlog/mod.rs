//! Drift that nobody proves: documents that stay un-proved for too long are alerted.

// The macros make items beside each documented one, and do not document them.
#[allow(missing_docs)]
mod contract;
#[allow(missing_docs)]
mod workflow;

pub use contract::*;
pub use workflow::DriftBacklogWorkflow;
