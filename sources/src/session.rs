//! What a source needs to ask its service.

use std::time::SystemTime;

use reqwest::Url;
use sbh_outbound::Outbound;
use serde_json::Value;

/// The addresses of services that are the same for everybody. Addresses of a tenant's own site are in
/// its connection's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bases {
    /// GitHub's REST interface, `https://api.github.com`.
    pub github_api: Url,
    /// Google's interfaces, `https://www.googleapis.com`.
    pub google_api: Url,
    /// Where Google exchanges a signed assertion for a token, `https://oauth2.googleapis.com/token`.
    pub google_token: Url,
    /// Atlassian's interfaces for apps, `https://api.atlassian.com`.
    pub atlassian_api: Url,
    /// Where Atlassian exchanges a refresh token, `https://auth.atlassian.com/oauth/token`.
    pub atlassian_token: Url,
    /// Where Atlassian publishes the keys of Forge Remote,
    /// `https://forge.cdn.prod.atlassian-dev.net/.well-known/jwks.json`.
    pub forge_keys: Url,
}

impl Bases {
    /// Reads the addresses: `address` gives each by its field's name.
    ///
    /// # Errors
    /// Names the one that is no address.
    pub fn read<'a>(address: impl Fn(&'static str) -> &'a str) -> Result<Self, String> {
        let read = |field| {
            let text = address(field);
            Url::parse(text).map_err(|error| format!("sources.{field}_url is not usable: {error}"))
        };
        Ok(Self {
            github_api: read("github_api")?,
            google_api: read("google_api")?,
            google_token: read("google_token")?,
            atlassian_api: read("atlassian_api")?,
            atlassian_token: read("atlassian_token")?,
            forge_keys: read("forge_keys")?,
        })
    }
}

/// One connection's access to its service.
pub struct Session<'a> {
    /// The client.
    pub http: &'a Outbound,
    /// Where services are.
    pub bases: &'a Bases,
    /// The connection's settings, as [`crate::Source::check_settings`] left them.
    pub settings: &'a Value,
    /// The connection's credential in clear, as a person gave it.
    pub credential: Option<&'a str>,
    /// The connection's newest secret in clear.
    pub secret: &'a [u8],
    /// The connection's id, which names things made at the service.
    pub connection: uuid::Uuid,
    /// Where the service is to send its deliveries: this connection's webhook address.
    pub webhook_url: &'a str,
    /// The time now.
    pub now: SystemTime,
}
