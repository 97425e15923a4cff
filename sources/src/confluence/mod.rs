//! Confluence, Cloud and Data Center. A space is a space by its key, a document is a page by its id.
//! Cloud has no signed webhooks: a Forge app passes its events on, each with a token of Forge's.

mod api;
mod cloud;
mod data_center;
pub mod event;
mod forge;
mod page;
pub mod settings;

use std::time::SystemTime;

use futures::future::BoxFuture;
use reqwest::Url;
use serde_json::{Value, json};

use crate::delivery::{Delivery, Event, Keys, Malformed, Reading, Refused, Space};
use crate::fetch::{Changes, FetchError, Fetched};
use crate::session::{Bases, Session};
use crate::source::{Fetching, Source};
use api::Api;
use settings::{Settings, Variant};

/// See the module.
pub struct Confluence;

impl Source for Confluence {
    fn name(&self) -> &'static str {
        "confluence"
    }

    fn fetching(&self) -> Fetching {
        Fetching::Documents
    }

    fn check_settings(&self, settings: &Value) -> Result<Value, String> {
        Ok(json!(Settings::check(settings)?))
    }

    fn check_space(&self, space: &str) -> Result<String, String> {
        settings::space(space)
    }

    fn key_set(&self, settings: &Value, bases: &Bases) -> Option<Url> {
        Settings::check(settings).ok()?.keys(bases)
    }

    fn verify(
        &self,
        delivery: &Delivery<'_>,
        keys: &Keys<'_>,
        now: SystemTime,
    ) -> Result<(), Refused> {
        let settings = Settings::check(keys.settings).map_err(Refused::never)?;
        if settings.variant == Variant::CloudForge {
            return forge::verify(delivery, &settings, keys, now);
        }
        let Some(signature) = delivery.header("x-hub-signature") else {
            return Err(Refused::never(
                "a delivery had no signature: enter the secret at the webhook",
            ));
        };
        if crate::signature::verify(keys.secrets, Some(signature), delivery.body) {
            return Ok(());
        }
        Err(Refused::key("a delivery had a wrong signature: is the secret right at the webhook?"))
    }

    fn parse(&self, delivery: &Delivery<'_>, settings: &Value) -> Result<Reading, Malformed> {
        let variant = Settings::check(settings).map_err(Malformed)?.variant;
        let dedup_key = match variant {
            Variant::CloudForge => forge::dedup_key(delivery),
            // The body has the time in it.
            Variant::DataCenter => format!("confluence:{}", delivery.body_digest()),
        };
        event::parse(variant, delivery.header("x-event-key"), dedup_key, delivery.body)
    }

    /// Keys are the same in any case.
    fn resolve(&self, event: &Event, spaces: &[Space]) -> Vec<usize> {
        let about = |space: &Space| {
            let named =
                |name: &String| name == event::ANY || name.eq_ignore_ascii_case(&space.space);
            event.spaces.iter().any(named)
        };
        spaces
            .iter()
            .enumerate()
            .filter(|(_, space)| about(space))
            .map(|(index, _)| index)
            .collect()
    }

    fn fetch<'a>(
        &'a self,
        session: &'a Session<'a>,
        space: &'a str,
        document: &'a str,
    ) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move {
            let settings = Settings::read(session.settings)?;
            let api = Api::of(session, &settings)?;
            if !event::is_page_id(document) {
                return Ok(Fetched::Absent);
            }
            match settings.variant {
                Variant::CloudForge => cloud::fetch(&api, space, document).await,
                Variant::DataCenter => data_center::fetch(&api, space, document).await,
            }
        })
    }

    fn changes<'a>(
        &'a self,
        session: &'a Session<'a>,
        space: &'a str,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Changes, FetchError>> {
        Box::pin(async move {
            let settings = Settings::read(session.settings)?;
            let api = Api::of(session, &settings)?;
            match settings.variant {
                Variant::CloudForge => cloud::changes(&api, space, cursor).await,
                Variant::DataCenter => data_center::changes(&api, space, cursor).await,
            }
        })
    }

    fn probe<'a>(&'a self, session: &'a Session<'a>) -> BoxFuture<'a, Result<String, FetchError>> {
        Box::pin(async move {
            let settings = Settings::read(session.settings)?;
            let api = Api::of(session, &settings)?;
            match settings.variant {
                Variant::CloudForge => cloud::probe(&api).await,
                Variant::DataCenter => data_center::probe(&api).await,
            }
        })
    }
}
