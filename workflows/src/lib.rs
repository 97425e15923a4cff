//! The durable concerns of SBH fleet: for each a contract (`contract.rs`: queue, ids, wire names,
//! inputs and outputs, activity declarations) and the workflow itself (`workflow.rs`).
//!
//! Wire names (workflow types, activity, signal, query and update names, queues, ids, search
//! attributes, JSON fields) are frozen: histories of running workflows hold them. Never rename one.

pub mod check_run;
pub mod drift_backlog;
mod entity;
pub mod head_poll;
pub mod notify;
mod patience;
pub mod pull_request;
pub mod repo_sync;
pub mod search_attributes;
pub mod source_upkeep;
pub mod spec_drift;
