//! The demo: the main job, shown on a small product.

pub mod record;
