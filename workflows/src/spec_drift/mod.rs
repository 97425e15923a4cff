//! A document whose content drifted from what is proved is proved again and recorded.

// The macros make items beside each documented one, and do not document them.
#[allow(missing_docs)]
mod contract;
#[allow(missing_docs)]
mod workflow;

pub use contract::*;
pub use workflow::SpecDriftWorkflow;
