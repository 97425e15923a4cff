//! All stand-ins until Ctrl-C: prints where they are as JSON, and every request as it arrives. For
//! trying things by hand.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::time::Duration;

use sbh_standins::StandIns;
use serde_json::{Map, Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let standins = StandIns::start()?;
    let urls: Map<String, Value> =
        standins.services().iter().map(|(name, s)| ((*name).to_owned(), json!(s.url()))).collect();
    let settings: Map<String, Value> = standins
        .settings()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    println!(
        "{}",
        json!({
            "services": urls,
            "settings": settings,
            "slack_webhook": standins.slack.webhook(),
            "github_token": standins.github.token(),
            "google_service_account": standins.google.service_account(),
        })
    );
    let mut shown = [0; 7];
    loop {
        tokio::select! {
            stopped = tokio::signal::ctrl_c() => return stopped,
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
        for ((name, service), shown) in standins.services().iter().zip(&mut shown) {
            for request in service.arrived().iter().skip(*shown) {
                let request = serde_json::to_string(request).expect("a request is JSON");
                println!("{{\"service\":\"{name}\",\"request\":{request}}}");
                *shown += 1;
            }
        }
    }
}
