//! A repository's check runs are told to GitHub: one workflow per repository, so that nothing is told
//! twice at once, and a limit is waited for by a timer that outlives every process.

// The macros make items beside each documented one, and do not document them.
#[allow(missing_docs)]
mod contract;
#[allow(missing_docs)]
mod workflow;

pub use contract::*;
pub use workflow::CheckRunWorkflow;
