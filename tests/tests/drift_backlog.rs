//! Drift that nobody proves is listed, alerted once, and acknowledged; a proof ends it.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use sbh_tests::documents::{document, proved};
use sbh_tests::{LONG, Stack, StackOptions, Tenant, eventually};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn drift_that_stays_is_alerted_once_until_somebody_knows_or_proves() {
    let options = StackOptions::default()
        .set("SBH_DRIFT_BACKLOG_AFTER_S", 1)
        .set("SBH_DRIFT_BACKLOG_EVERY_S", 1);
    let stack = tokio::task::block_in_place(|| Stack::start(options));
    let tenant = Tenant::new(&stack, "backlog").await;
    let repo = stack.repo("backlog");
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;
    assert!(tenant.pages("/api/drift").await.is_empty());

    // As if the document had changed two days ago and every proof of it had failed.
    let id = tenant.document(&repository, "specs/a.md").await["id"].as_str().unwrap().to_owned();
    sqlx::query(
        "UPDATE documents SET observed = sha256('other'), observed_version = observed_version + 1,
             drifted_at = now() - interval '2 days', nudged_at = 'infinity', failures = 9,
             failure = 'no prover' WHERE id = $1::uuid",
    )
    .bind(&id)
    .execute(tenant.ledger.pool())
    .await
    .unwrap();
    let drift = tenant.pages("/api/drift?state=stuck&cause=changed").await;
    assert_eq!(drift.len(), 1);
    assert_eq!(
        (&drift[0]["path"], &drift[0]["last_failure"]),
        (&json!("specs/a.md"), &json!("no prover"))
    );
    assert!(drift[0]["age_s"].as_i64().unwrap() > 86_400);
    let open = async || tenant.pages("/api/alerts?state=open&kind=drift_backlog").await;
    let alert =
        eventually(LONG, "the alert", async || open().await.into_iter().next().ok_or("none")).await;
    let seen = eventually(LONG, "another round", async || {
        let again = open().await.into_iter().next().ok_or_else(|| "none".to_owned())?;
        if again["times_seen"].as_i64() > Some(1) { Ok(again) } else { Err(again.to_string()) }
    })
    .await;
    assert_eq!(seen["id"], alert["id"], "one alert, however often it is found");

    let path = format!("/api/drift/{id}/acknowledge");
    tenant.api.post(&path, &json!({ "reason": " " })).await.problem(400);
    tenant.role("viewer").post(&path, &json!({ "reason": "x" })).await.problem(403);
    assert_eq!(tenant.api.post(&path, &json!({ "reason": "known" })).await.status, 204);
    assert!(open().await.is_empty());
    let known = tenant.pages("/api/drift?acknowledged=true").await;
    assert_eq!(known[0]["acknowledged"]["reason"], "known");
    assert_eq!(tenant.api.delete(&path).await.status, 204);
    eventually(LONG, "the alert again", async || open().await.into_iter().next().ok_or("none"))
        .await;
}
