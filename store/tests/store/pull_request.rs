//! Pull requests are judged beside the tracked branch: notices, results, and what was given up.

use std::time::Duration;

use sbh_domain::{InboxId, Verdict, VerdictCounts};
use sbh_store::inbox::Accepted;
use sbh_store::pull_request::{PullJudgement, PullProof};
use serde_json::json;

use crate::fixture::{Fleet, fleet, present, verdict};

pub async fn announce(fleet: &Fleet, number: i64, key: &str) -> InboxId {
    let mut notice = fleet.notice(key);
    notice.pull_number = Some(number);
    match fleet.store.accept(&notice).await.unwrap() {
        Accepted::New(id) => id,
        Accepted::Duplicate(id) => panic!("{key} is the same notice as {id}"),
    }
}

pub fn proof(path: &str, name: &str, verdict: Verdict) -> PullProof {
    PullProof {
        path: path.to_owned(),
        ordinal: 0,
        name: name.to_owned(),
        title: Some("nul\0 title".to_owned()),
        line: 3,
        end_line: 5,
        verdict,
        was: Some(Verdict::Proved),
        counterexample: Some(json!([{ "name": "x", "value": "1" }])),
        reason: None,
        origin: "proved".to_owned(),
    }
}

pub fn judgement(head: &str, proofs: Vec<PullProof>) -> PullJudgement {
    PullJudgement {
        head: head.to_owned(),
        base: "base".to_owned(),
        compared_with: "merge_base",
        baseline: Some("c1".to_owned()),
        documents: 1,
        before: [Verdict::Proved].into_iter().collect(),
        after: [Verdict::Refuted].into_iter().collect(),
        proofs,
        report: json!({ "conclusion": "failure" }),
    }
}

async fn state(fleet: &Fleet, notice: InboxId) -> String {
    fleet.store.inbox_row(&fleet.tenant, notice).await.unwrap().state
}

#[tokio::test]
async fn its_notices_are_no_business_of_a_synchronisation_and_have_a_claim_of_their_own() {
    let fleet = fleet().await;
    let pull = announce(&fleet, 7, "pull").await;
    let push = fleet.accept("push").await;
    let claims = fleet.store.claim_notices(10, Duration::from_secs(60)).await.unwrap();
    let mut claimed: Vec<_> =
        claims.iter().map(|claim| (claim.pull_number, claim.rows.clone())).collect();
    claimed.sort();
    assert_eq!(claimed, [(None, vec![push]), (Some(7), vec![pull])]);
    fleet.push("c1", &[]).await;
    assert_eq!(
        (state(&fleet, push).await, state(&fleet, pull).await),
        ("closed".into(), "open".into())
    );
    assert_eq!(fleet.fail("broken", 1).await, 0, "nor of its failures");
}

#[tokio::test]
async fn a_judgement_is_recorded_with_the_closing_of_what_asked_for_it() {
    let fleet = fleet().await;
    let (store, tenant, repository) = (&fleet.store, &fleet.tenant, fleet.repository);
    let first = announce(&fleet, 7, "one").await;
    let start = store.start_pull(tenant, repository, 7).await.unwrap();
    assert_eq!(start.notices, [first]);
    assert!(!store.pull_moved(tenant, repository, 7).await.unwrap());
    let second = announce(&fleet, 7, "two").await;
    assert!(store.pull_moved(tenant, repository, 7).await.unwrap());
    let proofs = vec![proof("a.md", "A", Verdict::Refuted), proof("b.md", "B", Verdict::Proved)];
    let one = judgement("aaaa", proofs);
    assert_eq!(store.finish_pull(tenant, repository, 7, &one, &start.notices).await.unwrap(), 1);
    assert_eq!(
        (state(&fleet, first).await, state(&fleet, second).await),
        ("closed".into(), "open".into())
    );
    let (shown, proofs) = store.pull_request(tenant, repository, 7, 10).await.unwrap();
    assert_eq!((shown.head.as_str(), shown.after.refuted), ("aaaa", 1));
    assert_eq!((proofs.len(), proofs[0].name.as_str()), (2, "A"), "the worst first");
    assert_eq!(proofs[0].was, Some(Verdict::Proved));

    // The next head replaces it, and repeating changes nothing.
    let start = store.start_pull(tenant, repository, 7).await.unwrap();
    let two = judgement("bbbb", vec![proof("a.md", "A", Verdict::Proved)]);
    for closed in [1, 0] {
        let finished = store.finish_pull(tenant, repository, 7, &two, &start.notices);
        assert_eq!(finished.await.unwrap(), closed);
    }
    let (shown, proofs) = store.pull_request(tenant, repository, 7, 10).await.unwrap();
    assert_eq!((shown.head.as_str(), proofs.len()), ("bbbb", 1));
    let listed = store.pull_requests(tenant, repository, None, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert!(store.pull_requests(tenant, repository, Some(7), 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_judged_is_parked_and_can_be_tried_again() {
    let fleet = fleet().await;
    let (store, tenant, repository) = (&fleet.store, &fleet.tenant, fleet.repository);
    let notice = announce(&fleet, 9, "one").await;
    store.start_pull(tenant, repository, 9).await.unwrap();
    assert_eq!(store.fail_pull(tenant, repository, 9, "gone", 2).await.unwrap(), 0);
    assert_eq!(store.fail_pull(tenant, repository, 9, "gone", 2).await.unwrap(), 1);
    assert_eq!(state(&fleet, notice).await, "parked");
    store.retry_notice(tenant, "ada", notice).await.unwrap();
    assert!(store.pull_moved(tenant, repository, 9).await.unwrap());
    let start = store.start_pull(tenant, repository, 9).await.unwrap();
    assert_eq!(start.notices, [notice]);
}

#[tokio::test]
async fn the_baseline_has_the_verdicts_that_count_and_names_of_other_documents_are_found() {
    let fleet = fleet().await;
    let (store, tenant, repository) = (&fleet.store, &fleet.tenant, fleet.repository);
    fleet.push("c1", &[present("a.md", "a"), present("b.md", "b")]).await;
    let (a, b) = (fleet.document("a.md").await, fleet.document("b.md").await);
    let both = [verdict(0, "A", Verdict::Proved), verdict(1, "S", Verdict::Proved)];
    fleet.prove(a, Some("a"), &both).await;
    fleet.prove(b, Some("b"), &[verdict(0, "S", Verdict::Proved)]).await;
    let paths = ["a.md".to_owned(), "new.md".to_owned()];
    let baseline = store.pull_baseline(tenant, repository, &paths).await.unwrap();
    assert_eq!(baseline.commit.as_deref(), Some("c1"));
    // A name that two documents have is an error in both.
    let expected: VerdictCounts =
        [Verdict::Proved, Verdict::Error, Verdict::Error].into_iter().collect();
    assert_eq!(baseline.counts, expected);
    let [document] = baseline.documents.as_slice() else { panic!("{baseline:?}") };
    let counted: Vec<_> =
        document.invariants.iter().map(|(own, effective)| (own.verdict, *effective)).collect();
    assert_eq!(counted, [(Verdict::Proved, Verdict::Proved), (Verdict::Proved, Verdict::Error)]);
    let names = ["S".to_owned(), "A".to_owned()];
    let found = store.names_elsewhere(tenant, repository, &names, &[a]).await.unwrap();
    assert_eq!(found, [("S".to_owned(), Verdict::Error)]);
}
