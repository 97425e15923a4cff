//! The pure rules of SBH fleet: identifiers, verdicts, coverage arithmetic, canonical text, roles
//! and the audit chain.
//!
//! Nothing in this crate is async, reads a clock, draws a random number or touches the outside
//! world, so that workflow code may use all of it and every rule can be tested as a function.

pub mod alert;
pub mod audit;
pub mod canonical;
pub mod coverage;
pub mod debounce;
pub mod digest;
pub mod git_host;
pub mod id;
pub mod invariant;
pub mod proof_detail;
pub mod role;
pub mod spec_key;
pub mod trace;
pub mod verdict;

pub use alert::{AlertKind, Severity};
pub use coverage::VerdictCounts;
pub use debounce::Debounce;
pub use digest::Digest;
pub use git_host::GitHost;
pub use id::{
    AlertId, ChannelId, CheckRunId, ConnectionId, DocumentId, EffectId, InboxId, RepositoryId,
    SyncId, TenantId,
};
pub use invariant::Form;
pub use proof_detail::{Assumption, ProofDetail};
pub use role::{Permission, Role};
pub use trace::{TraceParent, Traces};
pub use verdict::Verdict;
