//! What the end-to-end tests share: a whole stack started through the real `sbh`, tenants in it,
//! real git repositories, signed webhooks, and a ledger that reads the database to see that
//! nothing was lost and nothing was recorded twice.
//!
//! A test says what it waits for ([`eventually`]) and never sleeps to let something happen.
// This crate is test code from end to end: a panic is how it reports.
#![allow(clippy::unwrap_used, clippy::expect_used)]

pub mod api;
pub mod binaries;
pub mod documents;
pub mod eventually;
pub mod git;
pub mod github;
pub mod harness;
pub mod hosted;
pub mod ledger;
pub mod processes;
pub mod tenant;
pub mod watchdog;
pub mod webhook;

pub use api::{Answer, Api};
pub use eventually::{LONG, SHORT, eventually};
pub use git::GitRepo;
pub use harness::{Stack, StackOptions};
pub use tenant::{Connection, Tenant};
