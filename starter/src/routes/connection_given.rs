//! What callers give of a connection, checked.

use std::collections::BTreeSet;

use sbh_domain::GitHost;
use sbh_sources::{Fetching, Source};
use sbh_store::connection::SealedCredential;
use serde_json::Value;

use crate::problem::{Failure, Kind};
use crate::state::Shared;
use crate::webhooks::CREDENTIAL_PURPOSE;

/// Where credentials are for, when nothing is said.
const GITHUB: &str = "github.com";

/// The source of this name, if connections of it can be made.
pub(super) fn source(name: &str) -> Result<&'static dyn Source, Failure> {
    let known: Vec<_> = sbh_sources::ALL
        .iter()
        .copied()
        .filter(|source| source.fetching() != Fetching::Store)
        .collect();
    known.iter().copied().find(|source| source.name() == name).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|source| source.name()).collect();
        Failure::new(Kind::Invalid, format!("source: use one of {}", names.join(", ")))
    })
}

/// A source's settings with every default filled in.
pub(super) fn settings(source: &dyn Source, given: &Value) -> Result<Value, Failure> {
    if given.to_string().len() > 16 * 1024 {
        return Err(Failure::new(Kind::Invalid, "settings: use at most 16 KB"));
    }
    source
        .check_settings(given)
        .map_err(|why| Failure::new(Kind::Invalid, format!("settings: {why}")))
}

/// What to call a connection.
pub(super) fn name(given: &str) -> Result<&str, Failure> {
    let name = given.trim();
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(Failure::new(Kind::Invalid, "name: use 1 to 200 printable characters"));
    }
    Ok(name)
}

/// The given secret, or a random one: 32 bytes in hex.
pub(super) fn secret(given: Option<String>) -> Result<String, Failure> {
    match given {
        Some(secret) if (16..=256).contains(&secret.len()) => Ok(secret),
        Some(_) => Err(Failure::new(Kind::Invalid, "secret: use 16 to 256 characters")),
        None => Ok(hex::encode(rand::random::<[u8; 32]>())),
    }
}

/// The hosts that settings name.
pub(super) fn hosts(settings: &Value) -> BTreeSet<String> {
    match settings {
        Value::String(text) => reqwest::Url::parse(text)
            .ok()
            .and_then(|url| Some(format!("{}:{:?}", url.host_str()?, url.port_or_known_default())))
            .into_iter()
            .collect(),
        Value::Array(items) => items.iter().flat_map(hosts).collect(),
        Value::Object(fields) => fields.values().flat_map(hosts).collect(),
        _ => BTreeSet::new(),
    }
}

/// A credential that was given, sealed.
pub(super) struct Credential {
    sealed: Vec<u8>,
    /// Where git may show it.
    host: Option<GitHost>,
}

impl Credential {
    /// Seals what was given; `None` where nothing was.
    pub(super) fn read(
        state: &Shared,
        source: &dyn Source,
        credential: Option<&str>,
        host: Option<&str>,
    ) -> Result<Option<Self>, Failure> {
        let invalid = |why: &str| Err(Failure::new(Kind::Invalid, why));
        let Some(credential) = credential.filter(|credential| !credential.is_empty()) else {
            return match host {
                Some(_) => invalid("credential_host: there is no credential"),
                None => Ok(None),
            };
        };
        if credential.len() > 16 * 1024 {
            return invalid("credential: use at most 16 KB");
        }
        // Whoever may point a repository at an address must not choose where the credential goes. A
        // hosted source's own addresses are in its settings.
        let host = match (source.fetching(), host) {
            // For the service's own interface alone: git is not shown it.
            (Fetching::Git, Some(host)) if host.trim().is_empty() => None,
            (Fetching::Git, host) => match host.unwrap_or(GITHUB).trim().parse() {
                Ok(host) => Some(host),
                Err(error) => return invalid(&format!("credential_host: {error}")),
            },
            (_, Some(_)) => {
                return invalid(
                    "credential_host: it is for git; the settings say where the service is",
                );
            }
            (_, None) => None,
        };
        let sealed = state.keyring.seal(CREDENTIAL_PURPOSE, credential.as_bytes());
        Ok(Some(Self { sealed, host }))
    }

    /// As the store keeps it.
    pub(super) fn sealed(&self) -> SealedCredential<'_> {
        SealedCredential { sealed: &self.sealed, host: self.host.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_hosts_of_settings_are_found_wherever_they_stand() {
        let settings = json!({
            "site": "https://acme.example/wiki",
            "others": ["http://acme.example:8080", "no address", 3],
            "deep": { "er": "https://deep.example" },
        });
        let expected =
            ["acme.example:Some(443)", "acme.example:Some(8080)", "deep.example:Some(443)"];
        assert_eq!(hosts(&settings), expected.map(str::to_owned).into());
        assert!(
            hosts(&json!({ "site": "https://acme.example/jira" })).is_subset(&hosts(&settings))
        );
        assert!(!hosts(&json!({ "site": "https://evil.example" })).is_subset(&hosts(&settings)));
    }

    #[test]
    fn uploads_need_no_connection() {
        assert!(source("github").is_ok());
        assert!(source("upload").is_err() && source("nothing").is_err());
    }
}
