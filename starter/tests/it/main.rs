//! The starter over real parts: PostgreSQL, and Temporal where a test needs it.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod api;
mod codec;
mod connections;
mod dispatch;
mod health;
mod idempotency;
mod limits;
mod reprove;
mod server;
mod temporal;
mod tenancy;
mod webhooks;
