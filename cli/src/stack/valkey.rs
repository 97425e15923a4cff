//! Valkey as a part of the stack: a cache, so it keeps nothing.

use super::plan::{Launch, Plan};
use crate::home::Home;

pub(super) fn launch(plan: &Plan, home: &Home) -> Launch {
    let mut launch = Launch::new([plan.valkey.clone()]);
    let port = plan.port("valkey").to_string();
    let folder = home.data().join("valkey");
    for (name, value) in [
        ("--port", port.as_str()),
        ("--bind", "127.0.0.1"),
        ("--dir", &folder.to_string_lossy()),
        ("--save", ""),
        ("--appendonly", "no"),
        ("--maxmemory", "256mb"),
        ("--maxmemory-policy", "allkeys-lru"),
        ("--daemonize", "no"),
    ] {
        launch.command.push(name.into());
        launch.command.push(value.into());
    }
    launch
}
