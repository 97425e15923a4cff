//! Recorded histories are replayed: code that would not do again what a running workflow did breaks
//! that workflow. A change that fails here needs a patch or a new version, not a new recording.

#![allow(clippy::disallowed_methods, reason = "no workflow code: it reads files and waits")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use sbh_workflows::check_run::CheckRunWorkflow;
use sbh_workflows::drift_backlog::DriftBacklogWorkflow;
use sbh_workflows::head_poll::HeadPollWorkflow;
use sbh_workflows::notify::NotifyWorkflow;
use sbh_workflows::pull_request::PullRequestWorkflow;
use sbh_workflows::repo_sync::RepoSyncWorkflow;
use sbh_workflows::source_upkeep::SourceUpkeepWorkflow;
use sbh_workflows::spec_drift::SpecDriftWorkflow;
use temporalio_client::WorkflowHistory;
use temporalio_sdk::workflow_replayer::{WorkflowReplayer, WorkflowReplayerOptions};

const CONCERNS: [&str; 8] = [
    "repo_sync",
    "spec_drift",
    "head_poll",
    "check_run",
    "pull_request",
    "notify",
    "drift_backlog",
    "source_upkeep",
];

fn recordings() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories");
    let mut paths = Vec::new();
    for concern in CONCERNS {
        let folder = root.join(concern);
        let before = paths.len();
        paths.extend(std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()));
        assert!(paths.len() > before, "record a history in {}", folder.display());
    }
    paths.sort();
    paths
}

fn replayer() -> WorkflowReplayer {
    let options = WorkflowReplayerOptions::new()
        .register_workflow::<RepoSyncWorkflow>()
        .unwrap()
        .register_workflow::<SpecDriftWorkflow>()
        .unwrap()
        .register_workflow::<HeadPollWorkflow>()
        .unwrap()
        .register_workflow::<CheckRunWorkflow>()
        .unwrap()
        .register_workflow::<PullRequestWorkflow>()
        .unwrap()
        .register_workflow::<NotifyWorkflow>()
        .unwrap()
        .register_workflow::<DriftBacklogWorkflow>()
        .unwrap()
        .register_workflow::<SourceUpkeepWorkflow>()
        .unwrap()
        .build();
    WorkflowReplayer::new(options).unwrap()
}

#[tokio::test]
async fn every_recorded_history_is_replayed() {
    for path in recordings() {
        let history = WorkflowHistory::from_json(&std::fs::read(&path).unwrap()).unwrap();
        if let Err(error) = replayer().replay_workflow(history).await {
            panic!("{}: {error}", path.display());
        }
    }
}

#[tokio::test]
async fn a_history_that_does_not_fit_is_refused() {
    for (path, wire, other) in [
        ("repo_sync/two_notices_in_one_debounce.json", "repo_sync.announce", "repo_sync.announced"),
        ("spec_drift/chunks.json", "spec_drift.prove", "spec_drift.proved"),
        ("head_poll/one_round.json", "head_poll.compare_heads", "head_poll.compare"),
        ("check_run/told_in_two_looks.json", "check_run.post", "check_run.posted"),
        (
            "pull_request/two_heads_in_one_debounce.json",
            "pull_request.judge",
            "pull_request.judged",
        ),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories").join(path);
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains(wire));
        let changed = text.replace(&format!("\"{wire}\""), &format!("\"{other}\""));
        let history = WorkflowHistory::from_json(changed.as_bytes()).unwrap();
        assert!(replayer().replay_workflow(history).await.is_err(), "{wire}");
    }
}

/// The recordings hold what the workflows can do.
#[test]
fn the_recordings_cover_what_can_happen() {
    let all: String =
        recordings().iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    for event in [
        "WorkflowExecutionSignaledEventAttributes",
        "WorkflowExecutionUpdateAcceptedEventAttributes",
        "ActivityTaskFailedEventAttributes",
        "TimerFiredEventAttributes",
        "TimerCanceledEventAttributes",
        "MarkerRecordedEventAttributes",
        "UpsertWorkflowSearchAttributesEventAttributes",
        "WorkflowExecutionCompletedEventAttributes",
    ] {
        assert!(all.contains(event), "no recording has {event}");
    }
}
