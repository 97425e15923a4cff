//! Forge's invocation token: what it must say.
//! <https://developer.atlassian.com/platform/forge/remote/essentials/#verifying-remote-requests>

use std::time::SystemTime;

use serde::Deserialize;

use super::settings::Settings;
use crate::bearer::{self, Expected};
use crate::delivery::{Delivery, Keys, Refused};

/// Who issues it.
const ISSUER: &str = "forge/invocation-token";

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    app: App,
    #[serde(default)]
    context: Context,
}

#[derive(Deserialize, Default)]
struct App {
    /// `https://api.atlassian.com/ex/confluence/{cloudId}`.
    #[serde(rename = "apiBaseUrl", default)]
    api: Option<String>,
}

#[derive(Deserialize, Default)]
struct Context {
    #[serde(rename = "cloudId", default)]
    cloud: Option<String>,
}

/// Whether a delivery's token is Forge's, for this app, about this site, and in time.
///
/// # Errors
/// [`Refused`] says which of these it is not.
pub(super) fn verify(
    delivery: &Delivery<'_>,
    settings: &Settings,
    keys: &Keys<'_>,
    now: SystemTime,
) -> Result<(), Refused> {
    let token = delivery.bearer().ok_or_else(|| {
        Refused::never("a delivery had no token: is the remote's endpoint this address?")
    })?;
    let (Some(app), Some(cloud)) = (settings.app_id.as_deref(), settings.cloud_id.as_deref())
    else {
        return Err(Refused::never("the connection's settings have no app_id or cloud_id"));
    };
    let expected = Expected { audience: Some(app), issuer: Some(ISSUER) };
    let claims: Claims = bearer::published_key(token, keys, expected, now)?;
    // An app is installed on many sites, and its token is good for all of them.
    let named = claims.context.cloud.as_deref().or(claims.app.api.as_deref().and_then(last));
    match named {
        Some(named) if named == cloud => Ok(()),
        _ => Err(Refused::never("the token is about another site: is cloud_id right?")),
    }
}

fn last(address: &str) -> Option<&str> {
    address.trim_end_matches('/').rsplit('/').next()
}

/// What tells one delivery from another: the token and the body. The body alone could be the same for
/// two edits, and the second would be lost; a retry with another token costs one more look.
pub(super) fn dedup_key(delivery: &Delivery<'_>) -> String {
    // The signature is left out: some algorithms have more than one for the same text.
    let signed = delivery.bearer().and_then(|token| token.rsplit_once('.'));
    let signed = signed.map(|(signed, _)| signed).unwrap_or_default();
    let digest = sbh_domain::Digest::of_fields([signed.as_bytes(), delivery.body]);
    format!("confluence:{digest}")
}
