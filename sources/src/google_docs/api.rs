//! Asking Drive, and what its refusals mean.
//! <https://developers.google.com/workspace/drive/api/guides/handle-errors>

use std::time::Duration;

use http::{Method, StatusCode, header};
use reqwest::Url;
use sbh_outbound::{Answer, OutboundError};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::settings::Settings;
use super::token;
use crate::fetch::FetchError;
use crate::session::Session;

/// Bytes of an answer at most that is no export.
pub(super) const MAX_ANSWER: usize = 4 << 20;
/// How long Drive is left alone when it says that it was asked too often, and not for how long.
const PAUSE: Duration = Duration::from_secs(60);

/// Drive, asked with a connection's account.
pub(super) struct Api<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) settings: Settings,
}

#[derive(Deserialize)]
struct Failure {
    error: Details,
}

#[derive(Deserialize)]
struct Details {
    #[serde(default)]
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    reason: String,
}

impl<'a> Api<'a> {
    pub(super) fn of(session: &'a Session<'a>) -> Result<Self, FetchError> {
        if session.credential.is_none_or(|text| text.trim().is_empty()) {
            return Err(FetchError::Credential(
                "the connection has no credential: store a service account's key".to_owned(),
            ));
        }
        Ok(Self { session, settings: Settings::read(session.settings)? })
    }

    /// Asks for a path below `/drive/v3`.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
        of: &str,
    ) -> Result<T, FetchError> {
        let answer = self.send(Method::GET, path, query, None, MAX_ANSWER).await?;
        self.read(&answer, of)
    }

    /// Sends to a path below `/drive/v3`.
    pub(super) async fn post(
        &self,
        path: &str,
        query: &[(&str, &str)],
        body: &Value,
    ) -> Result<Answer, FetchError> {
        Ok(self.send(Method::POST, path, query, Some(body), MAX_ANSWER).await?)
    }

    /// An answer as it came.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
        max_bytes: usize,
    ) -> Result<Answer, Refusal> {
        let first = self.once(&method, path, query, body, max_bytes).await?;
        if first.status != StatusCode::UNAUTHORIZED {
            return Ok(first);
        }
        // The token may have been withdrawn before its time.
        token::forget(self.session, &self.settings);
        self.once(&method, path, query, body, max_bytes).await
    }

    async fn once(
        &self,
        method: &Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
        max_bytes: usize,
    ) -> Result<Answer, Refusal> {
        let token = token::get(self.session, &self.settings).await?;
        let base = self.session.bases.google_api.as_str().trim_end_matches('/');
        let url = Url::parse(&format!("{base}/drive/v3{path}"))
            .map_err(|_| FetchError::Unexpected("sources.google_api_url is not usable".into()))?;
        let mut request = self
            .session
            .http
            .request(method.clone(), url)
            .query(query)
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        if let Some(body) = body {
            request = request.json(body);
        }
        Ok(self.session.http.send(request, max_bytes).await?)
    }

    /// An answer as JSON, or what it means that it is none.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        of: &str,
    ) -> Result<T, FetchError> {
        match self.refusal(answer, of) {
            Some(error) => Err(error),
            None => answer.json().map_err(|why| FetchError::Unexpected(format!("{of}: {why}"))),
        }
    }

    /// What an answer that is not a success means.
    pub(super) fn refusal(&self, answer: &Answer, of: &str) -> Option<FetchError> {
        if answer.status == StatusCode::FORBIDDEN
            && answer.retry_after(self.session.now).is_none()
            && is_limit(&reason(answer))
        {
            return Some(FetchError::RateLimited { after: PAUSE });
        }
        FetchError::of(answer, of, self.session.now)
    }
}

/// Google's word for why it refused, if it gave one: a word and nothing else.
pub(super) fn reason(answer: &Answer) -> String {
    let failure: Option<Failure> = serde_json::from_slice(&answer.body).ok();
    let reason = failure.and_then(|failure| failure.error.errors.into_iter().next());
    let reason = reason.map(|reason| reason.reason).unwrap_or_default();
    reason.chars().filter(char::is_ascii_alphanumeric).take(60).collect()
}

fn is_limit(reason: &str) -> bool {
    matches!(
        reason,
        "rateLimitExceeded"
            | "userRateLimitExceeded"
            | "sharingRateLimitExceeded"
            | "dailyLimitExceeded"
            | "quotaExceeded"
    )
}

/// Why there is no answer, with an answer that is too large kept apart.
#[derive(Debug)]
pub(super) enum Refusal {
    TooLarge,
    Other(FetchError),
}

impl From<OutboundError> for Refusal {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::TooLarge(_) => Self::TooLarge,
            other => Self::Other(other.into()),
        }
    }
}

impl From<FetchError> for Refusal {
    fn from(error: FetchError) -> Self {
        Self::Other(error)
    }
}

impl From<Refusal> for FetchError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooLarge => {
                Self::Unexpected(format!("Drive's answer has more than {MAX_ANSWER} bytes"))
            }
            Refusal::Other(error) => error,
        }
    }
}
