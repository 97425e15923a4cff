//! How the pool keeps, shares out and ends its processes.
#![allow(clippy::unwrap_used)]

mod z3;

use std::path::PathBuf;
use std::time::Duration;

use sbh_domain::Verdict;
use sbh_prover::{Invariant, Kind, Limits, Pool, PoolConfig, PoolError, parse};

const ENDLESS: &str = "(declare-const x Int)(declare-const y Int)(declare-const z Int)
     (define-fun invariant () Bool (distinct (+ (* x x x) (* y y y) (* z z z)) 114))";

fn invariant(claim: &str) -> Invariant {
    Invariant::parse(&format!("(declare-const x Int)(define-fun invariant () Bool {claim})"), 1)
        .unwrap()
}

#[tokio::test]
async fn a_process_is_reused_by_its_tenant_and_by_nobody_else() {
    let pool = z3::pool(2, Limits::default()).await;
    for tenant in ["a", "a", "b", "a", "b"] {
        assert_eq!(pool.prove(tenant, &invariant("(= x x)")).await.verdict, Verdict::Proved);
    }
    let stats = pool.stats();
    assert_eq!((stats.spawned, stats.reused, stats.running, stats.retired), (2, 3, 2, 0));
    // A third tenant has to be made room for: the one that has waited longest goes.
    pool.prove("c", &invariant("(= x x)")).await;
    pool.prove("b", &invariant("(= x x)")).await;
    let stats = pool.stats();
    assert_eq!((stats.spawned, stats.reused, stats.running, stats.retired), (3, 4, 2, 1));
    assert_eq!((stats.replaced, stats.verdicts.proved), (0, 7));
}

#[tokio::test]
async fn a_block_of_another_language_is_not_judged_by_z3() {
    let pool = z3::pool(1, Limits::default()).await;
    let text = "```dafny\n// invariant: D-1\nlemma L() {}\n```\n";
    let document = parse(Kind::Markdown, text);
    let outcome = pool.prove("a", document.invariants[0].parsed.as_ref().unwrap()).await;
    assert_eq!(outcome.verdict, Verdict::NotRun, "{outcome:?}");
    assert!(outcome.reason.unwrap().contains("dafny"));
}

#[tokio::test]
async fn no_more_processes_run_than_there_are_places() {
    let pool = z3::pool(2, Limits::default()).await;
    let proofs = (0..40).map(|n| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let outcome =
                pool.prove(&format!("t{}", n % 3), &invariant(&format!("(< x (+ x {n} 1))"))).await;
            (outcome.verdict, pool.stats().running)
        })
    });
    for proof in proofs.collect::<Vec<_>>() {
        let (verdict, running) = proof.await.unwrap();
        assert_eq!(verdict, Verdict::Proved);
        assert!(running <= 2, "{running} processes");
    }
}

#[tokio::test]
async fn a_proof_that_is_given_up_takes_its_process_along() {
    let limits = Limits { time: Duration::from_secs(60), rlimit: 0, ..Limits::default() };
    let pool = z3::pool(1, limits).await;
    let endless = Invariant::parse(ENDLESS, 1).unwrap();
    let proof = pool.prove("demo", &endless);
    let given_up = tokio::time::timeout(Duration::from_millis(300), proof).await;
    assert!(given_up.is_err());
    assert_eq!((pool.stats().running, pool.stats().replaced), (0, 1));
    assert_eq!(pool.prove("demo", &invariant("(= x x)")).await.verdict, Verdict::Proved);
}

#[tokio::test]
async fn the_key_changes_with_everything_that_could_change_the_verdict() {
    let pool = z3::pool(1, Limits::default()).await;
    let key = pool.cache_key("a", &invariant("(> x 1)"));
    assert_eq!(key, pool.cache_key("a", &invariant("(>  x ; the same\n 1)")));
    let mut keys = vec![
        key,
        pool.cache_key("b", &invariant("(> x 1)")),
        pool.cache_key("a", &invariant("(> x 2)")),
    ];
    for limits in [
        Limits { time: Duration::from_secs(11), ..Limits::default() },
        Limits { memory_mb: 513, ..Limits::default() },
        Limits { rlimit: 1, ..Limits::default() },
        Limits { seed: 1, ..Limits::default() },
    ] {
        keys.push(z3::pool(1, limits).await.cache_key("a", &invariant("(> x 1)")));
    }
    let count = keys.len();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), count);
}

#[tokio::test]
async fn only_a_z3_binary_will_do() {
    let start = |z3: &str| {
        Pool::start(PoolConfig { z3: PathBuf::from(z3), size: 1, limits: Limits::default() })
    };
    assert!(matches!(start("/nowhere/z3").await, Err(PoolError::Unreadable { .. })));
    assert!(matches!(start("no-such-program-here").await, Err(PoolError::Unreadable { .. })));
    assert!(matches!(start("/bin/true").await, Err(PoolError::NotZ3 { .. })));
    let pool = z3::pool(1, Limits::default()).await;
    assert!(pool.prover().starts_with("z3 "), "{}", pool.prover());
}
