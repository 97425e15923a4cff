//! Every wire name and the JSON of every input and output, written out: running workflows hold them,
//! so none of this may ever change. Fields may be added, with a default.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use sbh_workflows::head_poll::{self, HeadPollActivities, HeadPollWorkflow};
use sbh_workflows::repo_sync::{self, RepoSyncActivities, RepoSyncWorkflow};
use sbh_workflows::spec_drift::{self, SpecDriftActivities, SpecDriftWorkflow};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use temporalio_common::{ActivityDefinition, SignalDefinition, UpdateDefinition};
use temporalio_workflow::common::{QueryDefinition, WorkflowDefinition};

const UUID: &str = "01938f3e-1111-7abc-8def-0123456789ab";
const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const HASH: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

/// The JSON is read, and written again as it was.
fn round<T: Serialize + DeserializeOwned>(wire: Value) -> T {
    let value: T = serde_json::from_value(wire.clone()).unwrap();
    assert_eq!(serde_json::to_value(&value).unwrap(), wire);
    value
}

fn activity<A: ActivityDefinition>(activity: A) -> String {
    activity.name().to_owned()
}

fn signal<S: SignalDefinition>(signal: S) -> String {
    signal.name().to_owned()
}

fn query<Q: QueryDefinition>(query: Q) -> String {
    query.name().to_owned()
}

fn update<U: UpdateDefinition>(update: U) -> String {
    update.name().to_owned()
}

fn workflow<W: WorkflowDefinition>(workflow: W) -> String {
    workflow.name().to_owned()
}

#[test]
fn names() {
    assert_eq!(workflow(RepoSyncWorkflow::run), "repo_sync");
    assert_eq!(signal(RepoSyncWorkflow::changed), "changed");
    assert_eq!(query(RepoSyncWorkflow::status), "status");
    assert_eq!(activity(RepoSyncActivities::sync), "repo_sync.sync");
    assert_eq!(activity(RepoSyncActivities::announce), "repo_sync.announce");
    assert_eq!(repo_sync::TASK_QUEUE, "sync");

    assert_eq!(workflow(SpecDriftWorkflow::run), "spec_drift");
    assert_eq!(signal(SpecDriftWorkflow::changed), "changed");
    assert_eq!(query(SpecDriftWorkflow::status), "status");
    assert_eq!(update(SpecDriftWorkflow::reprove), "reprove");
    assert_eq!(activity(SpecDriftActivities::prove), "spec_drift.prove");
    assert_eq!(activity(SpecDriftActivities::record), "spec_drift.record");
    assert_eq!(spec_drift::TASK_QUEUE, "proof");

    assert_eq!(workflow(HeadPollWorkflow::run), "head_poll");
    assert_eq!(activity(HeadPollActivities::compare_heads), "head_poll.compare_heads");
    assert_eq!((head_poll::TASK_QUEUE, head_poll::SCHEDULE_ID), ("sync", "head-poll"));

    let attributes = ["SbhTenant", "SbhConcern", "SbhVerdict", "SbhRepository"];
    assert_eq!(sbh_workflows::search_attributes::ALL, attributes);
}

#[test]
fn ids() {
    let tenant = "demo".parse().unwrap();
    let id = repo_sync::workflow_id(&tenant, UUID.parse().unwrap());
    assert_eq!(id, format!("repo-sync/demo/{UUID}"));
    let id = spec_drift::workflow_id(&tenant, UUID.parse().unwrap());
    assert_eq!(id, format!("spec-drift/demo/{UUID}"));
    assert_eq!(head_poll::workflow_id(), "head-poll");
}

