//! Documents that callers put: `PUT /api/specs/{id}`. They have no webhook and are fetched from the
//! store, where the request left them.

use std::time::SystemTime;

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::delivery::{Delivery, Keys, Malformed, Reading, Refused};
use crate::fetch::{Changes, FetchError, Fetched};
use crate::session::Session;
use crate::source::{Fetching, Source};

/// See the module.
pub struct Upload;

fn in_the_store<T>() -> BoxFuture<'static, Result<T, FetchError>> {
    Box::pin(async { Err(FetchError::Unexpected("uploaded documents are in the store".into())) })
}

impl Source for Upload {
    fn name(&self) -> &'static str {
        "upload"
    }

    fn fetching(&self) -> Fetching {
        Fetching::Store
    }

    fn check_settings(&self, settings: &Value) -> Result<Value, String> {
        match settings {
            Value::Null => Ok(json!({})),
            Value::Object(fields) if fields.is_empty() => Ok(json!({})),
            _ => Err("uploads have no settings".to_owned()),
        }
    }

    /// A collection's name: letters, digits, `.`, `_` and `-`.
    fn check_space(&self, space: &str) -> Result<String, String> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if (1..=100).contains(&space.len()) && space.chars().all(allowed) {
            return Ok(space.to_owned());
        }
        Err("a collection's name has 1 to 100 letters, digits, dots, underscores or hyphens".into())
    }

    fn verify(&self, _: &Delivery<'_>, _: &Keys<'_>, _: SystemTime) -> Result<(), Refused> {
        Err(Refused::never("uploads come through the API, not through a webhook"))
    }

    fn parse(&self, _: &Delivery<'_>, _: &Value) -> Result<Reading, Malformed> {
        Err(Malformed("uploads come through the API, not through a webhook".into()))
    }

    fn fetch<'a>(
        &'a self,
        _: &'a Session<'a>,
        _: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        in_the_store()
    }

    fn changes<'a>(
        &'a self,
        _: &'a Session<'a>,
        _: &'a str,
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Changes, FetchError>> {
        in_the_store()
    }

    fn probe<'a>(&'a self, _: &'a Session<'a>) -> BoxFuture<'a, Result<String, FetchError>> {
        Box::pin(async { Ok("uploads need no service".to_owned()) })
    }
}
