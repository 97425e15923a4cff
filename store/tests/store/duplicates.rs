//! Two blocks of a repository with one name are an error in both, for as long as there are two.

use sbh_domain::{Verdict, VerdictCounts};

use crate::fixture::{Fleet, absent, fleet, present, verdict};

async fn pair() -> (Fleet, sbh_domain::DocumentId, sbh_domain::DocumentId) {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1"), present("b.md", "b1")]).await;
    let (a, b) = (fleet.document("a.md").await, fleet.document("b.md").await);
    let verdicts = [verdict(0, "SAME", Verdict::Proved), verdict(1, "A", Verdict::Proved)];
    let recorded = fleet.prove(a, Some("a1"), &verdicts).await;
    assert_eq!((recorded.before.total(), recorded.after.proved), (0, 2));
    (fleet, a, b)
}

async fn effective(fleet: &Fleet, document: sbh_domain::DocumentId) -> Vec<Verdict> {
    let rows = fleet.store.invariants(&fleet.tenant, document, None, 10).await.unwrap();
    rows.into_iter().map(|(_, invariant)| invariant.verdict).collect()
}

async fn counts(fleet: &Fleet) -> VerdictCounts {
    let counts = fleet.store.coverage_of(&fleet.tenant, fleet.repository).await.unwrap().counts;
    let anew = fleet.store.recount_coverage(&fleet.tenant).await.unwrap();
    assert_eq!(anew, [(fleet.repository, counts)]);
    counts
}

#[tokio::test]
async fn a_name_in_two_documents_is_an_error_in_both_until_one_goes() {
    let (fleet, a, b) = pair().await;
    let recorded = fleet.prove(b, Some("b1"), &[verdict(0, "SAME", Verdict::Refuted)]).await;
    assert_eq!(recorded.after.error, 1);
    assert_eq!(effective(&fleet, a).await, [Verdict::Error, Verdict::Proved]);
    assert_eq!(effective(&fleet, b).await, [Verdict::Error]);
    assert_eq!((counts(&fleet).await.error, counts(&fleet).await.proved), (2, 1));
    let shown = fleet.store.invariants(&fleet.tenant, b, None, 10).await.unwrap();
    assert!(shown[0].1.reason.as_deref().unwrap().contains("SAME"));
    assert!(shown[0].1.counterexample.is_none());
    // A new proof reuses the own verdicts.
    let proof = fleet.store.document_for_proof(&fleet.tenant, b).await.unwrap();
    assert_eq!(proof.invariants[0].verdict, Verdict::Refuted);

    fleet.push("c2", &[absent("a.md")]).await;
    fleet.prove(a, None, &[]).await;
    assert_eq!(effective(&fleet, b).await, [Verdict::Refuted]);
    assert_eq!((counts(&fleet).await.refuted, counts(&fleet).await.total()), (1, 1));
}

#[tokio::test]
async fn renaming_one_block_frees_the_other() {
    let (fleet, a, b) = pair().await;
    fleet.prove(b, Some("b1"), &[verdict(0, "SAME", Verdict::Refuted)]).await;
    fleet.push("c2", &[present("b.md", "b2")]).await;
    fleet.prove(b, Some("b2"), &[verdict(0, "OTHER", Verdict::Refuted)]).await;
    assert_eq!(effective(&fleet, a).await, [Verdict::Proved, Verdict::Proved]);
    assert_eq!(effective(&fleet, b).await, [Verdict::Refuted]);
    assert_eq!((counts(&fleet).await.proved, counts(&fleet).await.refuted), (2, 1));
}

#[tokio::test]
async fn a_name_twice_in_one_document_is_an_error_in_both() {
    let (fleet, a, b) = pair().await;
    let verdicts = [verdict(0, "X", Verdict::Proved), verdict(1, "X", Verdict::Proved)];
    let recorded = fleet.prove(b, Some("b1"), &verdicts).await;
    assert_eq!((recorded.after.error, recorded.after.total()), (2, 2));
    assert_eq!(counts(&fleet).await.error, 2);
    fleet.push("c2", &[present("b.md", "b2")]).await;
    fleet.prove(b, Some("b2"), &verdicts[..1]).await;
    assert_eq!(effective(&fleet, b).await, [Verdict::Proved]);
    assert_eq!(effective(&fleet, a).await.len(), 2);
    assert_eq!(counts(&fleet).await.proved, 3);
}

#[tokio::test]
async fn the_same_name_in_another_repository_is_no_duplicate() {
    let (fleet, a, _) = pair().await;
    let store = fleet.store.clone();
    let repository = crate::fixture::add_repository(&store, &fleet.tenant, "more").await;
    let other = Fleet { repository, ..fleet };
    other.push("c1", &[present("a.md", "a1")]).await;
    let twin = other.document("a.md").await;
    other.prove(twin, Some("a1"), &[verdict(0, "SAME", Verdict::Proved)]).await;
    assert_eq!(effective(&other, a).await, [Verdict::Proved, Verdict::Proved]);
    assert_eq!(effective(&other, twin).await, [Verdict::Proved]);
}

#[tokio::test]
async fn concurrent_recordings_of_one_name_agree() {
    let fleet = fleet().await;
    for round in 0..6 {
        let paths: Vec<_> = (0..6).map(|n| format!("{n}.md")).collect();
        let text = format!("text {round}");
        let changes: Vec<_> = paths.iter().map(|path| present(path, &text)).collect();
        fleet.push(&format!("c{round}"), &changes).await;
        let mut documents = Vec::new();
        for path in &paths {
            documents.push(fleet.document(path).await);
        }
        // In even rounds all hold the name, in odd ones only one does.
        let proofs = documents.iter().enumerate().map(|(n, document)| {
            let name = if round % 2 == 0 || n == 0 { "SAME".to_owned() } else { format!("N{n}") };
            let (fleet, text) = (&fleet, &text);
            async move {
                let verdicts = [
                    verdict(0, &name, Verdict::Proved),
                    verdict(1, &format!("O{n}"), Verdict::Proved),
                ];
                fleet.prove(*document, Some(text), &verdicts).await
            }
        });
        futures::future::join_all(proofs).await;
        let expected = if round % 2 == 0 { (6, 6) } else { (12, 0) };
        let counts = counts(&fleet).await;
        assert_eq!((counts.proved, counts.error), expected);
    }
}
