//! Google Docs, through Drive. A space is a folder, one document, or all that a service account can
//! see; a document is a Google document by its id. Drive's channels say only that something changed
//! somewhere, and may fall silent: what changed is read from Drive's list of changes.

mod api;
mod changes;
mod channel;
mod files;
pub mod markdown;
pub mod settings;
mod token;
mod watch;

use std::time::SystemTime;

use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::delivery::{Delivery, Event, Keys, Malformed, Reading, Refused};
use crate::fetch::{Changes, FetchError, Fetched};
use crate::session::Session;
use crate::source::{Fetching, Source};
use crate::upkeep::Upkeep;
use api::Api;
use settings::{Settings, Space};

/// See the module.
pub struct GoogleDocs;

#[derive(Deserialize)]
struct About {
    user: User,
}

#[derive(Deserialize)]
struct User {
    #[serde(rename = "emailAddress", default)]
    address: String,
}

fn space(name: &str) -> Result<Space<'_>, FetchError> {
    Space::read(name).map_err(FetchError::NotFound)
}

impl Source for GoogleDocs {
    fn name(&self) -> &'static str {
        "google_docs"
    }

    fn fetching(&self) -> Fetching {
        Fetching::Documents
    }

    fn check_settings(&self, settings: &Value) -> Result<Value, String> {
        Ok(json!(Settings::check(settings)?))
    }

    fn check_space(&self, space: &str) -> Result<String, String> {
        Space::read(space).map(Space::name)
    }

    fn verify(
        &self,
        delivery: &Delivery<'_>,
        keys: &Keys<'_>,
        now: SystemTime,
    ) -> Result<(), Refused> {
        channel::verify(delivery, keys, now)
    }

    fn parse(&self, delivery: &Delivery<'_>, _settings: &Value) -> Result<Reading, Malformed> {
        channel::parse(delivery)
    }

    /// All of them: a message names none.
    fn resolve(&self, _event: &Event, spaces: &[crate::Space]) -> Vec<usize> {
        (0..spaces.len()).collect()
    }

    fn fetch<'a>(
        &'a self,
        session: &'a Session<'a>,
        name: &'a str,
        document: &'a str,
    ) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move { files::fetch(&Api::of(session)?, space(name)?, document).await })
    }

    fn changes<'a>(
        &'a self,
        session: &'a Session<'a>,
        name: &'a str,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Changes, FetchError>> {
        Box::pin(async move { changes::changes(&Api::of(session)?, space(name)?, cursor).await })
    }

    fn upkeep<'a>(
        &'a self,
        session: &'a Session<'a>,
        spaces: &'a [crate::Space],
        state: Value,
    ) -> BoxFuture<'a, Result<Upkeep, FetchError>> {
        Box::pin(async move { watch::round(&Api::of(session)?, !spaces.is_empty(), state).await })
    }

    fn probe<'a>(&'a self, session: &'a Session<'a>) -> BoxFuture<'a, Result<String, FetchError>> {
        Box::pin(async move {
            let api = Api::of(session)?;
            let query = [("fields", "user(emailAddress)")];
            let about: About = api.get("/about", &query, "the account").await?;
            let address = about.user.address.chars().filter(|c| !c.is_control()).take(320);
            Ok(format!("Google Drive answers as {}", address.collect::<String>()))
        })
    }
}
