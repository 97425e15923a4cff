//! GitHub: webhooks that announce pushes to git repositories.
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads>

pub mod address;
pub mod payload;
pub mod push;

use std::time::SystemTime;

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::delivery::{Delivery, Event, Keys, Malformed, Reading, Refused, Space};
use crate::fetch::{Changes, FetchError, Fetched};
use crate::session::Session;
use crate::source::{Fetching, Source};
use push::Push;

/// See the module.
pub struct GitHub;

impl Source for GitHub {
    fn name(&self) -> &'static str {
        "github"
    }

    fn fetching(&self) -> Fetching {
        Fetching::Git
    }

    fn check_settings(&self, settings: &Value) -> Result<Value, String> {
        match settings {
            Value::Null => Ok(json!({})),
            Value::Object(fields) if fields.is_empty() => Ok(json!({})),
            _ => Err("a GitHub connection has no settings".to_owned()),
        }
    }

    /// The normal form of the repository's address.
    fn check_space(&self, space: &str) -> Result<String, String> {
        Ok(address::parse(space).to_string())
    }

    fn verify(
        &self,
        delivery: &Delivery<'_>,
        keys: &Keys<'_>,
        _now: SystemTime,
    ) -> Result<(), Refused> {
        let Some(signature) = delivery.header("x-hub-signature-256") else {
            return Err(Refused::never(
                "a delivery had no signature: enter the secret at the source",
            ));
        };
        if crate::signature::verify(keys.secrets, Some(signature), delivery.body) {
            return Ok(());
        }
        Err(Refused::key("a delivery had a wrong signature: is the secret right at the source?"))
    }

    fn parse(&self, delivery: &Delivery<'_>, _settings: &Value) -> Result<Reading, Malformed> {
        match delivery.header("x-github-event") {
            Some("push") => {}
            Some("ping") => return Ok(Reading::Ignored("ping")),
            _ => return Ok(Reading::Ignored("only pushes are used")),
        }
        let text = payload::json(delivery.header("content-type"), delivery.body)
            .map_err(|why| Malformed(why.to_owned()))?;
        let push = Push::parse(&text).map_err(Malformed)?;
        if push.is_tag() {
            return Ok(Reading::Ignored("a tag moves no branch"));
        }
        Ok(Reading::Changed {
            dedup_key: format!("github:{}", delivery.body_digest()),
            hint: push.hint(),
            events: vec![Event { spaces: push.spaces(), ..Event::default() }],
        })
    }

    fn resolve(&self, event: &Event, spaces: &[Space]) -> Vec<usize> {
        let named =
            |space: &Space| event.spaces.iter().any(|name| address::names(name, &space.space));
        spaces
            .iter()
            .enumerate()
            .filter(|(_, space)| named(space))
            .map(|(index, _)| index)
            .collect()
    }

    fn fetch<'a>(
        &'a self,
        _session: &'a Session<'a>,
        _space: &'a str,
        _document: &'a str,
    ) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async { Err(FetchError::Unexpected("git repositories have a mirror".into())) })
    }

    fn changes<'a>(
        &'a self,
        _session: &'a Session<'a>,
        _space: &'a str,
        _cursor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Changes, FetchError>> {
        Box::pin(async { Err(FetchError::Unexpected("git repositories have a mirror".into())) })
    }

    fn probe<'a>(&'a self, _session: &'a Session<'a>) -> BoxFuture<'a, Result<String, FetchError>> {
        Box::pin(async {
            Ok("nothing to ask without a token: deliveries are verified as they come".into())
        })
    }
}
