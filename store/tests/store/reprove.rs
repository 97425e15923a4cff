//! Requests to prove a document again.

use std::time::Duration;

use sbh_domain::{DocumentId, InboxId, Verdict};
use sbh_store::StoreError;
use sbh_store::reprove::NewReprove;

use crate::fixture::{Fleet, fleet, present, verdict};

const LONG: Duration = Duration::from_secs(600);

/// A document whose content is recorded.
async fn recorded() -> (Fleet, DocumentId) {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    fleet.prove(a, Some("a1"), &[verdict(0, "A", Verdict::Proved)]).await;
    (fleet, a)
}

async fn request(fleet: &Fleet, document: DocumentId, force: bool) -> InboxId {
    let new = NewReprove {
        tenant: fleet.tenant.clone(),
        document,
        actor: "ada".to_owned(),
        force,
        trace: None,
    };
    fleet.store.request_reprove(&new).await.unwrap()
}

#[tokio::test]
async fn a_request_is_claimed_for_its_document_and_read_by_no_synchronisation() {
    let (fleet, a) = recorded().await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    let row = request(&fleet, a, true).await;
    let notice = fleet.accept("push").await;
    // Its caller is telling the workflow.
    let claims = store.claim_notices(10, LONG).await.unwrap();
    assert_eq!(claims.iter().map(|claim| claim.rows.clone()).collect::<Vec<_>>(), [[notice]]);
    // That failed.
    store.release_reprove(tenant, row).await.unwrap();
    let claims = store.claim_notices(10, LONG).await.unwrap();
    assert_eq!((claims[0].document, claims[0].rows.as_slice()), (Some(a), [row].as_slice()));
    // Its caller died, or nobody took it up.
    let claims = store.claim_notices(10, Duration::ZERO).await.unwrap();
    let documents: Vec<_> = claims.iter().map(|claim| claim.document).collect();
    assert_eq!(documents, [Some(a), None], "one claim for each workflow");

    let start = store.start_sync(tenant, fleet.repository).await.unwrap();
    assert_eq!(start.notices, [notice]);
    fleet.push("c2", &[]).await;
    assert_eq!(fleet.state(row).await, "open");
    assert_eq!(store.inbox_row(tenant, row).await.unwrap().document, Some(a));
}

#[tokio::test]
async fn only_a_proof_that_began_after_the_request_answers_it() {
    let (fleet, a) = recorded().await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    // A proof is under way, and is recorded.
    assert!(!store.take_reproves(tenant, a).await.unwrap());
    let row = request(&fleet, a, true).await;
    assert!(!store.taken_reproves(tenant, a).await.unwrap());
    let done = fleet.prove(a, Some("a1"), &[verdict(0, "A", Verdict::Proved)]).await;
    assert_eq!((done.closed, fleet.state(row).await.as_str()), (0, "open"));
    // The next one takes it up, and knows so in all its parts.
    assert!(store.take_reproves(tenant, a).await.unwrap());
    assert!(store.taken_reproves(tenant, a).await.unwrap());
    let later = request(&fleet, a, true).await;
    assert_ne!(later, row, "what is taken stands for nothing that comes later");
    let done = fleet.prove(a, Some("a1"), &[verdict(0, "A", Verdict::Proved)]).await;
    assert_eq!((done.closed, fleet.state(row).await.as_str()), (1, "closed: recorded"));
    assert_eq!(fleet.state(later).await, "open");
}

#[tokio::test]
async fn a_proof_that_finds_nothing_to_do_answers_as_well() {
    let (fleet, a) = recorded().await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    let row = request(&fleet, a, false).await;
    assert_eq!(store.close_reproves(tenant, a).await.unwrap(), 0, "it is not taken");
    assert!(!store.take_reproves(tenant, a).await.unwrap());
    assert_eq!(store.close_reproves(tenant, a).await.unwrap(), 1);
    assert_eq!(fleet.state(row).await, "closed: unchanged");
    // A document that claims nothing has no verdicts to record.
    fleet.push("c2", &[present("a.md", "a2")]).await;
    fleet.prove(a, Some("a2"), &[]).await;
    let row = request(&fleet, a, true).await;
    store.take_reproves(tenant, a).await.unwrap();
    assert_eq!(fleet.prove(a, Some("a2"), &[]).await.closed, 1);
    assert_eq!(fleet.state(row).await, "closed: unchanged");
}

#[tokio::test]
async fn a_request_that_waits_is_one_and_never_weaker_than_it_was() {
    let (fleet, a) = recorded().await;
    let weak = request(&fleet, a, false).await;
    assert_eq!(request(&fleet, a, false).await, weak);
    let strong = request(&fleet, a, true).await;
    assert_ne!(strong, weak);
    assert_eq!(request(&fleet, a, true).await, strong);
    assert!(fleet.store.take_reproves(&fleet.tenant, a).await.unwrap());
}

#[tokio::test]
async fn poison_is_parked_and_tried_again_by_hand() {
    let (fleet, a) = recorded().await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    let notice = fleet.accept("push").await;
    let row = request(&fleet, a, true).await;
    store.take_reproves(tenant, a).await.unwrap();
    assert_eq!(store.fail_reproves(tenant, a, "no text", 2).await.unwrap(), 0);
    assert_eq!(store.fail_reproves(tenant, a, "no text", 2).await.unwrap(), 1);
    assert_eq!(fleet.state(row).await, "parked: no text");
    assert_eq!(fleet.state(notice).await, "open", "another workflow's");
    fleet.fail("no route", 1).await;
    // What a proof without force records is no answer to a request with force.
    fleet.prove(a, Some("a1"), &[verdict(0, "A", Verdict::Proved)]).await;
    assert_eq!(fleet.state(row).await, "parked: no text");
    store.retry_notice(tenant, "ada", row).await.unwrap();
    assert_eq!(fleet.state(row).await, "open");
    assert!(!store.taken_reproves(tenant, a).await.unwrap(), "a proof must take it anew");
    assert_eq!(store.claim_notices(10, LONG).await.unwrap()[0].rows, [row]);
}

#[tokio::test]
async fn a_removed_repository_takes_its_requests_along() {
    let (fleet, a) = recorded().await;
    let row = request(&fleet, a, true).await;
    fleet.store.remove_repository(&fleet.tenant, "ada", fleet.repository).await.unwrap();
    assert_eq!(fleet.state(row).await, "closed: superseded");
    let new = NewReprove {
        tenant: fleet.tenant.clone(),
        document: a,
        actor: "ada".to_owned(),
        force: true,
        trace: None,
    };
    let refused = fleet.store.request_reprove(&new).await;
    assert!(matches!(refused, Err(StoreError::NotFound { kind: "document", .. })), "{refused:?}");
}
