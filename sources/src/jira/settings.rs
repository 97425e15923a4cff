//! The settings of a Jira connection, and the names that may stand in its paths and queries.

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fetch::FetchError;
use crate::session::Bases;

/// Further fields that one connection reads at most.
const MOST_FIELDS: usize = 20;

/// Which Jira it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// Cloud, with a webhook that an administrator made.
    Cloud,
    /// Cloud, with dynamic webhooks of an OAuth 2.0 app.
    CloudOauth,
    /// Data Center.
    DataCenter,
}

/// What a person may set. Unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Which Jira it is.
    pub variant: Variant,
    /// The site: `https://team.atlassian.net`, or where Data Center is, with its context path if it
    /// has one. An OAuth connection needs it only to link to its issues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// Fields besides the description whose text belongs to the document, by their ids
    /// (`customfield_10042`), in the order that they are to have.
    #[serde(default)]
    pub fields: Vec<String>,
    /// OAuth: the site's id, as `https://team.atlassian.net/_edge/tenant_info` shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloud_id: Option<String>,
    /// OAuth: the app's client id. Its client secret is the connection's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

impl Settings {
    /// Reads and checks what a person gave.
    ///
    /// # Errors
    /// Names the field and says what to write.
    pub fn check(settings: &Value) -> Result<Self, String> {
        let mut given = Self::deserialize(settings)
            .map_err(|error| format!("the settings of a Jira connection: {error}"))?;
        if let Some(address) = &given.base_url {
            let url = plain(address)
                .ok_or("base_url: write the site's address, https://team.atlassian.net")?;
            given.base_url = Some(url.as_str().trim_end_matches('/').to_owned());
        }
        let oauth = given.variant == Variant::CloudOauth;
        if given.base_url.is_none() && !oauth {
            return Err("base_url: write the site's address, https://team.atlassian.net".into());
        }
        for (name, id) in [("cloud_id", &given.cloud_id), ("client_id", &given.client_id)] {
            match id {
                None if oauth => return Err(format!("{name}: an OAuth connection needs it")),
                Some(_) if !oauth => return Err(format!("{name} is for variant cloud_oauth")),
                Some(id) if !is_id(id) => {
                    return Err(format!("{name}: write the id, letters, digits and hyphens"));
                }
                _ => {}
            }
        }
        if given.fields.len() > MOST_FIELDS {
            return Err(format!("fields: at most {MOST_FIELDS}"));
        }
        for (index, field) in given.fields.iter().enumerate() {
            if !is_field(field) {
                return Err(format!("fields: {field:?} is no id such as customfield_10042"));
            }
            if matches!(field.as_str(), "description" | "summary")
                || given.fields[..index].contains(field)
            {
                return Err(format!("fields: {field} is read anyway; leave it out"));
            }
        }
        Ok(given)
    }

    /// Reads settings that were checked before.
    ///
    /// # Errors
    /// Where they cannot be read all the same.
    pub fn read(settings: &Value) -> Result<Self, FetchError> {
        Self::check(settings).map_err(FetchError::Unexpected)
    }

    /// Where the REST interface's paths begin, without a slash at the end.
    pub(super) fn root(&self, bases: &Bases) -> String {
        match (&self.base_url, &self.cloud_id) {
            (_, Some(cloud)) => {
                format!("{}/ex/jira/{cloud}", bases.atlassian_api.as_str().trim_end_matches('/'))
            }
            (Some(base), None) => base.clone(),
            (None, None) => String::new(),
        }
    }

    /// The version of the REST interface: the last has texts in Atlassian Document Format, the one
    /// before it in wiki markup.
    pub(super) fn version(&self) -> &'static str {
        if self.variant == Variant::DataCenter { "2" } else { "3" }
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

fn is_id(id: &str) -> bool {
    (1..=100).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

fn is_field(field: &str) -> bool {
    (1..=100).contains(&field.len())
        && field.starts_with(|c: char| c.is_ascii_lowercase())
        && field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A project's key, in capitals.
///
/// # Errors
/// Says what one looks like.
pub fn project(key: &str) -> Result<String, String> {
    let key = key.trim().to_ascii_uppercase();
    if is_project(&key) {
        return Ok(key);
    }
    Err("a project is named by its key, such as PAY: it stands before its issues' numbers".into())
}

fn is_project(key: &str) -> bool {
    (2..=80).contains(&key.len())
        && key.starts_with(|c: char| c.is_ascii_uppercase())
        && key.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// The project of an issue's key (`PAY-12`); `None` where it is no such key. Nothing else gets into a
/// path or a query.
pub(super) fn project_of(issue: &str) -> Option<&str> {
    let (project, number) = issue.rsplit_once('-')?;
    let is_number = (1..=10).contains(&number.len())
        && !number.starts_with('0')
        && number.bytes().all(|digit| digit.is_ascii_digit());
    (is_number && is_project(project)).then_some(project)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SITE: &str = "https://team.atlassian.net";

    #[test]
    fn settings_are_brought_into_their_form() {
        let given = json!({"variant": "cloud", "base_url": "https://team.atlassian.net/"});
        let settings = Settings::check(&given).unwrap();
        let kept = serde_json::to_value(&settings).unwrap();
        assert_eq!(kept, json!({"variant": "cloud", "base_url": SITE, "fields": []}));
        assert_eq!(Settings::check(&kept).unwrap(), settings);
        let oauth = json!({"variant": "cloud_oauth", "cloud_id": "1-a", "client_id": "x",
                           "fields": ["customfield_10042", "environment"]});
        assert!(Settings::check(&oauth).is_ok());
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (wrong, named) in [
            (json!(null), "Jira"),
            (json!({"variant": "server", "base_url": SITE}), "variant"),
            (json!({"variant": "cloud"}), "base_url"),
            (json!({"variant": "cloud", "base_url": "https://a:b@c"}), "base_url"),
            (json!({"variant": "cloud", "base_url": "file:///etc"}), "base_url"),
            (json!({"variant": "cloud", "base_url": SITE, "token": 1}), "token"),
            (json!({"variant": "cloud", "base_url": SITE, "cloud_id": "1"}), "cloud_id"),
            (json!({"variant": "cloud_oauth", "cloud_id": "1"}), "client_id"),
            (json!({"variant": "cloud_oauth", "cloud_id": "../1", "client_id": "1"}), "cloud_id"),
            (json!({"variant": "cloud", "base_url": SITE, "fields": ["a,b"]}), "fields"),
            (json!({"variant": "cloud", "base_url": SITE, "fields": ["summary"]}), "summary"),
            (json!({"variant": "cloud", "base_url": SITE, "fields": ["a", "a"]}), "fields"),
        ] {
            let error = Settings::check(&wrong).unwrap_err();
            assert!(error.contains(named), "{wrong}: {error}");
        }
    }

    #[test]
    fn keys_are_keys() {
        assert_eq!(project(" pay ").unwrap(), "PAY");
        for wrong in ["", "P", "1A", "PAY-1", "A B", "A\"", "A/../B", "ÄB", &"A".repeat(81)] {
            assert!(project(wrong).is_err(), "{wrong}");
        }
        assert_eq!(project_of("A_1-20"), Some("A_1"));
        for wrong in [
            "PAY",
            "PAY-",
            "PAY-0",
            "PAY-01",
            "PAY-1a",
            "-1",
            "pay-1",
            "PAY-1/..",
            "P%2F-1",
            "PAY-12345678901",
        ] {
            assert_eq!(project_of(wrong), None, "{wrong}");
        }
    }
}
