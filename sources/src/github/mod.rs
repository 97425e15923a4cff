//! GitHub: webhooks that announce pushes to git repositories and pull requests, check runs on commits,
//! and a look at the deliveries that were missed.
//! <https://docs.github.com/en/webhooks/webhook-events-and-payloads>

pub mod address;
pub mod api;
mod app;
pub mod checks;
mod deliveries;
mod event;
pub mod payload;
pub mod push;
pub mod settings;

use std::time::SystemTime;

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::delivery::{Delivery, Event, Keys, Malformed, Reading, Refused, Space};
use crate::fetch::{Changes, FetchError, Fetched};
use crate::session::Session;
use crate::source::{Fetching, Source};
use crate::upkeep::Upkeep;
use api::Api;
use event::Asks;
use push::Push;
use settings::Settings;

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
        Ok(json!(Settings::check(settings)?))
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

    fn parse(&self, delivery: &Delivery<'_>, settings: &Value) -> Result<Reading, Malformed> {
        let name = match delivery.header("x-github-event") {
            Some("ping") => return Ok(Reading::Ignored("ping")),
            Some(name @ ("push" | "pull_request" | "check_run" | "check_suite")) => name,
            _ => {
                return Ok(Reading::Ignored("only pushes, pull requests and checks are used"));
            }
        };
        let text = payload::json(delivery.header("content-type"), delivery.body)
            .map_err(|why| Malformed(why.to_owned()))?;
        let asks = match name {
            "push" => {
                let push = Push::parse(&text).map_err(Malformed)?;
                if push.is_tag() {
                    return Ok(Reading::Ignored("a tag moves no branch"));
                }
                let event = Event { spaces: push.spaces(), ..Event::default() };
                Asks::Look(push.hint(), vec![event])
            }
            "pull_request" => {
                // Settings that cannot be read stop no delivery.
                if Settings::check(settings).is_ok_and(|settings| !settings.pull_requests) {
                    return Ok(Reading::Ignored("the connection's pull requests are not proved"));
                }
                event::pull_request(&text)?
            }
            name => event::rerequested(name, &text)?,
        };
        Ok(match asks {
            Asks::Nothing(why) => Reading::Ignored(why),
            Asks::Look(hint, events) => Reading::Changed {
                dedup_key: format!("github:{}", delivery.body_digest()),
                hint,
                events,
            },
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

    fn upkeep<'a>(
        &'a self,
        session: &'a Session<'a>,
        _spaces: &'a [Space],
        state: Value,
    ) -> BoxFuture<'a, Result<Upkeep, FetchError>> {
        Box::pin(
            async move { deliveries::round(&Api::of(session)?, state, session.now.into()).await },
        )
    }

    fn probe<'a>(&'a self, session: &'a Session<'a>) -> BoxFuture<'a, Result<String, FetchError>> {
        Box::pin(async move {
            let api = Api::of(session)?;
            if session.credential.is_none() {
                let said =
                    "there is no credential to ask with: deliveries are verified as they come";
                return Ok(said.to_owned());
            }
            api.probe().await
        })
    }
}
