//! The workers of SBH fleet: they run workflows and activities, keep themselves alive, tell the
//! truth about their health and end in order.

pub mod fleet;
pub mod health;
pub mod http;
pub mod metrics;
pub mod parts;
pub mod queue;
pub mod supervision;
