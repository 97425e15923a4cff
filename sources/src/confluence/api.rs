//! Asking a site: the same for both kinds of Confluence.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use reqwest::Url;
use sbh_outbound::{Answer, OutboundError};
use serde::de::DeserializeOwned;

use super::settings::{Settings, Variant};
use crate::fetch::FetchError;
use crate::session::Session;

/// Bytes of an answer that holds a page at most. Markup is escaped within JSON.
const MAX_PAGE: usize = 16 << 20;
/// Bytes of any other answer: a hostile server must not fill the memory with entries of a list.
const MAX_ANSWER: usize = 2 << 20;

/// A site that is asked with a connection's credential.
pub(super) struct Api<'a> {
    session: &'a Session<'a>,
    root: String,
    authorization: String,
}

/// A page's answer that may be too large to be read.
pub(super) enum Sized<T> {
    Whole(T),
    TooLarge(String),
}

impl<'a> Api<'a> {
    pub(super) fn of(session: &'a Session<'a>, settings: &Settings) -> Result<Self, FetchError> {
        let credential = session.credential.map(str::trim).filter(|text| !text.is_empty());
        let credential = credential.ok_or_else(|| {
            FetchError::Credential(match settings.variant {
                Variant::CloudForge => {
                    "the connection has no credential: store email:api_token".to_owned()
                }
                Variant::DataCenter => {
                    "the connection has no credential: store a personal access token".to_owned()
                }
            })
        })?;
        let authorization = match (credential.contains(':'), settings.variant) {
            (true, _) => format!("Basic {}", STANDARD.encode(credential)),
            (false, Variant::DataCenter) => format!("Bearer {credential}"),
            (false, Variant::CloudForge) => {
                return Err(FetchError::Credential(
                    "the credential of a Confluence Cloud connection is email:api_token".to_owned(),
                ));
            }
        };
        Ok(Self { session, root: settings.root(session.bases), authorization })
    }

    pub(super) fn now(&self) -> std::time::SystemTime {
        self.session.now
    }

    pub(super) fn connection(&self) -> uuid::Uuid {
        self.session.connection
    }

    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// Asks for a path with a query. `of` names what is asked for in errors.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        of: &str,
    ) -> Result<T, FetchError> {
        let answer = self.answer(path, query, MAX_ANSWER).await?;
        self.read(&answer, of)
    }

    /// Asks for a page with its text.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        of: &str,
    ) -> Result<Sized<T>, FetchError> {
        match self.answer(path, query, MAX_PAGE).await {
            Ok(answer) => Ok(Sized::Whole(self.read(&answer, of)?)),
            Err(OutboundError::TooLarge(_)) => {
                Ok(Sized::TooLarge(format!("the page has more than {MAX_PAGE} bytes; split it")))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn answer(
        &self,
        path: &str,
        query: &[(&str, &str)],
        max_bytes: usize,
    ) -> Result<Answer, OutboundError> {
        let url = Url::parse(&format!("{}{path}", self.root));
        let url = url.map_err(|_| OutboundError::Refused("base_url is no address".to_owned()))?;
        let request = self
            .session
            .http
            .request(Method::GET, url)
            .query(query)
            .header(http::header::AUTHORIZATION, &self.authorization)
            .header(http::header::ACCEPT, "application/json");
        self.session.http.send(request, max_bytes).await
    }

    fn read<T: DeserializeOwned>(&self, answer: &Answer, of: &str) -> Result<T, FetchError> {
        match FetchError::of(answer, of, self.session.now) {
            Some(error) => Err(error),
            None => answer.json().map_err(|why| FetchError::Unexpected(format!("{of}: {why}"))),
        }
    }
}
