//! A repository follows its tracked branch: notices are debounced, the branch is fetched, changed
//! documents are staged and announced.

// The macros make items beside each documented one, and do not document them.
#[allow(missing_docs)]
mod contract;
#[allow(missing_docs)]
mod workflow;

pub use contract::*;
pub use workflow::RepoSyncWorkflow;
