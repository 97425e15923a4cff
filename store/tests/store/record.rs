//! Recording: the history of verdicts, repetitions, re-proofs, large documents.

use sbh_domain::{Assumption, Digest, ProofDetail, Verdict};
use sbh_store::StoreError;
use sbh_store::spec_drift::StagedVerdict;

use crate::fixture::{Fleet, fleet, present, run, verdict};

async fn history(fleet: &Fleet) -> Vec<String> {
    sqlx::query_scalar("SELECT name || ' ' || verdict FROM proof_results ORDER BY id")
        .fetch_all(&mut fleet.database.admin().await)
        .await
        .unwrap()
}

#[tokio::test]
async fn what_was_staged_is_what_is_shown() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    let proof = fleet.store.document_for_proof(&fleet.tenant, a).await.unwrap();
    assert_eq!((proof.path.as_str(), proof.text.as_deref()), ("a.md", Some("a1")));
    assert_eq!((proof.observed, proof.recorded), (Some(Digest::of("a1")), None));

    let hostile = StagedVerdict {
        name: "nul\0name".to_owned(),
        form: None,
        statement: None,
        statement_hash: None,
        reason: Some("line 3: \0".to_owned()),
        counterexample: Some(serde_json::json!([{ "name": "s", "value": "\0" }])),
        ..verdict(1, "B", Verdict::Error)
    };
    let detail = ProofDetail {
        prover: Some("z3 5.4.0".to_owned()),
        assumptions: Some(vec![Assumption { text: "(> x \"\0\")".to_owned(), used: false }]),
        ..ProofDetail::default()
    };
    let refuted = StagedVerdict { detail: detail.clone(), ..verdict(0, "A", Verdict::Refuted) };
    let verdicts = [refuted, hostile];
    let run = run();
    for _repeated in 0..2 {
        fleet.store.stage_verdicts(&fleet.tenant, a, Digest::of("a1"), &verdicts).await.unwrap();
    }
    assert_eq!(fleet.store.document(&fleet.tenant, a).await.unwrap().staged, 2);
    let hash = Some(Digest::of("a1"));
    let recorded = fleet.store.record(&fleet.tenant, a, hash, 2, &run).await.unwrap();
    assert_eq!((recorded.after.refuted, recorded.after.error), (1, 1));

    let document = fleet.store.document(&fleet.tenant, a).await.unwrap();
    assert_eq!((document.counts, document.staged), (recorded.after, 0));
    assert_eq!(document.run, Some((run.workflow_id, run.run_id)));
    assert!(document.drifted_at.is_none() && document.recorded_at.is_some());
    let shown = fleet.store.invariants(&fleet.tenant, a, None, 1).await.unwrap();
    let (ordinal, first) = &shown[0];
    assert_eq!((*ordinal, first.name.as_str(), first.verdict), (0, "A", Verdict::Refuted));
    assert_eq!((first.line, first.story.as_deref(), first.duration_ms), (1, Some("PAY-12"), 3.5));
    assert_eq!(first.counterexample, verdicts[0].counterexample);
    let next = fleet.store.invariants(&fleet.tenant, a, Some(*ordinal), 10).await.unwrap();
    assert_eq!((next.len(), next[0].1.name.as_str()), (1, "nul\u{fffd}name"));
    assert_eq!(next[0].1.counterexample, verdicts[1].counterexample);
    assert_eq!((&first.detail, next[0].1.detail.is_empty()), (&detail, true));
    let recorded = fleet.store.document_for_proof(&fleet.tenant, a).await.unwrap();
    assert_eq!(recorded.invariants[0].detail, detail);
}

#[tokio::test]
async fn a_repetition_changes_nothing() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    let first = fleet.prove(a, Some("a1"), &[verdict(0, "A", Verdict::Proved)]).await;
    let entries = fleet.store.audit(&fleet.tenant, None, 100).await.unwrap().len();
    let hash = Some(Digest::of("a1"));
    let again = fleet.store.record(&fleet.tenant, a, hash, 1, &run()).await.unwrap();
    assert_eq!((again.before, again.after, again.stale), (first.after, first.after, false));
    assert_eq!(history(&fleet).await, ["A proved"]);
    assert_eq!(fleet.store.audit(&fleet.tenant, None, 100).await.unwrap().len(), entries);
    assert_eq!(fleet.store.fold_coverage().await.unwrap(), 1);
}

