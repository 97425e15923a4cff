//! Lives of workflows against a real server, each with a check of how it ended. The replay test
//! replays their recorded histories; `cargo run -p sbh-workflows --example record_histories` records
//! them anew.

use sbh_domain::{Debounce, Digest, Verdict, VerdictCounts};
use sbh_workflows::head_poll::{self, HeadPollInput, HeadPollOutcome, HeadPollWorkflow};
use sbh_workflows::repo_sync::{
    self, AnnounceOutcome, RepoChanged, RepoSyncInput, RepoSyncStatus, RepoSyncWorkflow,
    SyncOutcome,
};
use sbh_workflows::spec_drift::{
    self, DocumentChanged, ProveOutcome, ProveResume, RecordOutcome, ReproveRequest,
    SpecDriftInput, SpecDriftStatus, SpecDriftWorkflow,
};
use temporalio_client::{
    Client, WorkflowGetResultOptions, WorkflowHistory, WorkflowIdConflictPolicy,
    WorkflowSignalOptions, WorkflowStartOptions, WorkflowUpdateWithStartOptions,
};

use super::server::Server;
use super::stand_in::{Script, replies};

/// A finished life.
pub struct Life {
    pub concern: &'static str,
    pub name: &'static str,
    pub history: WorkflowHistory,
}

/// All of them, one after the other.
pub async fn all(server: &Server) -> Vec<Life> {
    let mut lives = vec![
        two_notices_in_one_debounce(server).await,
        a_sync_that_fails(server).await,
        chunks(server).await,
        reproved_while_proving(server).await,
        a_proof_that_fails(server).await,
        superseded_and_stale(server).await,
        removed(server).await,
        one_round(server).await,
    ];
    lives.extend(super::github::all(server).await);
    lives.extend(super::alerts::all(server).await);
    lives.extend(super::spaces::all(server).await);
    lives
}

pub fn repo_input(quiet_ms: u64, max_ms: u64, idle_s: u64, number: u128) -> RepoSyncInput {
    RepoSyncInput {
        tenant: "demo".parse().unwrap(),
        repository: sbh_domain::RepositoryId(uuid::Uuid::from_u128(number)),
        debounce: Debounce { quiet_ms, max_ms },
        idle_s,
        carried: 0,
        owes_announcement: false,
        traces: sbh_domain::Traces::new(),
    }
}

pub fn document_input(idle_s: u64, number: u128) -> SpecDriftInput {
    SpecDriftInput {
        tenant: "demo".parse().unwrap(),
        document: sbh_domain::DocumentId(uuid::Uuid::from_u128(number)),
        idle_s,
        carried: false,
        carried_force: false,
        traces: sbh_domain::Traces::new(),
    }
}

pub fn synced(changed: u32, notices: u32) -> SyncOutcome {
    SyncOutcome {
        commit: Some("0123456789abcdef".into()),
        changed,
        removed: 0,
        notices,
        retry_after_s: None,
    }
}

pub fn recorded(verdict: Option<Verdict>, stale: bool) -> RecordOutcome {
    RecordOutcome {
        content: verdict.map(|_| "ba7816bf".to_owned()),
        before: VerdictCounts::default(),
        after: verdict.into_iter().collect(),
        stale,
    }
}

/// Starts or signals a repository's workflow; the run's id.
pub async fn notify_repository(client: &Client, input: RepoSyncInput) -> String {
    let id = repo_sync::workflow_id(&input.tenant, input.repository);
    let options = WorkflowStartOptions::new(repo_sync::TASK_QUEUE, id)
        .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
        .build();
    let signal = RepoChanged { notices: 1, traces: sbh_domain::Traces::new() };
    let handle = client
        .signal_with_start_workflow(
            RepoSyncWorkflow::run,
            input,
            RepoSyncWorkflow::changed,
            signal,
            options,
        )
        .await
        .unwrap();
    handle.run_id().unwrap().to_owned()
}

/// Starts or signals a document's workflow; the run's id.
pub async fn notify_document(client: &Client, input: SpecDriftInput) -> String {
    let id = spec_drift::workflow_id(&input.tenant, input.document);
    let options = WorkflowStartOptions::new(spec_drift::TASK_QUEUE, id)
        .id_conflict_policy(WorkflowIdConflictPolicy::UseExisting)
        .build();
    let handle = client
        .signal_with_start_workflow(
            SpecDriftWorkflow::run,
            input,
            SpecDriftWorkflow::changed,
            DocumentChanged::default(),
            options,
        )
        .await
        .unwrap();
    handle.run_id().unwrap().to_owned()
}

