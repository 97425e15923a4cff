//! Pushes that nobody announced: remote heads are compared with the recorded baselines.

mod contract;

pub use contract::*;
