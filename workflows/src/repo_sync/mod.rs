//! A repository follows its tracked branch: notices are debounced, the branch is fetched, changed
//! documents are staged and announced.

mod contract;

pub use contract::*;
