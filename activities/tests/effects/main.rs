//! The activities against real parts: git repositories, PostgreSQL, Valkey and Z3.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod announce;
mod cache_audit;
mod head_poll;
mod https;
mod origin;
mod remotes;
mod repo_sync;
mod spec_drift;
mod tools;
mod valkey;
mod world;
