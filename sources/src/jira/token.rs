//! The tokens of an OAuth 2.0 app. Access tokens last an hour; a refresh token is good for one exchange,
//! which gives the next one. <https://developer.atlassian.com/cloud/oauth/getting-started/refresh-tokens/>
//!
//! Only upkeep exchanges tokens, since what it gets must be kept: everything else uses the access
//! token that it left in the credential.

use std::time::{Duration, SystemTime};

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::settings::Settings;
use crate::fetch::FetchError;
use crate::session::Session;

/// How long before its end an access token is renewed: two rounds of upkeep, and more.
const EARLY: Duration = Duration::from_secs(30 * 60);
/// How much of its life an access token must have left to be used.
const MARGIN: Duration = Duration::from_secs(30);

/// A connection's credential: what a person gave is only a refresh token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Token {
    refresh_token: String,
    #[serde(default)]
    access_token: String,
    /// Seconds since 1970.
    #[serde(default)]
    expires_at: u64,
}

#[derive(Deserialize)]
struct Issued {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: u64,
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Token {
    pub(super) fn read(credential: &str) -> Self {
        serde_json::from_str(credential).unwrap_or_else(|_| Self {
            refresh_token: credential.to_owned(),
            access_token: String::new(),
            expires_at: 0,
        })
    }

    /// The access token, if it is good now.
    pub(super) fn access(&self, now: SystemTime) -> Result<String, FetchError> {
        if self.left(now) > MARGIN {
            return Ok(self.access_token.clone());
        }
        Err(FetchError::Credential(
            "the connection has no access token now; the next round of upkeep asks for one".into(),
        ))
    }

    /// How long its access token lasts.
    fn left(&self, now: SystemTime) -> Duration {
        Duration::from_secs(self.expires_at.saturating_sub(seconds(now)))
    }

    /// When it must be renewed.
    pub(super) fn renew_in(&self, now: SystemTime) -> Duration {
        self.left(now).saturating_sub(EARLY)
    }

    /// Exchanges the refresh token if the access token ends soon. What comes back must be kept.
    pub(super) async fn renewed(
        &self,
        session: &Session<'_>,
        settings: &Settings,
    ) -> Result<Option<Self>, FetchError> {
        if self.left(session.now) > EARLY {
            return Ok(None);
        }
        let of = "a new access token";
        let secret = std::str::from_utf8(session.secret)
            .map_err(|_| FetchError::Credential("the client secret is no text".into()))?;
        let body = json!({
            "grant_type": "refresh_token",
            "client_id": settings.client_id,
            "client_secret": secret,
            "refresh_token": self.refresh_token,
        });
        let url = session.bases.atlassian_token.clone();
        let request = session.http.request(Method::POST, url).json(&body);
        let answer = session.http.send(request, 64 * 1024).await?;
        if matches!(answer.status.as_u16(), 400 | 401 | 403) {
            let status = answer.status.as_u16();
            return Err(FetchError::Credential(format!(
                "the refresh token is not taken any more ({status}); authorise the app again and store the new one"
            )));
        }
        if let Some(error) = FetchError::of(&answer, of, session.now) {
            return Err(error);
        }
        let issued: Issued =
            answer.json().map_err(|why| FetchError::Unexpected(format!("{of}: {why}")))?;
        Ok(Some(Self {
            refresh_token: issued.refresh_token.unwrap_or_else(|| self.refresh_token.clone()),
            access_token: issued.access_token,
            expires_at: seconds(session.now).saturating_add(issued.expires_in),
        }))
    }

    /// As it is kept.
    pub(super) fn kept(&self) -> String {
        json!(self).to_string()
    }
}
