//! The settings of a Google Docs connection, and what its spaces are.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fetch::FetchError;

/// What a person may set. Unknown fields are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Whether Drive is asked for notices. Without them changes are found by looking from time to time.
    pub notices: bool,
    /// The shared drive that the folders are in. Changes in one are told to nobody else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drive_id: Option<String>,
    /// The e-mail address of the user in whose name is read, where the service account may do that for
    /// its whole domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impersonate: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { notices: true, drive_id: None, impersonate: None }
    }
}

impl Settings {
    /// Reads and checks what a person gave.
    ///
    /// # Errors
    /// Names the field and says what to write.
    pub fn check(settings: &Value) -> Result<Self, String> {
        if settings.is_null() {
            return Ok(Self::default());
        }
        let given = Self::deserialize(settings)
            .map_err(|error| format!("the settings of a Google Docs connection: {error}"))?;
        if given.drive_id.as_deref().is_some_and(|id| !is_id(id)) {
            return Err("drive_id: write the id of a shared drive, as its address shows it".into());
        }
        let address = |text: &str| {
            text.len() <= 320 && text.split('@').filter(|part| !part.is_empty()).count() == 2
        };
        if given.impersonate.as_deref().is_some_and(|text| !address(text)) {
            return Err("impersonate: write the e-mail address of a user".into());
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
}

/// An id in Drive's alphabet.
pub(super) fn is_id(id: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (5..=200).contains(&id.len()) && id.chars().all(allowed)
}

/// A space: which documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space<'a> {
    /// Those that are directly in a folder.
    Folder(&'a str),
    /// One.
    Document(&'a str),
    /// All that the account can see.
    Account,
}

impl<'a> Space<'a> {
    /// Reads a space in its true form, or as the address of a folder or document.
    ///
    /// # Errors
    /// Says what one looks like.
    pub fn read(text: &'a str) -> Result<Self, String> {
        let text = text.trim();
        if text == "account" {
            return Ok(Self::Account);
        }
        let end = |text: &'a str| text.split(['/', '?', '#']).next().unwrap_or_default();
        let space = if let Some((_, rest)) = text.split_once("/folders/") {
            Self::Folder(end(rest))
        } else if let Some((_, rest)) = text.split_once("/document/d/") {
            Self::Document(end(rest))
        } else if let Some(id) = text.strip_prefix("document:") {
            Self::Document(id)
        } else {
            Self::Folder(text.strip_prefix("folder:").unwrap_or(text))
        };
        match space {
            Self::Folder(id) | Self::Document(id) if is_id(id) => Ok(space),
            _ => Err("a space is the id or address of a folder, document:<id>, or account".into()),
        }
    }

    /// Its true form.
    pub fn name(self) -> String {
        match self {
            Self::Folder(id) => id.to_owned(),
            Self::Document(id) => format!("document:{id}"),
            Self::Account => "account".to_owned(),
        }
    }

    /// Whether a file with this id and these parents is in it.
    pub(super) fn holds(self, id: &str, parents: &[String]) -> bool {
        match self {
            Self::Folder(folder) => parents.iter().any(|parent| parent == folder),
            Self::Document(document) => id == document,
            Self::Account => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_left_out_is_filled_in_and_what_is_unknown_is_refused() {
        for nothing in [Value::Null, json!({})] {
            let settings = Settings::check(&nothing).unwrap();
            assert_eq!(serde_json::to_value(settings).unwrap(), json!({"notices": true}));
        }
        for (wrong, named) in [
            (json!({"notice": true}), "notice"),
            (json!({"drive_id": "a/b"}), "drive_id"),
            (json!({"impersonate": "somebody"}), "impersonate"),
            (json!([1]), "Google Docs"),
        ] {
            let error = Settings::check(&wrong).unwrap_err();
            assert!(error.contains(named), "{wrong}: {error}");
        }
    }

    #[test]
    fn spaces_are_read_as_people_give_them() {
        for (given, name) in [
            ("1AbC_d-9", "1AbC_d-9"),
            ("folder:1AbC_d-9", "1AbC_d-9"),
            ("https://drive.google.com/drive/folders/1AbC_d-9?usp=sharing", "1AbC_d-9"),
            ("https://drive.google.com/drive/u/0/folders/1AbC_d-9", "1AbC_d-9"),
            ("https://docs.google.com/document/d/1AbC_d-9/edit#heading=h.1", "document:1AbC_d-9"),
            ("document:1AbC_d-9", "document:1AbC_d-9"),
            ("account", "account"),
        ] {
            assert_eq!(Space::read(given).unwrap().name(), name, "{given}");
            assert_eq!(Space::read(name).unwrap().name(), name);
        }
        for wrong in ["", "1' in parents", "https://example.com/", "document:", "folder:../../x"] {
            assert!(Space::read(wrong).is_err(), "{wrong}");
        }
    }
}
