//! The one HTTP client for addresses that users give: it resolves a name itself and goes only where
//! the operator lets it, follows no redirect, uses no proxy, and reads no more than it was told to.

pub mod address;
mod answer;
mod client;

pub use address::Range;
pub use answer::{Answer, retry_after};
pub use client::{Outbound, OutboundError};
