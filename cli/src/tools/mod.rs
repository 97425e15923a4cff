//! The native tools: pinned in `tools/requirements.txt`, installed into the project's own folder.

mod install;
mod locate;
mod lock;

pub use install::ensure;
pub use locate::{Tools, z3};
pub use lock::Package;