pub async fn end_of_repository(
    client: &Client,
    input: &RepoSyncInput,
) -> (RepoSyncStatus, WorkflowHistory) {
    let id = repo_sync::workflow_id(&input.tenant, input.repository);
    let handle = client.get_workflow_handle::<RepoSyncWorkflow>(id);
    let status = handle.get_result(WorkflowGetResultOptions::default()).await.unwrap();
    (status, handle.fetch_history(Default::default()))
}

async fn end_of_document(
    client: &Client,
    input: &SpecDriftInput,
) -> (SpecDriftStatus, WorkflowHistory) {
    let id = spec_drift::workflow_id(&input.tenant, input.document);
    let handle = client.get_workflow_handle::<SpecDriftWorkflow>(id);
    let status = handle.get_result(WorkflowGetResultOptions::default()).await.unwrap();
    (status, handle.fetch_history(Default::default()))
}

async fn two_notices_in_one_debounce(server: &Server) -> Life {
    let script = Script {
        sync: replies([Ok(synced(2, 2))]),
        announce: replies([Ok(AnnounceOutcome { documents: 2 })]),
        ..Script::default()
    };
    let input = repo_input(1_000, 3_000, 1, 1);
    let history = server
        .with_workers(&script, async |client| {
            notify_repository(&client, input.clone()).await;
            notify_repository(&client, input.clone()).await;
            let (status, history) = end_of_repository(&client, &input).await;
            assert_eq!((status.syncs, status.pending, status.last_error), (1, 0, None));
            assert_eq!(status.last.unwrap().changed, 2);
            history
        })
        .await;
    Life { concern: "repo_sync", name: "two_notices_in_one_debounce", history }
}

async fn a_sync_that_fails(server: &Server) -> Life {
    let script = Script {
        sync: replies([Err("the repository is gone"), Ok(synced(0, 1))]),
        ..Script::default()
    };
    let input = repo_input(1, 10, 1, 2);
    let history = server
        .with_workers(&script, async |client| {
            notify_repository(&client, input.clone()).await;
            let id = repo_sync::workflow_id(&input.tenant, input.repository);
            let handle = client.get_workflow_handle::<RepoSyncWorkflow>(id);
            loop {
                let query = handle.query(RepoSyncWorkflow::status, (), Default::default());
                if let Some(error) = query.await.unwrap().last_error {
                    assert_eq!(error, "the repository is gone");
                    break;
                }
            }
            notify_repository(&client, input.clone()).await;
            let (status, history) = end_of_repository(&client, &input).await;
            assert_eq!((status.syncs, status.last_error), (1, None));
            history
        })
        .await;
    Life { concern: "repo_sync", name: "a_sync_that_fails", history }
}

async fn chunks(server: &Server) -> Life {
    let hash = Digest::of("abc");
    let more = |from| ProveOutcome::More { resume: ProveResume { hash, from }, total: 5 };
    let script = Script {
        prove: replies([Ok(more(2)), Ok(more(4)), Ok(ProveOutcome::Staged { hash, total: 5 })]),
        record: replies([Ok(recorded(Some(Verdict::Refuted), false))]),
        ..Script::default()
    };
    let input = document_input(1, 1);
    let history = server
        .with_workers(&script, async |client| {
            notify_document(&client, input.clone()).await;
            let (status, history) = end_of_document(&client, &input).await;
            assert_eq!((status.done, status.total, status.proofs), (5, 5, 1));
            assert_eq!(status.last.unwrap().after.refuted, 1);
            history
        })
        .await;
    Life { concern: "spec_drift", name: "chunks", history }
}

