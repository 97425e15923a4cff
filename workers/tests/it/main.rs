//! The real `sbh-workers` over a real PostgreSQL, Temporal, git and Z3: how it stops, and how it
//! comes back.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod drain;
mod ground;
mod process;
mod restart;
mod temporal;
