//! Temporal as a part of the stack: the development server on a database file.

use super::plan::{Launch, Plan};
use super::secrets::Secrets;
use crate::home::Home;

/// The namespace of all workflows.
pub const NAMESPACE: &str = "sbh";

/// The namespace's search attributes, all keywords.
const SEARCH_ATTRIBUTES: &str = include_str!("../../../temporal/search_attributes.toml");

/// The server's dynamic configuration.
const DYNAMIC_CONFIG: &str = include_str!("../../../temporal/dynamic_config.yaml");

/// How the database file is used: more than twice the throughput, and a crash of the machine may
/// cost the last moments, which the inbox makes good.
const PRAGMAS: [&str; 2] = ["journal_mode=wal", "synchronous=NORMAL"];

pub(super) fn launch(plan: &Plan, home: &Home, secrets: &Secrets) -> Launch {
    let mut launch = Launch::new([plan.temporal.clone()]);
    let mut push = |argument: &str| launch.command.push(argument.into());
    push("server");
    push("start-dev");
    let file = home.data().join("temporal.sqlite");
    let (port, ui, http) =
        (plan.port("temporal"), plan.port("temporal_ui"), plan.port("temporal_http"));
    for (name, value) in [
        ("--db-filename", file.to_string_lossy().into_owned()),
        ("--ip", "127.0.0.1".into()),
        ("--port", port.to_string()),
        ("--ui-port", ui.to_string()),
        ("--http-port", http.to_string()),
        ("--namespace", NAMESPACE.into()),
        ("--ui-codec-endpoint", format!("{}/codec/{}", plan.api_url(), secrets.codec_token)),
        ("--log-level", "warn".into()),
    ] {
        push(name);
        push(&value);
    }
    push("--ui-disable-news-fetch");
    for attribute in search_attributes() {
        push("--search-attribute");
        push(&format!("{attribute}=Keyword"));
    }
    for setting in settings() {
        push("--dynamic-config-value");
        push(&setting);
    }
    for pragma in PRAGMAS {
        push("--sqlite-pragma");
        push(pragma);
    }
    launch
}

/// The names in `search_attributes.toml`: `Name = "meaning"`.
fn search_attributes() -> impl Iterator<Item = &'static str> {
    let lines = SEARCH_ATTRIBUTES.lines().filter(|line| !line.starts_with(['#', '[']));
    lines.filter_map(|line| line.split_once(" = ")).map(|(name, _)| name.trim())
}

/// The settings in `dynamic_config.yaml` as the development server takes them, `name=<JSON>`. The file
/// is of the one shape that settings without constraints have: a name, then a list of one value.
fn settings() -> Vec<String> {
    let mut settings = Vec::new();
    let mut name = "";
    for line in DYNAMIC_CONFIG.lines() {
        if let Some(value) = line.strip_prefix("  - value: ") {
            let value = match value {
                "true" | "false" => value.to_owned(),
                number if number.parse::<f64>().is_ok() => number.to_owned(),
                text => format!("\"{text}\""),
            };
            settings.push(format!("{name}={value}"));
        } else if !line.starts_with('#') {
            name = line.trim_end_matches(':');
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_say_what_the_server_is_given() {
        let names: Vec<_> = search_attributes().collect();
        assert_eq!(names, ["SbhTenant", "SbhConcern", "SbhVerdict", "SbhRepository"]);
        let settings = settings();
        for wanted in [
            "matching.enableFairness=true",
            "history.transferProcessorMaxPollRPS=2000",
            "history.timerProcessorMaxTimeShift=\"20ms\"",
        ] {
            assert!(settings.iter().any(|setting| setting == wanted), "{wanted}: {settings:?}");
        }
        let named =
            DYNAMIC_CONFIG.lines().filter(|line| line.ends_with(':') && !line.starts_with('#'));
        assert_eq!(settings.len(), named.count(), "{settings:?}");
    }
}
