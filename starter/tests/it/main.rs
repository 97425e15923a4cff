//! The starter over real parts: PostgreSQL, and Temporal where a test needs it.

mod api;
mod codec;
mod dispatch;
mod health;
mod idempotency;
mod server;
mod temporal;
mod tenancy;
mod webhooks;
