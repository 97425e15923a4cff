//! One trace from a webhook through the inbox and the workflows into the activities.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use sbh_tests::documents::{document, proved};
use sbh_tests::webhook::{Delivery, push};
use sbh_tests::{Stack, StackOptions, Tenant};
use serde_json::Value;

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The lines of a trace in the logs of some part, each with its message and its span's name.
fn lines(stack: &Stack, part: &str, trace_id: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(stack.home().join("logs")).unwrap() {
        let path = entry.unwrap().path();
        if !path.file_name().unwrap().to_string_lossy().starts_with(part) {
            continue;
        }
        let log = std::fs::read_to_string(path).unwrap();
        for line in log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            if line["trace_id"] == trace_id {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                found.push((text(&line["fields"]["message"]), text(&line["span"]["name"])));
            }
        }
    }
    found
}

#[tokio::test]
async fn the_trace_of_a_webhook_reaches_every_step_of_its_work() {
    let stack = Stack::start(StackOptions::default().set("SBH_TELEMETRY_FORMAT", "json"));
    let tenant = Tenant::new(&stack, "trace").await;
    let repo = stack.repo("trace");
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;

    // The workflows run already: what they are told now is of this trace, and not of their first.
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 2)]));
    let payload = push(&repo, "refs/heads/main", &repo.resolve("HEAD~1").unwrap(), &repo.head());
    let mut delivery = Delivery::json("push", &payload, &connection.secret);
    delivery.traceparent = Some(format!("00-{TRACE_ID}-00f067aa0ba902b7-01"));
    let notice = tenant.deliver(&connection, &delivery).await;
    assert_eq!(tenant.closed(&notice).await, "recorded");

    let starter = lines(&stack, "starter", TRACE_ID);
    assert!(starter.iter().any(|(_, span)| span == "dispatch"), "{starter:?}");
    let workers = lines(&stack, "worker", TRACE_ID);
    for span in ["repo_sync.sync", "spec_drift.prove", "spec_drift.record"] {
        let of_span = workers.iter().filter(|(_, name)| name == span).count();
        assert_eq!(of_span, 1, "one line of {span}: {workers:?}");
    }
}
