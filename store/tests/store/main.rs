//! The store against a real PostgreSQL: one database per test.

mod audit;
mod connection;
mod coverage;
mod duplicates;
mod fixture;
mod idempotency;
mod inbox;
mod isolation;
mod lifecycle;
mod record;
mod repository;
mod setup;
mod stage;
