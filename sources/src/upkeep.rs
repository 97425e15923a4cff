//! What a round of upkeep did.

use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;

/// What a round did.
#[derive(Debug, Clone)]
pub struct Upkeep {
    /// What the next round needs: small, without secrets.
    pub state: Value,
    /// After how long the next round must come at the latest, where that is known.
    pub again_in: Option<Duration>,
    /// The connection's credential from now on, where the service replaced it: the one before is void,
    /// so this one must be kept before anything else.
    pub credential: Option<String>,
    /// Deliveries that were missed, as the service kept them. They count as verified.
    pub replayed: Vec<Replayed>,
    /// What went wrong without ending the round.
    pub problems: Vec<Problem>,
    /// In one line, what was done.
    pub summary: String,
}

impl Upkeep {
    /// A round in which there was nothing to do.
    pub fn nothing() -> Self {
        Self {
            state: Value::Null,
            again_in: None,
            credential: None,
            replayed: Vec::new(),
            problems: Vec::new(),
            summary: String::new(),
        }
    }
}

/// A delivery that the service kept.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// Its headers, as far as parsing needs them.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Something that a person should know about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A channel or registration cannot be renewed: notices end when it expires.
    Renewal(String),
    /// The source cannot be read.
    Failing(String),
}
