//! The activities against real parts: git repositories, PostgreSQL, Valkey and Z3.

mod announce;
mod head_poll;
mod https;
mod origin;
mod remotes;
mod repo_sync;
mod spec_drift;
mod tools;
mod valkey;
mod world;
