//! What arrived at a stand-in.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

/// A request that a stand-in took.
#[derive(Debug, Clone, Serialize)]
pub struct Arrived {
    /// Its place in the order of arrival, from 0.
    pub number: usize,
    /// When its body was complete.
    pub at: DateTime<Utc>,
    /// Its method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// What stands behind the path's `?`.
    pub query: String,
    /// Its headers, names in lower case; of doubled ones the last.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    #[serde(skip)]
    pub body: Bytes,
    /// Whether the service did what was asked, whatever it then answered.
    pub acted: bool,
    /// How it was answered; `None` where it was not.
    pub status: Option<u16>,
}

impl Arrived {
    pub(crate) fn new(parts: &http::request::Parts, body: Bytes, acted: bool) -> Self {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
        Self {
            number: 0,
            at: Utc::now(),
            method: parts.method.to_string(),
            path: parts.uri.path().to_owned(),
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers.iter().map(|(n, v)| (n.to_string(), text(v))).collect(),
            body,
            acted,
            status: None,
        }
    }

    /// Its body as JSON; `Null` where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}
