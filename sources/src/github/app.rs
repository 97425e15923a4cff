//! A GitHub App: it signs a short-lived JWT with its private key and exchanges that for a token of
//! its installation.
//! <https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app>

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use sbh_domain::Digest;
use serde::Deserialize;
use serde_json::json;

use crate::fetch::FetchError;
use crate::rsa_key;

/// How long a JWT is valid. GitHub takes at most ten minutes.
const LIFE: Duration = Duration::from_secs(9 * 60);
/// How far our clock may be ahead of GitHub's.
const BEHIND: Duration = Duration::from_secs(60);
/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(5 * 60);
/// Tokens that are kept at most.
const MOST: usize = 10_000;

/// A JWT that says that its bearer is the App.
///
/// # Errors
/// When the key is no RSA private key in PEM. Never shows it.
pub fn jwt(app_id: u64, pem: &str, now: SystemTime) -> Result<String, FetchError> {
    let unusable = || {
        FetchError::Credential(
            "the connection's credential is not the App's private key: store the PEM file that \
             GitHub gave"
                .to_owned(),
        )
    };
    let key = EncodingKey::from_rsa_der(&rsa_key::der(pem).ok_or_else(unusable)?);
    let seconds = |at: SystemTime| {
        at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
    };
    let claims = json!({
        "iat": seconds(now - BEHIND),
        "exp": seconds(now + LIFE - BEHIND),
        "iss": app_id.to_string(),
    });
    jsonwebtoken::encode(&Header::new(Algorithm::RS256), &claims, &key).map_err(|_| unusable())
}

/// A token of an installation, as GitHub answers it.
#[derive(Deserialize)]
pub(super) struct Issued {
    pub(super) token: String,
    expires_at: DateTime<Utc>,
}

/// Which installation, of whose key, at which server: no other connection ever gets its token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Holder(Digest);

impl Holder {
    pub(super) fn of(connection: uuid::Uuid, parts: &[&[u8]]) -> Self {
        let id = connection.into_bytes();
        let all = std::iter::once(id.as_slice()).chain(parts.iter().copied());
        Self(Digest::of_fields(all))
    }
}

/// The tokens that are still good, in this process alone.
static TOKENS: LazyLock<Mutex<HashMap<Holder, (String, SystemTime)>>> =
    LazyLock::new(Mutex::default);

/// The token that was kept, if it is still good.
pub(super) fn kept(holder: Holder, now: SystemTime) -> Option<String> {
    let tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    tokens.get(&holder).filter(|(_, until)| *until > now).map(|(token, _)| token.clone())
}

/// Keeps a token until shortly before its end.
pub(super) fn keep(holder: Holder, issued: &Issued, now: SystemTime) {
    let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    if tokens.len() >= MOST {
        tokens.retain(|_, (_, until)| *until > now);
    }
    let until = SystemTime::from(issued.expires_at).checked_sub(MARGIN).unwrap_or(now);
    tokens.insert(holder, (issued.token.clone(), until));
}

/// Forgets a token that is not taken any more: it was revoked.
pub(super) fn forget(holder: Holder) {
    TOKENS.lock().unwrap_or_else(PoisonError::into_inner).remove(&holder);
}

#[cfg(test)]
pub(super) mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::Value;

    use super::*;

    /// An RSA key of the tests alone.
    pub(in super::super) const PKCS1: &str = include_str!("fixtures/app.pkcs1.pem");
    const PKCS8: &str = include_str!("fixtures/app.pkcs8.pem");
    /// The modulus of its public half, base64url.
    const MODULUS: &str = include_str!("fixtures/app.modulus");

    #[test]
    fn github_can_verify_what_either_form_of_the_key_signs() {
        let now = SystemTime::now();
        let key = DecodingKey::from_rsa_components(MODULUS.trim(), "AQAB").unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&["123456"]);
        for pem in [PKCS1, PKCS8, &format!("\n  {}  \n", PKCS1.replace('\n', "\r\n"))] {
            let token = jwt(123_456, pem, now).unwrap();
            let claims = decode::<Value>(&token, &key, &validation).unwrap().claims;
            let (from, to) = (claims["iat"].as_u64().unwrap(), claims["exp"].as_u64().unwrap());
            assert!(to - from <= 600, "GitHub takes at most ten minutes");
            let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
            assert!(from < now && now < to);
        }
    }

    #[test]
    fn other_texts_are_refused_and_not_shown() {
        for text in [
            "s3cret",
            "",
            "-----BEGIN RSA PRIVATE KEY-----\ns3cret\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nczNjcmV0\n-----END OPENSSH PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
        ] {
            let error = jwt(1, text, SystemTime::now()).unwrap_err();
            assert!(matches!(error, FetchError::Credential(_)), "{text:?}");
            assert!(!error.to_string().contains("s3cret"));
        }
    }

    #[test]
    fn a_token_is_used_until_shortly_before_its_end_and_by_its_connection_alone() {
        let now = SystemTime::now();
        let holder = |id| Holder::of(uuid::Uuid::from_u128(id), &[b"key", b"7"]);
        let issued =
            Issued { token: "t".into(), expires_at: (now + Duration::from_secs(3_600)).into() };
        keep(holder(1), &issued, now);
        assert_eq!(kept(holder(1), now).as_deref(), Some("t"));
        assert_eq!(kept(holder(1), now + Duration::from_secs(3_400)), None);
        assert_eq!(kept(holder(2), now), None);
        forget(holder(1));
        assert_eq!(kept(holder(1), now), None);
    }
}
