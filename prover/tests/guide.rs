//! The page for authors says what is true: its examples have the verdicts that it claims.
#![allow(clippy::unwrap_used)]

mod z3;

use std::time::Duration;

use sbh_domain::Verdict;
use sbh_prover::{Kind, Limits, parse};

const GUIDE: &str = include_str!("../../docs/WRITING_INVARIANTS.md");

#[tokio::test]
async fn every_example_has_the_verdict_that_the_page_claims() {
    // Short, because one example is there to run into it.
    let limits = Limits { time: Duration::from_secs(3), ..Limits::default() };
    let pool = z3::pool(1, limits).await;
    let document = parse(Kind::Markdown, GUIDE);
    let mut verdicts = Vec::new();
    for block in &document.invariants {
        let outcome = pool.prove("demo", block.parsed.as_ref().unwrap()).await;
        if let Some(counterexample) = &outcome.counterexample {
            assert!(!counterexample.0.is_empty(), "{}", block.name);
        }
        assert!(block.title.is_some(), "{}", block.name);
        verdicts.push((block.name.as_str(), outcome.verdict));
    }
    let claimed = [
        ("REFUND-1", Verdict::Proved),
        ("REFUND-2", Verdict::Refuted),
        ("DISCOUNT-1", Verdict::Vacuous),
        ("QUOTA-1", Verdict::Proved),
        ("ACCESS-1", Verdict::Proved),
        ("COUNTER-1", Verdict::Refuted),
        ("CUBES-1", Verdict::Timeout),
    ];
    assert_eq!(verdicts, claimed);
}

#[test]
fn the_limits_on_the_page_are_the_limits() {
    let Limits { time, memory_mb, rlimit, .. } = Limits::default();
    assert_eq!(rlimit % 1_000_000, 0);
    let line = format!(
        "| {} seconds, {memory_mb} MB, a resource limit of {},000,000 (",
        time.as_secs(),
        rlimit / 1_000_000
    );
    assert!(GUIDE.contains(&line), "the page does not say {line:?}");
}