#[tokio::test]
async fn proving_again_is_recorded_when_the_verdict_is_another() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    for judged in [Verdict::Timeout, Verdict::Timeout, Verdict::Proved, Verdict::Timeout] {
        let recorded = fleet.prove(a, Some("a1"), &[verdict(0, "A", judged)]).await;
        assert_eq!(recorded.after.of(judged), 1);
    }
    assert_eq!(history(&fleet).await, ["A timeout", "A proved", "A timeout"]);
}

#[tokio::test]
async fn a_content_that_comes_back_adds_no_equal_results() {
    let fleet = fleet().await;
    for (commit, text) in [("c1", "a1"), ("c2", "a2"), ("c3", "a1")] {
        fleet.push(commit, &[present("a.md", text)]).await;
        let a = fleet.document("a.md").await;
        fleet.prove(a, Some(text), &[verdict(0, "A", Verdict::Proved)]).await;
    }
    assert_eq!(history(&fleet).await, ["A proved", "A proved"]);
}

#[tokio::test]
async fn too_few_staged_verdicts_are_refused() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    let hash = Digest::of("a1");
    let verdicts = [verdict(0, "A", Verdict::Proved)];
    fleet.store.stage_verdicts(&fleet.tenant, a, hash, &verdicts).await.unwrap();
    let refused = fleet.store.record(&fleet.tenant, a, Some(hash), 2, &run()).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    fleet.store.clear_staged(&fleet.tenant, a).await.unwrap();
    let refused = fleet.store.record(&fleet.tenant, a, Some(hash), 1, &run()).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    assert!(history(&fleet).await.is_empty());
}

#[tokio::test]
async fn an_unchanged_verdict_keeps_its_time_when_its_block_moves() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    fleet.prove(a, Some("a1"), &[verdict(0, "A", Verdict::Proved)]).await;
    let before = fleet.store.invariants(&fleet.tenant, a, None, 9).await.unwrap();
    fleet.push("c2", &[present("a.md", "a2")]).await;
    let verdicts = [verdict(0, "NEW", Verdict::Proved), verdict(1, "A", Verdict::Proved)];
    fleet.prove(a, Some("a2"), &verdicts).await;
    let after = fleet.store.invariants(&fleet.tenant, a, None, 9).await.unwrap();
    assert_eq!((after[1].0, after[1].1.line), (1, 11));
    assert_eq!(after[1].1.recorded_at, before[0].1.recorded_at);
    assert!(after[0].1.recorded_at > before[0].1.recorded_at);
}

#[tokio::test]
async fn ten_thousand_invariants_are_recorded_in_one_go() {
    let fleet = fleet().await;
    let row = fleet.accept("push-1").await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    let mut verdicts: Vec<_> =
        (0..10_000).map(|n| verdict(n, &format!("INV-{n}"), Verdict::Proved)).collect();
    for chunk in verdicts.chunks(500) {
        fleet.store.stage_verdicts(&fleet.tenant, a, Digest::of("a1"), chunk).await.unwrap();
    }
    let hash = Some(Digest::of("a1"));
    let recorded = fleet.store.record(&fleet.tenant, a, hash, 10_000, &run()).await.unwrap();
    assert_eq!((recorded.after.proved, recorded.closed), (10_000, 1));
    assert_eq!(fleet.state(row).await, "closed: recorded");

    // One block changes: one row is written anew.
    let version = "SELECT count(DISTINCT xmin::text) FROM invariants";
    fleet.push("c2", &[present("a.md", "a2")]).await;
    verdicts[5_000].verdict = Verdict::Refuted;
    let recorded = fleet.prove(a, Some("a2"), &verdicts).await;
    assert_eq!((recorded.after.proved, recorded.after.refuted), (9_999, 1));
    let mut admin = fleet.database.admin().await;
    let written: i64 = sqlx::query_scalar(version).fetch_one(&mut admin).await.unwrap();
    assert_eq!(written, 2);
    let counts = fleet.store.coverage_of(&fleet.tenant, fleet.repository).await.unwrap().counts;
    assert_eq!(counts, recorded.after);
}
