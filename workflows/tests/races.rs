//! No notice is ever lost: not between an entity's last look and its completion, not in a burst, not
//! when a run hands over to the next.

#![allow(clippy::disallowed_methods, reason = "no workflow code: it reads files and waits")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sbh_domain::{Digest, Verdict};
use sbh_workflows::repo_sync::{self, AnnounceOutcome, RepoSyncWorkflow, SyncInput};
use sbh_workflows::spec_drift::{ProveInput, ProveOutcome};
use support::scenario::{
    document_input, notify_document, notify_repository, recorded, repo_input, synced,
};
use support::server::Server;
use support::stand_in::{Script, doing, replies};
use temporalio_client::Client;
use tokio::sync::Notify;

const ENTITIES: u64 = 20;
const ROUNDS: u64 = 25;
/// Far more than one notice takes; nobody gives notice again here.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the store is to the real activities: what lies open, for each entity.
#[derive(Default)]
struct Open {
    notices: Vec<AtomicU64>,
    taken: Vec<Notify>,
}

impl Open {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            notices: (0..ENTITIES).map(|_| AtomicU64::new(0)).collect(),
            taken: (0..ENTITIES).map(|_| Notify::new()).collect(),
        })
    }

    fn add(&self, entity: u64) {
        self.notices[entity as usize].fetch_add(1, Ordering::SeqCst);
    }

    fn take(&self, entity: u64) -> u32 {
        let taken = self.notices[entity as usize].swap(0, Ordering::SeqCst);
        self.taken[entity as usize].notify_one();
        taken as u32
    }

    /// Waits until all notices of an entity are taken.
    async fn is_taken(&self, entity: u64) {
        while self.notices[entity as usize].load(Ordering::SeqCst) > 0 {
            tokio::time::timeout(PATIENCE, self.taken[entity as usize].notified())
                .await
                .expect("a notice is lost");
        }
    }
}

/// Gives notice again and again about when the run that took the one before completes.
async fn race<F: Future<Output = String>>(
    open: &Open,
    notify: impl Fn(u64) -> F,
) -> (u64, BTreeSet<String>) {
    let entities = (0..ENTITIES).map(async |entity| {
        let mut runs = BTreeSet::new();
        for round in 0..ROUNDS {
            // Spread over the time in which a run completes, so that all orders happen.
            tokio::time::sleep(Duration::from_millis((entity * 53 + round * 37) % 400)).await;
            open.add(entity);
            runs.insert(notify(entity).await);
            open.is_taken(entity).await;
        }
        runs
    });
    let runs: Vec<_> = futures::future::join_all(entities).await;
    (ENTITIES * ROUNDS, runs.into_iter().flatten().collect())
}

/// The races were real: some notices found a run, and some found it completed.
fn assert_raced(signals: u64, runs: &BTreeSet<String>) {
    let runs = runs.len() as u64;
    assert!(runs > ENTITIES, "no run completed between two notices");
    assert!(runs < signals, "no notice found a run");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_at_a_repository_s_completion_is_not_lost() {
    let server = Server::start().await;
    let open = Open::new();
    let seen = open.clone();
    let script = Script {
        sync: doing(move |input: SyncInput| {
            let taken = seen.take(input.repository.0.as_u128() as u64);
            async move { Ok(synced(0, taken)) }
        }),
        ..Script::default()
    };
    let (signals, runs) = server
        .with_workers(&script, async |client: Client| {
            race(&open, |entity| {
                let client = client.clone();
                async move { notify_repository(&client, repo_input(0, 0, 0, entity.into())).await }
            })
            .await
        })
        .await;
    assert_raced(signals, &runs);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_at_a_document_s_completion_is_not_lost() {
    let server = Server::start().await;
    let open = Open::new();
    let seen = open.clone();
    let script = Script {
        prove: doing(move |input: ProveInput| {
            let taken = seen.take(input.document.0.as_u128() as u64);
            async move {
                Ok(match taken {
                    0 => ProveOutcome::Unchanged,
                    _ => ProveOutcome::Staged { hash: Digest::of("abc"), total: 1 },
                })
            }
        }),
        record: doing(|_| async { Ok(recorded(Some(Verdict::Proved), false)) }),
        ..Script::default()
    };
    let (signals, runs) = server
        .with_workers(&script, async |client: Client| {
            race(&open, |entity| {
                let client = client.clone();
                async move { notify_document(&client, document_input(0, entity.into())).await }
            })
            .await
        })
        .await;
    assert_raced(signals, &runs);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_is_one_synchronisation() {
    let server = Server::start().await;
    let open = Open::new();
    let seen = open.clone();
    let calls = Arc::new(AtomicU64::new(0));
    let counted = calls.clone();
    let script = Script {
        sync: doing(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            let taken = seen.take(0);
            async move { Ok(synced(1, taken)) }
        }),
        announce: replies([Ok(AnnounceOutcome { documents: 1 })]),
        ..Script::default()
    };
    server
        .with_workers(&script, async |client: Client| {
            let burst = (0..50).map(async |_| {
                open.add(0);
                notify_repository(&client, repo_input(2_000, 20_000, 600, 0)).await
            });
            let runs: BTreeSet<_> = futures::future::join_all(burst).await.into_iter().collect();
            assert_eq!(runs.len(), 1);
            open.is_taken(0).await;
        })
        .await;
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_run_hands_its_notices_to_the_next() {
    const FLOOD: u32 = 2_500;
    let server = Server::start().await;
    let (entered, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (entering, going_on) = (entered.clone(), go_on.clone());
    let script = Script {
        sync: doing(move |_| {
            let (entered, go_on) = (entering.clone(), going_on.clone());
            async move {
                entered.notify_one();
                go_on.notified().await;
                Ok(synced(0, 1))
            }
        }),
        ..Script::default()
    };
    server
        .with_workers(&script, async |client: Client| {
            let input = repo_input(0, 0, 600, 0);
            let first = notify_repository(&client, input.clone()).await;
            entered.notified().await;
            // All of these come while the first synchronisation runs, and wait for the second.
            for _ in 0..FLOOD / 50 {
                let some = (0..50).map(|_| notify_repository(&client, input.clone()));
                for run in futures::future::join_all(some).await {
                    assert_eq!(run, first);
                }
            }
            go_on.notify_one();
            entered.notified().await;
            let id = repo_sync::workflow_id(&input.tenant, input.repository);
            let handle = client.get_workflow_handle::<RepoSyncWorkflow>(id);
            let described = handle.describe(Default::default()).await.unwrap();
            assert_ne!(described.run_id(), first, "the run did not hand over");
            let history = handle.fetch_history(Default::default()).to_json().await.unwrap();
            let history: serde_json::Value = serde_json::from_slice(&history).unwrap();
            let started =
                &history["events"][0]["attributes"]["WorkflowExecutionStartedEventAttributes"];
            assert_eq!(started["continued_execution_run_id"], first.as_str());
            let input = started["input"]["payloads"][0]["data"].to_string();
            assert_eq!(carried(&input), FLOOD, "{input}");
            go_on.notify_one();
        })
        .await;
}

/// The field `carried` of an input payload, whose data is base64 in a history.
fn carried(data: &str) -> u32 {
    use base64::Engine;
    let data = base64::engine::general_purpose::STANDARD.decode(data.trim_matches('"')).unwrap();
    let input: serde_json::Value = serde_json::from_slice(&data).unwrap();
    input["carried"].as_u64().unwrap() as u32
}
