//! Access tokens of a service account: a signed assertion is exchanged for one (RFC 7523).
//! <https://developers.google.com/identity/protocols/oauth2/service-account>

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode, header};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Url;
use sbh_domain::Digest;
use serde::Deserialize;
use serde_json::json;

use super::settings::Settings;
use crate::fetch::FetchError;
use crate::rsa_key;
use crate::session::Session;

/// What may be done with a token: read.
const SCOPE: &str = "https://www.googleapis.com/auth/drive.readonly";
/// How long an assertion is good: the longest that Google takes is an hour.
const LIFE: Duration = Duration::from_secs(30 * 60);
/// How far our clock may be ahead of Google's.
const BEHIND: Duration = Duration::from_secs(30);
/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(5 * 60);
/// Tokens that are kept at most.
const MOST: usize = 10_000;
/// Bytes of an answer at most.
const MAX_ANSWER: usize = 64 * 1024;

/// The file that Google gives for a service account. Its `token_uri` is not read: the operator says
/// where assertions are sent, not whoever makes a connection.
#[derive(Deserialize)]
struct Account {
    client_email: String,
    private_key: String,
    #[serde(default)]
    private_key_id: Option<String>,
}

#[derive(Deserialize)]
struct Issued {
    access_token: String,
    #[serde(default)]
    expires_in: u64,
}

/// Whose token, from where: no other connection ever gets it.
fn holder(session: &Session<'_>, settings: &Settings) -> Digest {
    let connection = session.connection.into_bytes();
    Digest::of_fields([
        connection.as_slice(),
        session.credential.unwrap_or_default().as_bytes(),
        settings.impersonate.as_deref().unwrap_or_default().as_bytes(),
        session.bases.google_token.as_str().as_bytes(),
    ])
}

/// The tokens that are still good, in this process alone.
static TOKENS: LazyLock<Mutex<HashMap<Digest, (String, SystemTime)>>> =
    LazyLock::new(Mutex::default);

/// A token that is good for some minutes at least.
pub(super) async fn get(session: &Session<'_>, settings: &Settings) -> Result<String, FetchError> {
    let holder = holder(session, settings);
    let kept = TOKENS.lock().unwrap_or_else(PoisonError::into_inner).get(&holder).cloned();
    if let Some((token, until)) = kept
        && until > session.now
    {
        return Ok(token);
    }
    let issued = exchange(session, settings).await?;
    let life = Duration::from_secs(issued.expires_in.min(24 * 3_600)).saturating_sub(MARGIN);
    let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    if tokens.len() >= MOST {
        tokens.retain(|_, (_, until)| *until > session.now);
    }
    if tokens.len() < MOST {
        tokens.insert(holder, (issued.access_token.clone(), session.now + life));
    }
    Ok(issued.access_token)
}

/// Forgets a token that is not taken any more.
pub(super) fn forget(session: &Session<'_>, settings: &Settings) {
    let holder = holder(session, settings);
    TOKENS.lock().unwrap_or_else(PoisonError::into_inner).remove(&holder);
}

async fn exchange(session: &Session<'_>, settings: &Settings) -> Result<Issued, FetchError> {
    let assertion = assertion(session, settings)?;
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("assertion", assertion.as_str()),
    ];
    // A form is written as a query is.
    let form = Url::parse_with_params("https://form/", fields)
        .ok()
        .and_then(|url| url.query().map(str::to_owned))
        .unwrap_or_default();
    let request = session
        .http
        .request(Method::POST, session.bases.google_token.clone())
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form);
    let answer = session.http.send(request, MAX_ANSWER).await?;
    if matches!(answer.status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED) {
        return Err(FetchError::Credential(
            "Google does not take the service account's key; is it deleted, is the clock right, and \
             may it act for the user that impersonate names?"
                .to_owned(),
        ));
    }
    if let Some(error) = FetchError::of(&answer, "the access token", session.now) {
        return Err(error);
    }
    answer.json().map_err(|why| FetchError::Unexpected(format!("the access token: {why}")))
}

fn assertion(session: &Session<'_>, settings: &Settings) -> Result<String, FetchError> {
    let unusable = || {
        FetchError::Credential(
            "the connection's credential is not a service account's key: store the JSON file that \
             Google gave"
                .to_owned(),
        )
    };
    let account: Account =
        serde_json::from_str(session.credential.unwrap_or_default()).map_err(|_| unusable())?;
    let key = rsa_key::der(&account.private_key).ok_or_else(unusable)?;
    let seconds = |at: SystemTime| {
        at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
    };
    let issued = session.now - BEHIND;
    let mut claims = json!({
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": session.bases.google_token.as_str(),
        "iat": seconds(issued),
        "exp": seconds(issued + LIFE),
    });
    if let Some(user) = &settings.impersonate {
        claims["sub"] = json!(user);
    }
    let header = Header { kid: account.private_key_id, ..Header::new(Algorithm::RS256) };
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_rsa_der(&key)).map_err(|_| unusable())
}
