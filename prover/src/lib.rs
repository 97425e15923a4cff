//! The proof engine: spec documents in, verdicts out. It needs a `z3` binary and nothing else: no
//! server, no database, no workflow engine.
//!
//! Specs are untrusted input. [`document`] finds their invariant blocks, [`invariant`] reads them
//! with our own parser against an allow-list, and [`pool`] sends to the prover only what our own
//! printer writes.

pub mod document;
pub mod external;
mod heading;
mod html_block;
pub mod invariant;
mod language;
mod lexer;
mod markdown;
pub mod pool;
pub mod portfolio;
pub mod sandbox;
mod script;
mod section;
mod sexp;
mod symbols;
mod term;

pub use document::{Block, BlockError, Document, Kind, parse, parse_with};
pub use invariant::Invariant;
pub use language::Languages;
pub use pool::{
    Assignment, Counterexample, Limits, Outcome, Pool, PoolConfig, PoolError, PoolStats,
};
pub use portfolio::Portfolio;
