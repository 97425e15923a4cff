//! Pushes that nobody announced: remote heads are compared with the recorded baselines.

// The macros make items beside each documented one, and do not document them.
#[allow(missing_docs)]
mod contract;
#[allow(missing_docs)]
mod workflow;

pub use contract::*;
pub use workflow::HeadPollWorkflow;
