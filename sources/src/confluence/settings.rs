//! The settings of a Confluence connection, and where they say that the site is.

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fetch::FetchError;
use crate::session::Bases;

/// What the names of Forge apps begin with where they are written in full.
const APP: &str = "ari:cloud:ecosystem::app/";

/// Which Confluence it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// Cloud; a Forge app with a remote passes its events on.
    CloudForge,
    /// Data Center with its own webhooks.
    DataCenter,
}

/// What a person may set. Unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which Confluence it is.
    pub variant: Variant,
    /// The site: `https://team.atlassian.net`, or where Data Center is, with its context path if it
    /// has one.
    pub base_url: String,
    /// Cloud: the Forge app that passes events on, `ari:cloud:ecosystem::app/…` or what follows that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_id: Option<String>,
    /// Cloud: the site's id, as `https://team.atlassian.net/_edge/tenant_info` shows it. Other sites
    /// that have the same app are told from this one by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_id: Option<String>,
    /// Cloud: whether the API token is one with scopes. Those are taken at Atlassian's address for
    /// apps and not at the site's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scoped_token: bool,
    /// Cloud: where Forge's keys are published, for Atlassian's separate clouds; as a default where
    /// the operator says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_set: Option<String>,
}

impl Settings {
    /// Reads and checks what a person gave.
    ///
    /// # Errors
    /// Names the field and says what to write.
    pub fn check(settings: &Value) -> Result<Self, String> {
        let mut given = Self::deserialize(settings)
            .map_err(|error| format!("the settings of a Confluence connection: {error}"))?;
        given.base_url = plain(&given.base_url)
            .ok_or("base_url: write the site's address, https://team.atlassian.net")?
            .as_str()
            .trim_end_matches('/')
            .to_owned();
        if given.variant == Variant::DataCenter {
            let foreign = given.app_id.is_some()
                || given.cloud_id.is_some()
                || given.key_set.is_some()
                || given.scoped_token;
            return match foreign {
                true => Err("app_id, cloud_id, key_set and scoped_token are for Cloud".to_owned()),
                false => Ok(given),
            };
        }
        if given.key_set.as_deref().is_some_and(|address| plain(address).is_none()) {
            return Err("key_set: write an https address".to_owned());
        }
        let app = given.app_id.as_deref().ok_or("app_id: write the id of the Forge app")?;
        let id = app.trim().trim_start_matches(APP);
        if !is_id(id) {
            return Err(format!("app_id: write {APP}… as `forge register` shows it"));
        }
        given.app_id = Some(format!("{APP}{id}"));
        let cloud = given.cloud_id.as_deref().map(str::trim);
        let cloud = cloud.filter(|cloud| is_id(cloud)).ok_or(
            "cloud_id: write the site's id, as https://team.atlassian.net/_edge/tenant_info shows it",
        )?;
        given.cloud_id = Some(cloud.to_owned());
        Ok(given)
    }

    /// Reads settings that were checked before.
    ///
    /// # Errors
    /// Where they cannot be read all the same.
    pub fn read(settings: &Value) -> Result<Self, FetchError> {
        Self::check(settings).map_err(FetchError::Unexpected)
    }

    /// Where the keys are published that sign deliveries; Data Center's are not signed so.
    pub(super) fn keys(&self, bases: &Bases) -> Option<Url> {
        match (self.variant, &self.key_set) {
            (Variant::DataCenter, _) => None,
            (Variant::CloudForge, Some(address)) => plain(address),
            (Variant::CloudForge, None) => Some(bases.forge_keys.clone()),
        }
    }

    /// Where the REST interface's paths begin, without a slash at the end. Cloud's begin with `/wiki`.
    pub(super) fn root(&self, bases: &Bases) -> String {
        match (&self.cloud_id, self.scoped_token) {
            (Some(cloud), true) => {
                let apps = bases.atlassian_api.as_str().trim_end_matches('/');
                format!("{apps}/ex/confluence/{cloud}")
            }
            _ => self.base_url.clone(),
        }
    }
}

/// An address with nothing in it but a scheme, a host and a path.
fn plain(address: &str) -> Option<Url> {
    let url = Url::parse(address.trim()).ok()?;
    let plain = matches!(url.scheme(), "https" | "http")
        && url.host_str().is_some()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    plain.then_some(url)
}

/// An id in the alphabet of Atlassian's.
fn is_id(id: &str) -> bool {
    (1..=100).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// A space's key: letters and digits, or `~` and a person's.
///
/// # Errors
/// Says what one looks like.
pub fn space(key: &str) -> Result<String, String> {
    let key = key.trim();
    let plain = key.strip_prefix('~').unwrap_or(key);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if (1..=255).contains(&plain.len()) && plain.chars().all(allowed) {
        return Ok(key.to_owned());
    }
    Err("a space is named by its key, such as PAY: it stands in the space's address".to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_brought_into_their_form() {
        let given = json!({"variant": "cloud_forge", "base_url": "https://team.atlassian.net/",
                           "app_id": "1-a", "cloud_id": " 2-b "});
        let settings = Settings::check(&given).unwrap();
        let kept = serde_json::to_value(&settings).unwrap();
        assert_eq!(
            kept,
            json!({"variant": "cloud_forge", "base_url": "https://team.atlassian.net",
                   "app_id": "ari:cloud:ecosystem::app/1-a", "cloud_id": "2-b"})
        );
        assert_eq!(Settings::check(&kept).unwrap(), settings);
        let center =
            json!({"variant": "data_center", "base_url": "https://wiki.example/confluence"});
        assert_eq!(Settings::check(&center).unwrap().base_url, "https://wiki.example/confluence");
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let cloud = "https://team.atlassian.net";
        for (wrong, named) in [
            (json!(null), "Confluence"),
            (json!({"variant": "server", "base_url": cloud}), "variant"),
            (json!({"variant": "data_center"}), "base_url"),
            (json!({"variant": "data_center", "base_url": "wiki"}), "base_url"),
            (json!({"variant": "data_center", "base_url": "https://a:b@wiki"}), "base_url"),
            (json!({"variant": "data_center", "base_url": "https://wiki/?x"}), "base_url"),
            (json!({"variant": "data_center", "base_url": cloud, "token": "x"}), "token"),
            (json!({"variant": "data_center", "base_url": cloud, "app_id": "x"}), "app_id"),
            (json!({"variant": "cloud_forge", "base_url": cloud}), "app_id"),
            (json!({"variant": "cloud_forge", "base_url": cloud, "app_id": "1"}), "cloud_id"),
            (
                json!({"variant": "cloud_forge", "base_url": cloud, "app_id": "../1", "cloud_id": "1"}),
                "app_id",
            ),
            (
                json!({"variant": "cloud_forge", "base_url": cloud, "app_id": "1", "cloud_id": "a/b"}),
                "cloud_id",
            ),
        ] {
            let error = Settings::check(&wrong).unwrap_err();
            assert!(error.contains(named), "{wrong}: {error}");
        }
    }

    #[test]
    fn spaces_are_keys() {
        for key in ["PAY", "~5570581", "~712020:a-b", "ds"] {
            assert_eq!(space(key).unwrap(), key);
        }
        for wrong in
            ["", "~", "PAY/1", "a b", "\"x\"", "https://team.atlassian.net/wiki/spaces/PAY"]
        {
            assert!(space(wrong).is_err(), "{wrong}");
        }
    }
}