async fn reproved_while_proving(server: &Server) -> Life {
    let staged = || Ok(ProveOutcome::Staged { hash: Digest::of("abc"), total: 1 });
    let script = Script {
        prove: replies([staged(), staged()]),
        record: replies([
            Ok(recorded(Some(Verdict::Proved), false)),
            Ok(recorded(Some(Verdict::Proved), false)),
        ]),
        ..Script::default()
    };
    let input = document_input(1, 2);
    let id = spec_drift::workflow_id(&input.tenant, input.document);
    let history = server
        .with_workers(&script, async |client| {
            for (update, force) in [("first", false), ("first", false), ("second", true)] {
                let options = WorkflowUpdateWithStartOptions::new(
                    spec_drift::TASK_QUEUE,
                    id.as_str(),
                    WorkflowIdConflictPolicy::UseExisting,
                )
                .update_id(update)
                .build();
                client
                    .execute_update_with_start_workflow(
                        SpecDriftWorkflow::run,
                        input.clone(),
                        SpecDriftWorkflow::reprove,
                        ReproveRequest { force, traces: sbh_domain::Traces::new() },
                        options,
                    )
                    .await
                    .unwrap();
            }
            let (status, history) = end_of_document(&client, &input).await;
            assert!((1..=2).contains(&status.proofs), "{status:?}");
            assert!(!status.pending);
            history
        })
        .await;
    Life { concern: "spec_drift", name: "reproved_while_proving", history }
}

async fn a_proof_that_fails(server: &Server) -> Life {
    let script = Script {
        prove: replies([Err("the database refused"), Ok(ProveOutcome::Unchanged)]),
        ..Script::default()
    };
    let input = document_input(1, 3);
    let id = spec_drift::workflow_id(&input.tenant, input.document);
    let history = server
        .with_workers(&script, async |client| {
            notify_document(&client, input.clone()).await;
            let handle = client.get_workflow_handle::<SpecDriftWorkflow>(id);
            loop {
                let query = handle.query(SpecDriftWorkflow::status, (), Default::default());
                if let Some(error) = query.await.unwrap().last_error {
                    assert_eq!(error, "the database refused");
                    break;
                }
            }
            let again = WorkflowSignalOptions::default();
            handle
                .signal(SpecDriftWorkflow::changed, DocumentChanged::default(), again)
                .await
                .unwrap();
            let (status, history) = end_of_document(&client, &input).await;
            assert_eq!((status.proofs, status.last_error), (0, None));
            history
        })
        .await;
    Life { concern: "spec_drift", name: "a_proof_that_fails", history }
}

async fn superseded_and_stale(server: &Server) -> Life {
    let staged = |text| Ok(ProveOutcome::Staged { hash: Digest::of(text), total: 1 });
    let script = Script {
        prove: replies([Ok(ProveOutcome::Superseded), staged("b"), staged("c")]),
        record: replies([
            Ok(recorded(Some(Verdict::Refuted), true)),
            Ok(recorded(Some(Verdict::Proved), false)),
        ]),
        ..Script::default()
    };
    let input = document_input(1, 4);
    let history = server
        .with_workers(&script, async |client| {
            notify_document(&client, input.clone()).await;
            let (status, history) = end_of_document(&client, &input).await;
            assert_eq!((status.proofs, status.pending), (2, false));
            assert_eq!(status.last.unwrap().after.proved, 1);
            history
        })
        .await;
    Life { concern: "spec_drift", name: "superseded_and_stale", history }
}

async fn removed(server: &Server) -> Life {
    let script = Script {
        prove: replies([Ok(ProveOutcome::Removed)]),
        record: replies([Ok(recorded(None, false))]),
        ..Script::default()
    };
    let input = document_input(1, 5);
    let history = server
        .with_workers(&script, async |client| {
            notify_document(&client, input.clone()).await;
            let (status, history) = end_of_document(&client, &input).await;
            assert_eq!((status.proofs, status.last.unwrap().content), (1, None));
            history
        })
        .await;
    Life { concern: "spec_drift", name: "removed", history }
}

async fn one_round(server: &Server) -> Life {
    let outcome = HeadPollOutcome { checked: 3, moved: 1, failed: 1 };
    let script = Script { compare_heads: replies([Ok(outcome.clone())]), ..Script::default() };
    let history = server
        .with_workers(&script, async |client| {
            let options =
                WorkflowStartOptions::new(head_poll::TASK_QUEUE, head_poll::workflow_id());
            let handle = client
                .start_workflow(HeadPollWorkflow::run, HeadPollInput::default(), options.build())
                .await
                .unwrap();
            let result = handle.get_result(WorkflowGetResultOptions::default()).await.unwrap();
            assert_eq!(result, outcome);
            handle.fetch_history(Default::default())
        })
        .await;
    Life { concern: "head_poll", name: "one_round", history }
}
