//! What the tests against a real Temporal server share: the server, and activities that stand in for
//! the real ones.

// Not every test uses all of it, and the macros make items that nobody uses.
#![allow(dead_code, missing_docs, clippy::unwrap_used, clippy::expect_used)]

pub mod alerts;
pub mod github;
pub mod scenario;
pub mod server;
pub mod spaces;
pub mod stand_in;
