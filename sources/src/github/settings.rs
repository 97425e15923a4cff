//! The settings of a GitHub connection.
//!
//! The connection's one credential is either a token, which fetches and asks alike, or, where
//! `app_id` and `installation_id` say so, the private key of a GitHub App: then tokens of the
//! installation are made from it, for git and for the REST interface.

use reqwest::Url;
use sbh_domain::GitHost;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fetch::FetchError;

/// The host whose interface the operator's `sources.github_api_url` is.
const GITHUB: &str = "github.com";

/// What a person may set. Unknown fields are refused.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The REST interface of a GitHub Enterprise Server, `https://host/api/v3`; github.com's where it
    /// is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_url: Option<String>,
    /// The id of the GitHub App whose private key is the credential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub app_id: Option<u64>,
    /// The id of its installation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installation_id: Option<u64>,
    /// Whether check runs are posted on commits. At github.com only Apps may write them.
    pub checks: bool,
    /// Whether pull requests are proved.
    pub pull_requests: bool,
    /// Whose webhook `hook_id` is: `owner/name` of a repository, or an organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The id of the webhook whose missed deliveries are looked for. Without one it is the App's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hook_id: Option<u64>,
}

impl Settings {
    /// Reads and checks what a person gave.
    ///
    /// # Errors
    /// Names the field and says what to write.
    pub fn check(settings: &Value) -> Result<Self, String> {
        let given = match settings {
            Value::Null => Self { pull_requests: true, ..Self::default() },
            Value::Object(fields) => {
                let mut fields = fields.clone();
                fields.entry("pull_requests").or_insert(Value::Bool(true));
                Self::deserialize(Value::Object(fields))
                    .map_err(|error| format!("the settings of a GitHub connection: {error}"))?
            }
            _ => return Err("the settings of a GitHub connection are an object".to_owned()),
        };
        if given.api_url.is_some() && given.base().is_none() {
            return Err("api_url: write https://host/api/v3".to_owned());
        }
        if given.app_id.is_some() != given.installation_id.is_some() {
            return Err("app_id and installation_id: give both or none".to_owned());
        }
        if given.hook_id.is_some() != given.owner.is_some() {
            return Err("hook_id and owner: give both or none".to_owned());
        }
        if let Some(owner) = &given.owner
            && !is_owner(owner)
        {
            return Err("owner: write owner/name of a repository, or an organisation".to_owned());
        }
        Ok(given)
    }

    /// Where the REST interface of an Enterprise Server is.
    pub fn base(&self) -> Option<Url> {
        let url = Url::parse(self.api_url.as_deref()?).ok()?;
        let plain = matches!(url.scheme(), "https" | "http")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        plain.then_some(url)
    }

    /// Refuses to show the credential to an interface that is not that of its host: whoever may change
    /// settings must not be able to have it sent elsewhere. A credential that is for no host is shown to
    /// the operator's GitHub alone.
    ///
    /// # Errors
    /// Names both, and says what to do.
    pub fn check_host(&self, host: Option<&GitHost>) -> Result<(), String> {
        let Some(interface) = self.base() else {
            return match host {
                Some(host) if host.to_string() != GITHUB => Err(format!(
                    "the connection's credential is for {host}: set api_url to its interface"
                )),
                _ => Ok(()),
            };
        };
        let at = interface.host_str().unwrap_or_default().trim_matches(['[', ']']);
        let port = interface.port_or_known_default().unwrap_or(443);
        // `api.HOST` is where github.com and ghe.com have it; an Enterprise Server has it on the host.
        let bare = at.strip_prefix("api.").unwrap_or(at);
        match host {
            Some(host) if host.holds(at, port, 443) || host.holds(bare, port, 443) => Ok(()),
            Some(host) => Err(format!(
                "the connection's credential is for {host}, and api_url is elsewhere: use another \
                 connection"
            )),
            None => Err("api_url: say which host the credential is for, too".to_owned()),
        }
    }

    /// Reads settings that were checked before.
    ///
    /// # Errors
    /// Where they cannot be read all the same: an older program wrote them, for example.
    pub fn read(settings: &Value) -> Result<Self, FetchError> {
        Self::check(settings).map_err(FetchError::Unexpected)
    }
}

/// `owner` or `owner/name`, in GitHub's alphabet.
fn is_owner(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').collect();
    let plain = |part: &&str| {
        !part.is_empty()
            && part.len() <= 100
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    parts.len() <= 2 && parts.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_is_filled_in() {
        for nothing in [Value::Null, json!({})] {
            let settings = Settings::check(&nothing).unwrap();
            assert!(settings.pull_requests && !settings.checks);
            assert_eq!(
                serde_json::to_value(&settings).unwrap(),
                json!({"checks": false, "pull_requests": true})
            );
        }
        let app = json!({"app_id": 1, "installation_id": 2, "checks": true, "api_url": "https://git.example/api/v3"});
        let settings = Settings::check(&app).unwrap();
        assert_eq!(Settings::check(&serde_json::to_value(&settings).unwrap()).unwrap(), settings);
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (wrong, named) in [
            (json!([]), "object"),
            (json!({"appid": 1}), "appid"),
            (json!({"app_id": 1}), "installation_id"),
            (json!({"app_id": "1", "installation_id": 2}), "settings"),
            (json!({"hook_id": 1}), "owner"),
            (json!({"hook_id": 1, "owner": "a/b/c"}), "owner"),
            (json!({"hook_id": 1, "owner": "../x"}), "owner"),
            (json!({"api_url": "ftp://git.example"}), "api_url"),
            (json!({"api_url": "https://user:pass@git.example"}), "api_url"),
        ] {
            let error = Settings::check(&wrong).unwrap_err();
            assert!(error.contains(named), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_credential_is_shown_to_its_own_host_alone() {
        let check = |host: &str, url: &str| {
            let host: Option<GitHost> = (!host.is_empty()).then(|| host.parse().unwrap());
            let api_url = (!url.is_empty()).then(|| url.to_owned());
            Settings { api_url, ..Settings::default() }.check_host(host.as_ref())
        };
        for (host, url) in [
            ("github.com", ""),
            ("", ""),
            ("github.com", "https://api.github.com"),
            ("git.example", "https://git.example/api/v3"),
            ("git.example:8443", "https://git.example:8443/api/v3"),
            ("acme.ghe.com", "https://api.acme.ghe.com"),
        ] {
            assert_eq!(check(host, url), Ok(()), "{host} {url}");
        }
        for (host, url) in [
            ("git.example", ""),
            ("", "https://evil.example"),
            ("github.com", "https://evil.example"),
            ("github.com", "https://github.com.evil.example"),
            ("git.example:8443", "https://git.example/api/v3"),
            ("github.com", "https://api.github.com:444"),
        ] {
            assert!(check(host, url).is_err(), "{host} {url}");
        }
    }
}
