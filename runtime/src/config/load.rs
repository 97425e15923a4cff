//! Layers: defaults, the file, the variables.
//!
//! Each given field is tried by itself before all are merged, so that a wrong value is reported
//! under the name that its author knows.

use std::path::Path;

use sbh_domain::Debounce;
use serde::{Deserialize, Deserializer};
use toml::{Table, Value};

use super::{Config, ConfigError};

/// The variable that names the file.
const FILE_VARIABLE: &str = "SBH_CONFIG";

/// The sections, as the structure has them. None holds an underscore, so that the first one in a
/// variable's name ends the section.
const SECTIONS: [&str; 15] = [
    "database",
    "temporal",
    "valkey",
    "starter",
    "auth",
    "keyring",
    "workers",
    "git",
    "outbound",
    "sources",
    "notify",
    "drift",
    "debounce",
    "prover",
    "telemetry",
];

impl Config {
    /// Reads the configuration of this process.
    ///
    /// # Errors
    /// [`ConfigError`] names the file or the field.
    pub fn load() -> Result<Self, ConfigError> {
        // A variable that is not UTF-8 cannot be one of ours by name or by value; it is refused
        // below only when its name is one of ours.
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            Some((name, value.to_string_lossy().into_owned()))
        });
        Self::from_variables(variables)
    }

    /// Reads the configuration from given variables and the file that they name.
    ///
    /// # Errors
    /// [`ConfigError`] names the file or the field.
    pub fn from_variables(
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        // In the order of their names, so that of several errors always the same is reported.
        let variables: std::collections::BTreeMap<_, _> = variables.into_iter().collect();
        let mut merged = match variables.get(FILE_VARIABLE).filter(|path| !path.is_empty()) {
            Some(path) => read_file(Path::new(path))?,
            None => Table::new(),
        };
        for (name, value) in &variables {
            if let Some((section, field)) = field_of(name) {
                let Some(value) = parse_variable(name, section, &field, value)? else {
                    continue;
                };
                let section = merged.entry(section).or_insert_with(|| Table::new().into());
                if let Some(section) = section.as_table_mut() {
                    section.insert(field, value);
                }
            }
        }
        let config = Config::deserialize(merged).map_err(|error| ConfigError::Field {
            field: "the configuration".into(),
            reason: error.message().to_owned(),
        })?;
        config.check(&|section, field| {
            let variable = variable_of(section, field);
            let given = variables.get(&variable).is_some_and(|value| !value.is_empty());
            if given { variable } else { format!("{section}.{field}") }
        })?;
        Ok(config)
    }
}

/// [`Debounce`] as a section. Its own form is that of workflow inputs, which need both fields and
/// take no offence at unknown ones.
pub(super) fn debounce<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Debounce, D::Error> {
    #[derive(Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Section {
        quiet_ms: u64,
        max_ms: u64,
    }
    impl Default for Section {
        fn default() -> Self {
            let Debounce { quiet_ms, max_ms } = Debounce::default();
            Self { quiet_ms, max_ms }
        }
    }
    let Section { quiet_ms, max_ms } = Section::deserialize(deserializer)?;
    Ok(Debounce { quiet_ms, max_ms })
}

/// The variable of a field.
fn variable_of(section: &str, field: &str) -> String {
    format!("SBH_{section}_{field}").to_ascii_uppercase()
}

/// Which field a variable sets, or `None` when it is not one of the configuration's.
fn field_of(variable: &str) -> Option<(&'static str, String)> {
    let rest = variable.strip_prefix("SBH_")?;
    SECTIONS.into_iter().find_map(|section| {
        let field = rest.strip_prefix(&section.to_ascii_uppercase())?.strip_prefix('_')?;
        Some((section, field.to_ascii_lowercase()))
    })
}

fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let unreadable = |reason: String| ConfigError::File { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        // The whole error quotes the line, which may hold a password.
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        unreadable(format!("line {line}: {}", error.message()))
    })?;
    for (section, value) in &table {
        let Some(fields) = value.as_table() else {
            return Err(ConfigError::Field {
                field: section.clone(),
                reason: format!("write it as a section [{section}]"),
            });
        };
        if !SECTIONS.contains(&section.as_str()) {
            return Err(ConfigError::Field {
                field: section.clone(),
                reason: format!("no such section; there are {}", SECTIONS.join(", ")),
            });
        }
        for (field, value) in fields {
            try_field(section, field, value.clone()).map_err(|reason| ConfigError::Field {
                field: format!("{section}.{field}"),
                reason,
            })?;
        }
    }
    Ok(table)
}

/// The value of a variable in the type that its field wants: as text, as a number, or as a list of
/// texts between commas. `None`: an empty variable of a field that is no list counts as not set.
fn parse_variable(
    variable: &str,
    section: &str,
    field: &str,
    text: &str,
) -> Result<Option<Value>, ConfigError> {
    let wrong = |reason| ConfigError::Field { field: variable.to_owned(), reason };
    let list: Vec<Value> =
        text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(Value::from).collect();
    if text.is_empty() {
        let list_error = try_field(section, field, Value::Array(list)).err();
        return match list_error {
            None => Ok(Some(Value::Array(Vec::new()))),
            Some(reason) if reason.contains("unknown field") => Err(wrong(reason)),
            Some(_) => Ok(None),
        };
    }
    let mut candidates = Vec::new();
    candidates.extend(text.trim().parse::<i64>().ok().map(Value::Integer));
    candidates.extend(text.trim().parse::<f64>().ok().map(Value::Float));
    candidates.push(Value::from(text));
    candidates.push(Value::Array(list));
    let mut reasons = Vec::new();
    for candidate in candidates {
        match try_field(section, field, candidate.clone()) {
            Ok(()) => return Ok(Some(candidate)),
            Err(reason) => reasons.push(reason),
        }
    }
    // A number that does not fit is told as a number; anything else as the text that was given.
    // "Invalid type" says no more than that the other reading was meant.
    let reason = reasons
        .iter()
        .find(|reason| !reason.starts_with("invalid type"))
        .or(reasons.first())
        .cloned()
        .unwrap_or_default();
    Err(wrong(reason))
}

/// Whether a value fits its field.
fn try_field(section: &str, field: &str, value: Value) -> Result<(), String> {
    let fields = Table::from_iter([(field.to_owned(), value)]);
    let alone = Table::from_iter([(section.to_owned(), Value::Table(fields))]);
    match Config::deserialize(alone) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.message().trim().to_owned()),
    }
}
