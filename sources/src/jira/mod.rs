//! Jira: issues whose descriptions hold invariants. A space is a project, a document an issue.
//!
//! - Cloud's webhooks: <https://developer.atlassian.com/cloud/jira/platform/webhooks/>. Those that an
//!   administrator makes are signed in `X-Hub-Signature`; those of OAuth apps bear a JWT that is signed
//!   with the app's client secret and does not cover the body.
//! - Data Center's: <https://confluence.atlassian.com/adminjiraserver/managing-webhooks-938846912.html>
//!
//! `X-Atlassian-Webhook-Identifier` is signed by neither, so the body's digest is the deduplication
//! key: a body holds the milliseconds of its event.

mod api;
mod issue;
pub mod payload;
mod search;
pub mod settings;
mod token;
mod webhooks;

use std::time::SystemTime;

use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bearer::{self, Expected};
use crate::delivery::{Delivery, Keys, Malformed, Reading, Refused, Space};
use crate::fetch::{Changes, FetchError, Fetched};
use crate::session::Session;
use crate::source::{Fetching, Source};
use crate::upkeep::Upkeep;
use api::Api;
use settings::{Settings, Variant};
use token::Token;

/// See the module.
pub struct Jira;

/// What the JWT of a dynamic webhook says besides its time. What else it holds is not documented.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    aud: Option<Audience>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Source for Jira {
    fn name(&self) -> &'static str {
        "jira"
    }

    fn fetching(&self) -> Fetching {
        Fetching::Documents
    }

    fn check_settings(&self, settings: &Value) -> Result<Value, String> {
        Ok(json!(Settings::check(settings)?))
    }

    fn check_space(&self, space: &str) -> Result<String, String> {
        settings::project(space)
    }

    fn verify(
        &self,
        delivery: &Delivery<'_>,
        keys: &Keys<'_>,
        now: SystemTime,
    ) -> Result<(), Refused> {
        if keys.settings["variant"] == "cloud_oauth" {
            return verify_token(delivery, keys, now);
        }
        let Some(signature) = delivery.header("x-hub-signature") else {
            return Err(Refused::never(
                "a delivery had no signature: enter the secret at the webhook in Jira",
            ));
        };
        if crate::signature::verify(keys.secrets, Some(signature), delivery.body) {
            return Ok(());
        }
        Err(Refused::key("a delivery had a wrong signature: is the secret right in Jira?"))
    }

    fn parse(&self, delivery: &Delivery<'_>, _settings: &Value) -> Result<Reading, Malformed> {
        payload::parse(delivery.body, || format!("jira:{}", delivery.body_digest()))
    }

    fn fetch<'a>(
        &'a self,
        session: &'a Session<'a>,
        space: &'a str,
        document: &'a str,
    ) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(async move { issue::fetch(&Api::of(session)?, space, document).await })
    }

    fn changes<'a>(
        &'a self,
        session: &'a Session<'a>,
        space: &'a str,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Changes, FetchError>> {
        Box::pin(async move {
            let space = settings::project(space).map_err(FetchError::NotFound)?;
            search::changes(&Api::of(session)?, &space, cursor).await
        })
    }

    fn upkeep<'a>(
        &'a self,
        session: &'a Session<'a>,
        spaces: &'a [Space],
        state: Value,
    ) -> BoxFuture<'a, Result<Upkeep, FetchError>> {
        Box::pin(upkeep(session, spaces, state))
    }

    fn probe<'a>(&'a self, session: &'a Session<'a>) -> BoxFuture<'a, Result<String, FetchError>> {
        Box::pin(async move {
            let who: Value = Api::of(session)?.get("myself", &[], "the account").await?;
            let name = who["displayName"].as_str().unwrap_or("an account without a name");
            Ok(format!("Jira answers to {}", name.chars().take(100).collect::<String>()))
        })
    }
}

fn verify_token(delivery: &Delivery<'_>, keys: &Keys<'_>, now: SystemTime) -> Result<(), Refused> {
    let token = delivery.bearer().ok_or_else(|| {
        Refused::never("a delivery had no token: dynamic webhooks of an OAuth app bear one")
    })?;
    let claims: Claims = bearer::shared_secret(token, keys, Expected::default(), now)?;
    let app = keys.settings["client_id"].as_str().unwrap_or_default();
    let fits = match &claims.aud {
        None => true,
        Some(Audience::One(audience)) => audience == app,
        Some(Audience::Many(audiences)) => audiences.iter().any(|audience| audience == app),
    };
    if fits { Ok(()) } else { Err(Refused::never("the token is for another audience")) }
}

/// Only OAuth connections have something to keep up. The new tokens come first: nothing may get between
/// their exchange and their being kept that could end the round with an error.
async fn upkeep(
    session: &Session<'_>,
    spaces: &[Space],
    state: Value,
) -> Result<Upkeep, FetchError> {
    let settings = Settings::read(session.settings)?;
    if settings.variant != Variant::CloudOauth {
        return Ok(Upkeep::nothing());
    }
    let credential = session.credential.map(str::trim).filter(|text| !text.is_empty());
    let credential = credential.ok_or_else(|| {
        FetchError::Credential(
            "the connection has no credential: store the app's refresh token".to_owned(),
        )
    })?;
    let token = Token::read(credential);
    let renewed = token.renewed(session, &settings).await?;
    let credential = renewed.as_ref().map(Token::kept);
    let token = renewed.unwrap_or(token);
    let mut upkeep = Upkeep { again_in: Some(token.renew_in(session.now)), ..Upkeep::nothing() };
    let kept = token.kept();
    let session = Session { credential: Some(&kept), ..*session };
    let api = Api::of(&session)?;
    webhooks::round(&api, spaces, state, &mut upkeep).await;
    upkeep.credential = credential;
    Ok(upkeep)
}
