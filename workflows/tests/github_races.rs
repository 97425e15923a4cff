//! No notice about a pull request and no due check run is ever lost: not at a run's completion, and not
//! while GitHub asks to be left alone.

#![allow(clippy::disallowed_methods, reason = "no workflow code: it waits")]
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sbh_workflows::check_run::{PostInput, PostOutcome};
use sbh_workflows::pull_request::{JudgeInput, JudgeOutcome};
use support::github::{
    GitHubScript, check_input, notify_checks, notify_pull, pull_input, with_workers,
};
use support::server::Server;
use support::stand_in::doing;
use tokio::sync::Notify;

const ENTITIES: u64 = 10;
const ROUNDS: u64 = 15;
/// Far more than one notice takes; nobody gives notice again here.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the store is to the real activities: what lies open, for each entity.
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

    async fn is_taken(&self, entity: u64) {
        while self.notices[entity as usize].load(Ordering::SeqCst) > 0 {
            tokio::time::timeout(PATIENCE, self.taken[entity as usize].notified())
                .await
                .expect("a notice is lost");
        }
    }
}

/// Gives notice again and again about when the run that took the one before completes.
async fn race<F: Future<Output = String>>(open: &Open, notify: impl Fn(u64) -> F) {
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
    let runs = runs.into_iter().flatten().collect::<BTreeSet<_>>().len() as u64;
    assert!(runs > ENTITIES, "no run completed between two notices");
    assert!(runs < ENTITIES * ROUNDS, "no notice found a run");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_at_a_pull_request_s_completion_is_not_lost() {
    let server = Server::start().await;
    let open = Open::new();
    let seen = open.clone();
    let script = GitHubScript {
        judge: doing(move |input: JudgeInput| {
            let notices = seen.take(input.number as u64);
            async move { Ok(JudgeOutcome { notices, ..JudgeOutcome::default() }) }
        }),
        ..GitHubScript::default()
    };
    with_workers(&server, &script, async |client| {
        race(&open, |entity| {
            let client = client.clone();
            async move { notify_pull(&client, pull_input(0, 0, 0, entity as i64)).await }
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_run_at_a_run_s_completion_is_not_lost() {
    let server = Server::start().await;
    let open = Open::new();
    let seen = open.clone();
    let script = GitHubScript {
        post: doing(move |input: PostInput| {
            let posted = seen.take(input.repository.0.as_u128() as u64);
            async move { Ok(PostOutcome { posted, ..PostOutcome::default() }) }
        }),
        ..GitHubScript::default()
    };
    with_workers(&server, &script, async |client| {
        race(&open, |entity| {
            let client = client.clone();
            async move { notify_checks(&client, check_input(0, entity.into())).await }
        })
        .await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_due_while_github_is_left_alone_is_told_after_that() {
    let server = Server::start().await;
    let (looks, looked) = (Arc::new(AtomicU64::new(0)), Arc::new(Notify::new()));
    let (counted, telling) = (looks.clone(), looked.clone());
    let script = GitHubScript {
        post: doing(move |_: PostInput| {
            let look = counted.fetch_add(1, Ordering::SeqCst);
            telling.notify_one();
            async move {
                Ok(match look {
                    0 => PostOutcome { retry_after_s: Some(2), ..PostOutcome::default() },
                    _ => PostOutcome { posted: 2, ..PostOutcome::default() },
                })
            }
        }),
        ..GitHubScript::default()
    };
    with_workers(&server, &script, async |client| {
        notify_checks(&client, check_input(600, 1)).await;
        tokio::time::timeout(PATIENCE, looked.notified()).await.unwrap();
        // All of these come while it waits, and are one look.
        for _ in 0..20 {
            notify_checks(&client, check_input(600, 1)).await;
        }
        tokio::time::timeout(PATIENCE, looked.notified()).await.expect("the wait ends");
        assert_eq!(looks.load(Ordering::SeqCst), 2, "signals shorten no wait");
    })
    .await;
}