#[test]
fn repo_sync() {
    let debounce = json!({"quiet_ms": 500, "max_ms": 3000});
    round::<repo_sync::RepoSyncInput>(json!({
        "tenant": "demo", "repository": UUID, "debounce": debounce, "idle_s": 600, "carried": 2,
    }));
    // As starters wrote it before there was anything to carry.
    let input: repo_sync::RepoSyncInput = serde_json::from_value(json!({
        "tenant": "demo", "repository": UUID, "debounce": debounce, "idle_s": 600,
    }))
    .unwrap();
    assert_eq!(input.carried, 0);
    round::<repo_sync::RepoChanged>(json!({"notices": 3}));
    for phase in ["idle", "debouncing", "syncing", "announcing"] {
        round::<repo_sync::RepoSyncPhase>(json!(phase));
    }
    let outcome = json!({"commit": "0123", "changed": 1, "removed": 2, "notices": 3});
    round::<repo_sync::SyncOutcome>(outcome.clone());
    round::<repo_sync::SyncOutcome>(
        json!({"commit": null, "changed": 0, "removed": 0, "notices": 0}),
    );
    round::<repo_sync::RepoSyncStatus>(json!({
        "phase": "idle", "pending": 1, "syncs": 2, "last": outcome, "last_error": "why",
    }));
    round::<repo_sync::SyncInput>(json!({"tenant": "demo", "repository": UUID, "sync": UUID}));
    round::<repo_sync::AnnounceInput>(json!({"tenant": "demo", "repository": UUID}));
    let traces = json!([TRACE]);
    round::<repo_sync::RepoChanged>(json!({"notices": 3, "traces": traces}));
    round::<repo_sync::SyncInput>(
        json!({"tenant": "demo", "repository": UUID, "sync": UUID, "traces": traces}),
    );
    round::<repo_sync::AnnounceInput>(
        json!({"tenant": "demo", "repository": UUID, "traces": traces}),
    );
    round::<repo_sync::AnnounceOutcome>(json!({"documents": 4}));
}

#[test]
fn spec_drift() {
    round::<spec_drift::SpecDriftInput>(json!({
        "tenant": "demo", "document": UUID, "idle_s": 600, "carried": true, "carried_force": true,
    }));
    let input: spec_drift::SpecDriftInput =
        serde_json::from_value(json!({"tenant": "demo", "document": UUID, "idle_s": 600})).unwrap();
    assert!(!input.carried && !input.carried_force);
    round::<spec_drift::DocumentChanged>(json!({}));
    let traces = json!([TRACE]);
    round::<spec_drift::DocumentChanged>(json!({"traces": traces}));
    round::<spec_drift::ReproveRequest>(json!({"force": true}));
    round::<spec_drift::ReproveRequest>(json!({"force": true, "traces": traces}));
    round::<spec_drift::ReproveAccepted>(json!({"queued_behind": true}));
    for phase in ["idle", "proving", "recording"] {
        round::<spec_drift::SpecDriftPhase>(json!(phase));
    }
    let counts = json!({
        "proved": 1, "refuted": 2, "vacuous": 3, "unknown": 4,
        "timeout": 5, "conflict": 6, "error": 7, "not_run": 8,
    });
    let outcome = json!({"content": "ba7816bf", "before": counts, "after": counts, "stale": false});
    round::<spec_drift::RecordOutcome>(outcome.clone());
    round::<spec_drift::SpecDriftStatus>(json!({
        "phase": "idle", "pending": false, "done": 1, "total": 2, "proofs": 3,
        "last": outcome, "last_error": null,
    }));
    let resume = json!({"hash": HASH, "from": 50});
    round::<spec_drift::ProveInput>(
        json!({"tenant": "demo", "document": UUID, "resume": resume, "force": false}),
    );
    round::<spec_drift::ProveInput>(json!({
        "tenant": "demo", "document": UUID, "resume": null, "force": false, "traces": traces,
    }));
    for outcome in [
        json!({"kind": "unchanged"}),
        json!({"kind": "removed"}),
        json!({"kind": "staged", "hash": HASH, "total": 3}),
        json!({"kind": "more", "resume": resume, "total": 100}),
        json!({"kind": "superseded"}),
    ] {
        round::<spec_drift::ProveOutcome>(outcome);
    }
    round::<spec_drift::RecordInput>(json!({
        "tenant": "demo", "document": UUID, "hash": HASH, "total": 3,
        "workflow_id": "spec-drift/demo/x", "run_id": "r",
    }));
}

#[test]
fn head_poll() {
    round::<head_poll::HeadPollInput>(json!({}));
    round::<head_poll::HeadPollOutcome>(json!({"checked": 3, "moved": 2, "failed": 1}));
}
