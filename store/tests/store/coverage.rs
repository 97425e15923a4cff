//! Coverage: deltas and totals are what counting anew gives, whatever happens in between.

use std::sync::atomic::{AtomicBool, Ordering};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use sbh_domain::{Digest, Verdict, VerdictCounts};

use crate::fixture::{Fleet, absent, fleet, present, run, verdict};

async fn assert_deltas_are_the_recount(fleet: &Fleet) {
    let counted = fleet.store.recount_coverage(&fleet.tenant).await.unwrap();
    let mut added: Vec<_> = fleet.store.coverage(&fleet.tenant).await.unwrap();
    added.sort_by_key(|coverage| coverage.repository);
    let added: Vec<_> =
        added.iter().map(|coverage| (coverage.repository, coverage.counts)).collect();
    assert_eq!(added, counted);
}

#[tokio::test]
async fn documents_are_counted_too() {
    let fleet = fleet().await;
    let changes = [present("a.md", "a1"), present("b.md", "b1"), present("c.md", "c1")];
    fleet.push("c1", &changes).await;
    let (a, b) = (fleet.document("a.md").await, fleet.document("b.md").await);
    fleet.prove(a, Some("a1"), &[verdict(0, "A", Verdict::Proved)]).await;
    fleet.prove(b, Some("b1"), &[]).await;
    let coverage = fleet.store.coverage_of(&fleet.tenant, fleet.repository).await.unwrap();
    let counts = (coverage.documents, coverage.documents_without_invariants, coverage.drifted);
    assert_eq!(counts, (3, 1, 1));
    assert_eq!((coverage.name.as_str(), coverage.counts.proved), ("specs", 1));
    fleet.push("c2", &[absent("c.md"), absent("b.md")]).await;
    let coverage = fleet.store.coverage_of(&fleet.tenant, fleet.repository).await.unwrap();
    let counts = (coverage.documents, coverage.documents_without_invariants, coverage.drifted);
    assert_eq!(counts, (1, 0, 1), "c was never recorded, b is still to be recorded as gone");
}

#[tokio::test]
async fn folding_changes_no_sum() {
    let fleet = fleet().await;
    let mut expected = VerdictCounts::default();
    for n in 0..30 {
        let path = format!("{n}.md");
        fleet.push(&path, &[present(&path, &path)]).await;
        let document = fleet.document(&path).await;
        let judged = Verdict::ALL[n % 8];
        fleet.prove(document, Some(&path), &[verdict(0, &path, judged)]).await;
        expected.add(judged, 1);
    }
    for folded in [30, 0] {
        assert_eq!(fleet.store.fold_coverage().await.unwrap(), folded);
        let coverage = fleet.store.coverage_of(&fleet.tenant, fleet.repository).await.unwrap();
        assert_eq!(coverage.counts, expected);
    }
}

/// One step of a random life of two documents and their repository.
#[derive(Clone, Debug)]
enum Step {
    Record { document: usize, names: Vec<(u8, usize)> },
    Delete { document: usize },
    Remove,
    Restore,
    Fold,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3usize, proptest::collection::vec((0..4u8, 0..8usize), 0..5))
            .prop_map(|(document, names)| Step::Record { document, names }),
        2 => (0..3usize).prop_map(|document| Step::Delete { document }),
        1 => Just(Step::Remove),
        1 => Just(Step::Restore),
        1 => Just(Step::Fold),
    ]
}

#[test]
fn deltas_are_the_recount_after_any_life() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let config = Config { cases: 12, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config);
    runner
        .run(&proptest::collection::vec(step(), 1..16), |steps| {
            runtime.block_on(live(steps));
            Ok(())
        })
        .unwrap();
}

async fn live(steps: Vec<Step>) {
    let fleet = fleet().await;
    let (store, tenant, repository) = (&fleet.store, &fleet.tenant, fleet.repository);
    let mut removed = false;
    for (n, step) in steps.into_iter().enumerate() {
        match step {
            Step::Remove => {
                store.remove_repository(tenant, "ada", repository).await.unwrap();
                removed = true;
            }
            Step::Restore => {
                store.restore_repository(tenant, "ada", repository).await.unwrap();
                removed = false;
            }
            Step::Fold => {
                store.fold_coverage().await.unwrap();
            }
            Step::Record { document, names } => {
                let path = format!("{document}.md");
                let text = format!("text {n}");
                if !removed {
                    fleet.push(&format!("c{n}"), &[present(&path, &text)]).await;
                }
                let all = store.documents(tenant, repository, None, 9).await.unwrap();
                let Some(found) = all.iter().find(|found| found.path == path) else { continue };
                let verdicts: Vec<_> = (0..)
                    .zip(&names)
                    .map(|(ordinal, (name, judged))| {
                        verdict(ordinal, &format!("N{name}"), Verdict::ALL[*judged])
                    })
                    .collect();
                // Under a removed repository: what was observed last is proved once more.
                let Some(hash) = found.observed else { continue };
                store.stage_verdicts(tenant, found.id, hash, &verdicts).await.unwrap();
                let total = u32::try_from(verdicts.len()).unwrap();
                store.record(tenant, found.id, Some(hash), total, &run()).await.unwrap();
            }
            Step::Delete { document } => {
                let path = format!("{document}.md");
                let all = store.documents(tenant, repository, None, 9).await.unwrap();
                let found = all.iter().find(|found| found.path == path && found.observed.is_some());
                let (Some(found), false) = (found, removed) else { continue };
                fleet.push(&format!("c{n}"), &[absent(&path)]).await;
                store.record(tenant, found.id, None, 0, &run()).await.unwrap();
            }
        }
        assert_deltas_are_the_recount(&fleet).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folding_while_eight_record_loses_nothing() {
    let fleet = fleet().await;
    let paths: Vec<_> = (0..8).map(|n| format!("{n}.md")).collect();
    let changes: Vec<_> = paths.iter().map(|path| present(path, path)).collect();
    fleet.push("c1", &changes).await;
    static DONE: AtomicBool = AtomicBool::new(false);
    let mut folders = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let (store, tenant, repository) =
            (fleet.store.clone(), fleet.tenant.clone(), fleet.repository);
        folders.spawn(async move {
            let mut folded = 0;
            while !DONE.load(Ordering::SeqCst) {
                folded += store.fold_coverage().await.unwrap();
                // A reader never sees a delta twice or not at all: no count is below nothing, and
                // no document has more than its two invariants.
                let counts = store.coverage_of(&tenant, repository).await.unwrap().counts;
                assert!((0..=16).contains(&counts.total()), "{counts:?}");
            }
            folded
        });
    }
    let mut writers = tokio::task::JoinSet::new();
    for path in paths {
        let document = fleet.document(&path).await;
        let (store, tenant) = (fleet.store.clone(), fleet.tenant.clone());
        writers.spawn(async move {
            let hash = Digest::of(&path);
            for round in 0..20 {
                let own = verdict(0, &path, Verdict::ALL[round % 8]);
                let shared = verdict(1, &format!("SHARED-{}", round % 3), Verdict::Proved);
                store.stage_verdicts(&tenant, document, hash, &[own, shared]).await.unwrap();
                store.record(&tenant, document, Some(hash), 2, &run()).await.unwrap();
            }
        });
    }
    writers.join_all().await;
    DONE.store(true, Ordering::SeqCst);
    let folded: u64 = folders.join_all().await.into_iter().sum();
    assert!(folded > 0, "nothing was folded while recording");
    assert_deltas_are_the_recount(&fleet).await;
    fleet.store.fold_coverage().await.unwrap();
    assert_deltas_are_the_recount(&fleet).await;
}
