//! The JSON that goes over HTTP, as types: what the starter answers and what its callers send.
//!
//! Nothing but shapes (serde) and their description (utoipa): the source of the OpenAPI document,
//! of the command line's calls and of the dashboard's types. Names are `snake_case` and stable.
//!
//! Requests ignore fields that they do not know; answers may gain fields. See [`routes`] for which
//! address takes what.

pub mod alert;
pub mod audit;
pub mod check_run;
pub mod codec;
pub mod connection;
pub mod coverage;
pub mod drift;
pub mod effect;
pub mod health;
pub mod inbox;
pub mod page;
pub mod problem;
pub mod pull_request;
pub mod repo_sync;
pub mod repository;
pub mod routes;
pub mod spec_drift;
pub mod token;
pub mod upload;
pub mod verdict;

pub use page::Page;
pub use problem::Problem;
pub use verdict::{Counts, Verdict};
