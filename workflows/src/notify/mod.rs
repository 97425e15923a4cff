//! Alerts reach their channels: one workflow per channel, one message after the other.

// The macros make items beside each documented one, and do not document them.
#[allow(missing_docs)]
mod contract;
#[allow(missing_docs)]
mod workflow;

pub use contract::*;
pub use workflow::NotifyWorkflow;
