//! Temporal as a part of the stack: the development server on a database file.

use super::plan::{Launch, Plan};
use super::secrets::Secrets;
use crate::home::Home;

/// The namespace of all workflows.
pub const NAMESPACE: &str = "sbh";

/// The namespace's search attributes, all keywords. The same names stand in the contracts.
pub const SEARCH_ATTRIBUTES: [&str; 4] = ["SbhTenant", "SbhConcern", "SbhVerdict", "SbhRepository"];

/// The server's dynamic configuration. Without the first two a step waits for a poll of 100 ms.
const DYNAMIC_CONFIG: [&str; 6] = [
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
    // Timers of less than a second are on time.
    "history.timerProcessorMaxTimeShift=\"20ms\"",
    // One partition keeps priorities strict.
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    // Fairness keys are ignored otherwise.
    "matching.enableFairness=true",
];

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
    for attribute in SEARCH_ATTRIBUTES {
        push("--search-attribute");
        push(&format!("{attribute}=Keyword"));
    }
    for setting in DYNAMIC_CONFIG {
        push("--dynamic-config-value");
        push(setting);
    }
    for pragma in PRAGMAS {
        push("--sqlite-pragma");
        push(pragma);
    }
    launch
}
