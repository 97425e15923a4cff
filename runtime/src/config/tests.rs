use std::collections::BTreeMap;

use super::*;

fn load(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::from_variables(variables.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())))
}

/// The configuration as JSON: section → field → value.
fn fields(config: &Config) -> BTreeMap<String, BTreeMap<String, serde_json::Value>> {
    serde_json::from_value(serde_json::to_value(config).unwrap()).unwrap()
}

/// For each field another value than its default, as a variable and as TOML.
const OTHERS: &[(&str, &str, &str)] = &[
    ("database.app_url", "postgres://a@h/d", r#""postgres://a@h/d""#),
    ("database.dispatch_url", "postgresql://b@h/d", r#""postgresql://b@h/d""#),
    ("database.max_connections", "3", "3"),
    ("temporal.address", "http://t:1", r#""http://t:1""#),
    ("temporal.namespace", "12", r#""12""#),
    ("temporal.ui_url", "http://u:2", r#""http://u:2""#),
    ("valkey.url", "redis://v:3", r#""redis://v:3""#),
    ("starter.listen", "0.0.0.0:9", r#""0.0.0.0:9""#),
    ("starter.public_url", "https://sbh.example", r#""https://sbh.example""#),
    ("starter.max_open_notices", "7", "7"),
    ("starter.reconcile_after_s", "8", "8"),
    ("starter.max_attempts", "9", "9"),
    ("starter.retention_days", "10", "10"),
    ("starter.drain_s", "11", "11"),
    ("auth.issuer", "i", r#""i""#),
    ("auth.audience", "a", r#""a""#),
    ("auth.hs256_keys_file", "/k", r#""/k""#),
    ("auth.jwks_url", "https://j/k", r#""https://j/k""#),
    ("auth.codec_token_file", "/c", r#""/c""#),
    ("keyring.file", "/r", r#""/r""#),
    ("workers.listen", "[::1]:9", r#""[::1]:9""#),
    ("workers.max_proofs", "2", "2"),
    ("workers.max_syncs", "3", "3"),
    ("workers.idle_s", "4", "4"),
    ("workers.drain_s", "5", "5"),
    ("git.mirrors", "/m", r#""/m""#),
    ("git.file_roots", "/a, /b", r#"["/a", "/b"]"#),
    ("git.allow_addresses", "10.0.0.0/8,::1", r#"["10.0.0.0/8", "::1"]"#),
    ("git.mirror_quota_mb", "1", "1"),
    ("git.max_document_bytes", "2", "2"),
    ("git.fetch_timeout_s", "3", "3"),
    ("git.poll_s", "4", "4"),
    ("outbound.allow_addresses", "10.0.0.0/8,::1", r#"["10.0.0.0/8", "::1"]"#),
    ("sources.github_api_url", "https://g/api", r#""https://g/api""#),
    ("sources.google_api_url", "https://g", r#""https://g""#),
    ("sources.google_token_url", "https://g/t", r#""https://g/t""#),
    ("sources.atlassian_api_url", "https://a", r#""https://a""#),
    ("sources.atlassian_token_url", "https://a/t", r#""https://a/t""#),
    ("sources.forge_keys_url", "https://f/k", r#""https://f/k""#),
    ("sources.upkeep_s", "6", "6"),
    ("sources.fetches_at_once", "7", "7"),
    ("sources.fetches_per_s", "8", "8"),
    ("sources.max_document_bytes", "9", "9"),
    ("sources.silent_after_polls", "10", "10"),
    ("notify.slack_api_url", "https://s/api", r#""https://s/api""#),
    ("notify.slack_webhook_url", "https://s/h", r#""https://s/h""#),
    ("notify.email_from", "sbh@example.org", r#""sbh@example.org""#),
    ("notify.collect_ms", "11", "11"),
    ("notify.gap_ms", "12", "12"),
    ("notify.at_once", "13", "13"),
    ("drift.backlog_after_s", "14", "14"),
    ("drift.backlog_every_s", "15", "15"),
    ("debounce.quiet_ms", "5", "5"),
    ("debounce.max_ms", "6000", "6000"),
    ("prover.z3", "/z", r#""/z""#),
    ("prover.processes", "7", "7"),
    ("prover.time_ms", "8", "8"),
    ("prover.memory_mb", "9", "9"),
    ("prover.rlimit", "10", "10"),
    ("prover.audit_share", "0.25", "0.25"),
    ("prover.external_folder", "/provers", r#""/provers""#),
    ("prover.portfolio", "z3:0,cvc5", r#"["z3:0","cvc5"]"#),
    ("prover.compare_share", "0.5", "0.5"),
    ("telemetry.filter", "debug", r#""debug""#),
    ("telemetry.format", "json", r#""json""#),
];

#[test]
fn every_field_can_be_set_by_file_and_by_variable() {
    let defaults = fields(&Config::default());
    let mut all: Vec<String> = defaults
        .iter()
        .flat_map(|(section, fields)| fields.keys().map(move |field| format!("{section}.{field}")))
        .collect();
    let mut listed: Vec<_> = OTHERS.iter().map(|(name, ..)| (*name).to_owned()).collect();
    all.sort();
    listed.sort();
    assert_eq!(listed, all, "the list above must hold every field");

    let folder = tempfile::tempdir().unwrap();
    for (name, text, toml) in OTHERS {
        let (section, field) = name.split_once('.').unwrap();
        let variable = format!("SBH_{section}_{field}").to_uppercase();
        let by_variable = fields(&load(&[(&variable, text)]).unwrap());
        let path = folder.path().join("sbh.toml");
        std::fs::write(&path, format!("[{section}]\n{field} = {toml}\n")).unwrap();
        let by_file = fields(&load(&[("SBH_CONFIG", path.to_str().unwrap())]).unwrap());
        assert_eq!(by_variable, by_file, "{name}");
        let mut expected = defaults.clone();
        assert_ne!(expected[section][field], by_file[section][field], "{name}");
        expected.get_mut(section).unwrap().insert(field.into(), by_file[section][field].clone());
        assert_eq!(by_file, expected, "{name} changes nothing else");
    }
}

#[test]
fn a_variable_goes_before_the_file_and_an_empty_one_is_not_set() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sbh.toml");
    std::fs::write(&path, "[git]\npoll_s = 7\nfile_roots = [\"/a\"]\nfetch_timeout_s = 8\n")
        .unwrap();
    let path = path.to_str().unwrap();
    let config = load(&[
        ("SBH_CONFIG", path),
        ("SBH_GIT_POLL_S", "9"),
        ("SBH_GIT_FETCH_TIMEOUT_S", ""),
        ("SBH_GIT_FILE_ROOTS", ""),
        ("SBH_TOOLS", "/tools"),
        ("SBH_TOOLS_X", "another name"),
        ("HOME", "/"),
    ])
    .unwrap();
    assert_eq!(config.git.poll_s, 9);
    assert_eq!(config.git.fetch_timeout_s, 8);
    assert!(config.git.file_roots.is_empty(), "an empty list is a list");
}

#[test]
fn a_wrong_value_names_the_field_as_it_was_given() {
    for (name, text, ..) in OTHERS {
        let (section, field) = name.split_once('.').unwrap();
        let variable = format!("SBH_{section}_{field}").to_uppercase();
        // What no field of that type can take.
        let wrong = match text.parse::<u64>() {
            Ok(_) if *name != "temporal.namespace" => ["-1", "many", "1,2", "0x10"].as_slice(),
            _ if name.ends_with("listen") || name.ends_with("format") => ["nonsense"].as_slice(),
            _ if matches!(*name, "temporal.address" | "database.app_url" | "valkey.url") => {
                ["nonsense"].as_slice()
            }
            _ => [].as_slice(),
        };
        for wrong in wrong {
            let error = load(&[(&variable, wrong)]).expect_err(name).to_string();
            assert!(error.starts_with(&format!("{variable} is not usable: ")), "{error}");
        }
    }
}

#[test]
fn errors_of_the_file_name_section_and_field() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sbh.toml");
    for (text, expected) in [
        ("[starter]\nlisten = 3\n", "starter.listen is not usable: "),
        ("[starter]\nlistn = \"\"\n", "starter.listn is not usable: unknown field `listn`"),
        ("[starer]\n", "starer is not usable: no such section"),
        ("starter = 3\n", "starter is not usable: write it as a section"),
        ("[prover]\nprocesses = 0\n", "prover.processes is not usable: it must be 1 or more"),
        ("[prover]\naudit_share = 1.5\n", "prover.audit_share is not usable: it must be from 0.0"),
        ("[prover]\naudit_share = nan\n", "prover.audit_share is not usable: it must be from 0.0"),
        ("[prover]\nprocesses = \n", "cannot read the configuration "),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = load(&[("SBH_CONFIG", path.to_str().unwrap())]).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
    let error = load(&[("SBH_CONFIG", "/no/such/file")]).unwrap_err().to_string();
    assert!(error.contains("/no/such/file"), "{error}");
}

#[test]
fn a_variable_of_a_section_must_name_a_field() {
    for value in ["x", "1", ""] {
        let error = load(&[("SBH_STARTER_LISTN", value)]).unwrap_err().to_string();
        assert!(error.starts_with("SBH_STARTER_LISTN is not usable: unknown field"), "{error}");
    }
}

#[test]
fn passwords_are_neither_printed_nor_quoted() {
    let config = load(&[
        ("SBH_DATABASE_APP_URL", "postgres://a:swordfish@h/d"),
        ("SBH_VALKEY_URL", "redis://:swordfish@h"),
    ])
    .unwrap();
    assert!(!format!("{config:?}").contains("swordfish"));
    let error = load(&[("SBH_DATABASE_APP_URL", "swordfish@h/d")]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("swordfish"), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sbh.toml");
    std::fs::write(&path, "[database]\napp_url = \"swordfish\n").unwrap();
    let error = load(&[("SBH_CONFIG", path.to_str().unwrap())]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("swordfish"), "{error}");
}

/// The table of `docs/CONFIGURATION.md`, made from this module's documentation and defaults.
fn table() -> String {
    let mut structures: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    let debounce = include_str!("../../../domain/src/debounce.rs");
    for source in [include_str!("mod.rs"), debounce] {
        let mut structure = "";
        let mut doc = String::new();
        for line in source.lines() {
            let line = line.trim();
            if let Some(name) = line.strip_prefix("pub struct ") {
                structure = name.trim_end_matches(" {");
            }
            if let Some(text) = line.strip_prefix("/// ") {
                doc = if doc.is_empty() { text.into() } else { format!("{doc} {text}") };
            } else if let Some((field, _)) =
                line.strip_prefix("pub ").and_then(|line| line.split_once(": "))
            {
                if field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                    structures.entry(structure).or_default().push((field.into(), doc.clone()));
                }
                doc.clear();
            } else if !line.starts_with('#') {
                doc.clear();
            }
        }
    }
    let types: BTreeMap<String, &str> = include_str!("mod.rs")
        .lines()
        .skip_while(|line| !line.starts_with("pub struct Config "))
        .take_while(|line| *line != "}")
        .filter_map(|line| line.trim().strip_prefix("pub ")?.trim_end_matches(',').split_once(": "))
        .map(|(section, kind)| (section.to_owned(), kind))
        .collect();
    let defaults = fields(&Config::default());
    let mut table = String::from("| file | variable | default | meaning |\n|---|---|---|---|\n");
    for (section, _) in &structures["Config"] {
        for (field, doc) in &structures[types[section]] {
            let default = match &defaults[section][field] {
                serde_json::Value::Null => "–".into(),
                serde_json::Value::String(text) => format!("`{text}`"),
                other => format!("`{other}`"),
            };
            let variable = format!("SBH_{section}_{field}").to_uppercase();
            table += &format!("| `{section}.{field}` | `{variable}` | {default} | {doc} |\n");
        }
    }
    let rows = table.lines().count() - 2;
    assert_eq!(rows, OTHERS.len(), "every field has a row");
    table
}

#[test]
fn the_documentation_is_complete() {
    let document = std::fs::read_to_string("../docs/CONFIGURATION.md").unwrap();
    let table = table();
    assert!(document.contains(&table), "put this table into docs/CONFIGURATION.md:\n\n{table}");
    assert!(!table.contains("|  |"), "every field is documented:\n{table}");
}

#[test]
fn only_addresses_below_slack_s_base_are_its_webhooks() {
    let notify = Config::default().notify;
    assert!(notify.is_slack_webhook("https://hooks.slack.com/services/T/B/x"));
    for other in [
        "https://hooks.slack.com",
        "https://hooks.slack.com/",
        "https://hooks.slack.com.evil.example/services/T/B/x",
        "https://hooks.slack.com@evil.example/services",
        "http://hooks.slack.com/services/T/B/x",
        "https://169.254.169.254/latest",
        "",
    ] {
        assert!(!notify.is_slack_webhook(other), "{other:?}");
    }
}
