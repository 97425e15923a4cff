//! The head of a pull request is proved beside the tracked branch: what would it do to coverage?

// The macros make items beside each documented one, and do not document them.
#[allow(missing_docs)]
mod contract;
#[allow(missing_docs)]
mod workflow;

pub use contract::*;
pub use workflow::PullRequestWorkflow;
