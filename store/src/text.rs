//! What PostgreSQL's text types cannot hold, and what the database's text columns mean.

use sbh_domain::{Digest, Form, ProofDetail, Verdict};

use crate::StoreError;

/// The text without NUL, which PostgreSQL cannot store; hostile input may hold it.
pub(crate) fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The text without NUL and cut to `limit` characters.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    storable(text).chars().take(limit).collect()
}

/// A digest from a column.
pub(crate) fn digest(bytes: Vec<u8>) -> Result<Digest, StoreError> {
    let length = bytes.len();
    bytes
        .try_into()
        .map(Digest)
        .map_err(|_| StoreError::Unreadable(format!("a digest of {length} bytes")))
}

/// A digest from a column that may be NULL.
pub(crate) fn optional_digest(bytes: Option<Vec<u8>>) -> Result<Option<Digest>, StoreError> {
    bytes.map(digest).transpose()
}

/// A verdict from a column.
pub(crate) fn verdict(text: &str) -> Result<Verdict, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable(format!("the verdict {text:?}")))
}

/// A form from a column that may be NULL.
pub(crate) fn form(text: Option<String>) -> Result<Option<Form>, StoreError> {
    text.map(|text| text.parse().map_err(|_| StoreError::Unreadable(format!("the form {text:?}"))))
        .transpose()
}

/// What else is known about a verdict. What cannot be read, or is not there, says nothing.
pub(crate) fn detail(json: Option<serde_json::Value>) -> ProofDetail {
    json.and_then(|json| serde_json::from_value(json).ok()).unwrap_or_default()
}
