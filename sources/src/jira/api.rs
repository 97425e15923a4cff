//! Asking Jira, with each variant's credential.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use reqwest::Url;
use sbh_outbound::{Answer, OutboundError};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::settings::{Settings, Variant};
use super::token::Token;
use crate::fetch::FetchError;
use crate::session::Session;

/// Bytes of an answer that holds an issue at most.
pub(super) const MAX_ISSUE: usize = 16 << 20;
/// Bytes of any other answer.
const MAX_ANSWER: usize = 2 << 20;

/// Jira's REST interface with one connection's credential.
pub(super) struct Api<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) settings: Settings,
    root: String,
    authorization: String,
}

impl<'a> Api<'a> {
    pub(super) fn of(session: &'a Session<'a>) -> Result<Self, FetchError> {
        let settings = Settings::read(session.settings)?;
        let credential = session.credential.map(str::trim).filter(|text| !text.is_empty());
        let wanted = match settings.variant {
            Variant::Cloud => "email:api_token",
            Variant::CloudOauth => "the app's refresh token",
            Variant::DataCenter => "a personal access token",
        };
        let credential = credential.ok_or_else(|| {
            FetchError::Credential(format!("the connection has no credential: store {wanted}"))
        })?;
        let authorization = match settings.variant {
            Variant::Cloud if credential.contains(':') => {
                format!("Basic {}", STANDARD.encode(credential))
            }
            Variant::Cloud => {
                return Err(FetchError::Credential(
                    "the credential of a Jira Cloud connection is email:api_token".to_owned(),
                ));
            }
            Variant::CloudOauth => {
                format!("Bearer {}", Token::read(credential).access(session.now)?)
            }
            Variant::DataCenter => format!("Bearer {credential}"),
        };
        let root = settings.root(session.bases);
        Ok(Self { session, settings, root, authorization })
    }

    /// Asks for a path below `/rest/api/{version}`. `of` names what is asked for in errors.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        of: &str,
    ) -> Result<T, FetchError> {
        self.read(&self.answer(Method::GET, path, query, None, MAX_ANSWER).await?, of)
    }

    /// The same with a body.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: &Value,
        of: &str,
    ) -> Result<Answer, FetchError> {
        let answer = self.answer(method, path, &[], Some(body), MAX_ANSWER).await?;
        match FetchError::of(&answer, of, self.session.now) {
            Some(error) => Err(error),
            None => Ok(answer),
        }
    }

    pub(super) async fn answer(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
        max_bytes: usize,
    ) -> Result<Answer, OutboundError> {
        let url = format!("{}/rest/api/{}/{path}", self.root, self.settings.version());
        let url = Url::parse(&url)
            .map_err(|_| OutboundError::Refused("base_url is no address".to_owned()))?;
        let mut request = self
            .session
            .http
            .request(method, url)
            .query(query)
            .header(http::header::AUTHORIZATION, &self.authorization)
            .header(http::header::ACCEPT, "application/json");
        if let Some(body) = body {
            request = request.json(body);
        }
        self.session.http.send(request, max_bytes).await
    }

    pub(super) fn read<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        of: &str,
    ) -> Result<T, FetchError> {
        match FetchError::of(answer, of, self.session.now) {
            Some(error) => Err(error),
            None => answer.json().map_err(|why| FetchError::Unexpected(format!("{of}: {why}"))),
        }
    }
}
