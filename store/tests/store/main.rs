//! The store against a real PostgreSQL: one database per test.

// A helper of a test is a test's code, which the lint does not see.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod alert;
mod audit;
mod check_run;
mod connection;
mod coverage;
mod drift;
mod duplicates;
mod effect;
mod fixture;
mod idempotency;
mod inbox;
mod inbox_retry;
mod isolation;
mod lifecycle;
mod notify;
mod nudge;
mod prune;
mod pull_request;
mod record;
mod repository;
mod reprove;
mod setup;
mod space;
mod stage;
mod upload;
