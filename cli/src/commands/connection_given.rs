//! What a person gives for a connection: settings by name or file, secrets by file or standard input.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

use crate::failure::Failure;

/// The longest file that is read.
const LONGEST: u64 = 64 << 10;

/// Settings as they were given.
pub(super) struct Settings {
    /// A JSON file.
    pub file: Option<PathBuf>,
    /// `NAME=VALUE`, stronger than the file.
    pub given: Vec<String>,
}

impl Settings {
    /// All of them; `None` where none was given.
    ///
    /// # Errors
    /// Names what cannot be read.
    pub fn read(self) -> Result<Option<Value>> {
        let mut all = match &self.file {
            None => Map::new(),
            Some(file) => {
                let text = text(file, "settings")?;
                serde_json::from_str(&text)
                    .with_context(|| format!("{} is no JSON object", file.display()))?
            }
        };
        for given in &self.given {
            let Some((name, value)) = given.split_once('=') else {
                let what = format!("{given:?} is no setting");
                return Err(Failure::new(what).hint("write --setting NAME=VALUE").into());
            };
            let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
            all.insert(name.trim().to_owned(), value);
        }
        Ok((!all.is_empty()).then_some(Value::Object(all)))
    }
}

/// The text of a file, or of standard input for `-`, without the end of its last line; a key keeps it.
///
/// # Errors
/// When it cannot be read or is empty.
pub(super) fn text(file: &Path, what: &str) -> Result<String> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().take(LONGEST).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(LONGEST).read_to_string(&mut text))
    };
    read.with_context(|| format!("cannot read the {what} from {}", file.display()))?;
    if text.trim().is_empty() {
        let what = format!("{} holds no {what}", file.display());
        let hint = "give a file that does; - is standard input";
        return Err(Failure::new(what).hint(hint).into());
    }
    let trimmed = text.trim_end();
    Ok(if text.starts_with("-----") { format!("{trimmed}\n") } else { trimmed.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_by_name_are_stronger_than_the_file_and_json_is_taken_as_such() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), r#"{"variant":"cloud","fields":[]}"#).unwrap();
        let given = ["fields=[\"customfield_1\"]", "base_url=https://a.example", "checks=true"];
        let settings = Settings {
            file: Some(file.path().to_owned()),
            given: given.map(str::to_owned).to_vec(),
        };
        let all = settings.read().unwrap().unwrap();
        assert_eq!(
            all,
            serde_json::json!({
                "variant": "cloud", "fields": ["customfield_1"], "base_url": "https://a.example",
                "checks": true,
            })
        );
        assert_eq!(Settings { file: None, given: Vec::new() }.read().unwrap(), None);
        assert!(Settings { file: None, given: vec!["x".into()] }.read().is_err());
    }
}
