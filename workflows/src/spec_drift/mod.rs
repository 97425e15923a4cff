//! A document whose content drifted from what is proved is proved again and recorded.

mod contract;

pub use contract::*;
