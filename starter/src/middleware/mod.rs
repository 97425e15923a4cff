//! Layers around all routes.

pub mod headers;
pub mod limits;
pub mod request;
