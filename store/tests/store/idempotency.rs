//! `Idempotency-Key`.

use sbh_domain::Digest;
use sbh_store::StoreError;
use sbh_store::idempotency::{Answer, Idempotency, MAX_BODY};
use serde_json::json;

use crate::fixture::{Fleet, fleet};

async fn begin(fleet: &Fleet, request: &str) -> Idempotency {
    fleet.store.begin_idempotent(&fleet.tenant, "key", Digest::of(request)).await.unwrap()
}

async fn age(fleet: &Fleet, interval: &str) {
    let update =
        format!("UPDATE idempotency_keys SET created_at = created_at - interval '{interval}'");
    sqlx::raw_sql(&update).execute(&mut fleet.database.admin().await).await.unwrap();
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer() {
    let fleet = fleet().await;
    assert!(matches!(begin(&fleet, "r").await, Idempotency::Started));
    assert!(matches!(begin(&fleet, "r").await, Idempotency::InProgress));
    assert!(matches!(begin(&fleet, "other").await, Idempotency::Mismatch));
    let body = json!({ "b": 1, "a": "\0" });
    let answer = Answer::Body { status: 201, body: &body };
    fleet.store.finish_idempotent(&fleet.tenant, "key", Some(answer)).await.unwrap();
    match begin(&fleet, "r").await {
        Idempotency::Replay { status: 201, body: replayed } => assert_eq!(replayed, body),
        other => panic!("{other:?}"),
    }
    assert!(matches!(begin(&fleet, "other").await, Idempotency::Mismatch));
    // A failure that is reported late does not free an answered key.
    fleet.store.finish_idempotent(&fleet.tenant, "key", None).await.unwrap();
    assert!(matches!(begin(&fleet, "r").await, Idempotency::Replay { .. }));
}

#[tokio::test]
async fn a_secret_is_never_kept() {
    let fleet = fleet().await;
    begin(&fleet, "r").await;
    fleet
        .store
        .finish_idempotent(&fleet.tenant, "key", Some(Answer::Secret { id: "c-1" }))
        .await
        .unwrap();
    assert!(matches!(begin(&fleet, "r").await, Idempotency::Withheld { id } if id == "c-1"));
}

#[tokio::test]
async fn a_failed_or_forgotten_request_frees_its_key() {
    let fleet = fleet().await;
    begin(&fleet, "r").await;
    fleet.store.finish_idempotent(&fleet.tenant, "key", None).await.unwrap();
    assert!(matches!(begin(&fleet, "other").await, Idempotency::Started));
    age(&fleet, "59 seconds").await;
    assert!(matches!(begin(&fleet, "other").await, Idempotency::InProgress));
    age(&fleet, "2 seconds").await;
    assert!(matches!(begin(&fleet, "third").await, Idempotency::Started));
}

#[tokio::test]
async fn one_of_many_requests_at_once_starts() {
    let fleet = fleet().await;
    let requests = (0..12).map(|_| begin(&fleet, "r"));
    let begun = futures::future::join_all(requests).await;
    let started = begun.iter().filter(|begun| matches!(begun, Idempotency::Started)).count();
    assert_eq!(started, 1, "{begun:?}");
}

#[tokio::test]
async fn answers_are_forgotten_after_a_day() {
    let fleet = fleet().await;
    begin(&fleet, "r").await;
    let body = json!({});
    let answer = Answer::Body { status: 200, body: &body };
    fleet.store.finish_idempotent(&fleet.tenant, "key", Some(answer)).await.unwrap();
    age(&fleet, "23 hours").await;
    assert_eq!(fleet.store.expire_idempotent().await.unwrap(), 0);
    age(&fleet, "61 minutes").await;
    // Whether or not the cleaner came by.
    assert!(matches!(begin(&fleet, "other").await, Idempotency::Started));
    age(&fleet, "25 hours").await;
    assert_eq!(fleet.store.expire_idempotent().await.unwrap(), 1);
}

#[tokio::test]
async fn answers_and_keys_that_are_too_large_are_refused() {
    let fleet = fleet().await;
    begin(&fleet, "r").await;
    let body = json!("x".repeat(MAX_BODY));
    let answer = Answer::Body { status: 200, body: &body };
    let refused = fleet.store.finish_idempotent(&fleet.tenant, "key", Some(answer)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    let key = "k".repeat(301);
    let refused = fleet.store.begin_idempotent(&fleet.tenant, &key, Digest::of("r")).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
}
