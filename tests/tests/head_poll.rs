//! Pushes that nobody announces: found by comparing heads.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use std::sync::OnceLock;

use sbh_tests::documents::{document, proved, refuted};
use sbh_tests::{SHORT, Stack, StackOptions, Tenant, eventually};

/// A stack that compares heads every second.
fn polling() -> &'static Stack {
    static STACK: OnceLock<Stack> = OnceLock::new();
    STACK.get_or_init(|| Stack::start(StackOptions::default().set("SBH_GIT_POLL_S", 1)))
}

async fn recorded_as(tenant: &Tenant<'_>, repository: &str, verdict: &str) {
    eventually(SHORT, "the unannounced push to be proved", async || {
        let seen = tenant.verdicts(repository, "specs/a.md").await;
        if seen == [("A-1".to_owned(), verdict.to_owned())] {
            Ok(())
        } else {
            Err(format!("{seen:?}"))
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_without_webhooks_is_followed_all_the_same() {
    let tenant = Tenant::new(polling(), "poll").await;
    let repo = polling().repo("poll");
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    // No connection: nothing can announce a push.
    let repository = tenant.track(&repo, None).await;
    tenant.settled(&repository).await;

    repo.commit_file("specs/a.md", document("A", [refuted("A-1", 2)]));
    recorded_as(&tenant, &repository, "refuted").await;
    tenant.settled(&repository).await;
    tenant.ledger.check(&repository, &repo, "main", |p| p.starts_with("specs/"), &[]).await;
    let polled = "SELECT count(*) FROM inbox WHERE tenant_id = $1 AND source = 'poll'";
    assert!(tenant.ledger.count(polled, &tenant.id).await >= 1, "the poll left a notice");
}

#[tokio::test]
async fn a_push_whose_webhook_is_lost_is_found() {
    let tenant = Tenant::new(polling(), "lost").await;
    let repo = polling().repo("lost");
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;

    // A forced push, and the delivery never comes.
    repo.write("specs/a.md", document("A", [refuted("A-1", 9)]));
    repo.git(&["add", "--all"]);
    repo.git(&["commit", "--quiet", "--amend", "--no-gpg-sign", "-m", "Rewritten"]);
    recorded_as(&tenant, &repository, "refuted").await;
    tenant.settled(&repository).await;
    tenant.ledger.check(&repository, &repo, "main", |p| p.starts_with("specs/"), &[]).await;
}

#[tokio::test]
async fn the_remote_s_default_branch_is_followed_when_none_is_named() {
    let tenant = Tenant::new(polling(), "default").await;
    let repo = polling().repo("default");
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let repository = tenant.track_branch(&repo, None, None).await;
    tenant.settled(&repository).await;
    repo.git(&["checkout", "--quiet", "-b", "trunk"]);
    repo.commit_file("specs/a.md", document("A", [refuted("A-1", 3)]));
    recorded_as(&tenant, &repository, "refuted").await;
    tenant.settled(&repository).await;
    tenant.ledger.check(&repository, &repo, "trunk", |p| p.starts_with("specs/"), &[]).await;
}

#[tokio::test]
async fn a_head_that_did_not_move_leaves_no_notice() {
    let tenant = Tenant::new(polling(), "still").await;
    let repo = polling().repo("still");
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let repository = tenant.track(&repo, None).await;
    tenant.settled(&repository).await;
    // A round that came before the first synchronisation may have left one.
    let polled = "SELECT count(*) FROM inbox WHERE repository_id = $1::uuid AND source = 'poll'";
    let before = tenant.ledger.count(polled, &repository).await;
    // Another repository of the tenant that moves shows that rounds went by.
    let moving = polling().repo("moving");
    moving.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let other = tenant.track(&moving, None).await;
    tenant.settled(&other).await;
    for n in 1..=2 {
        moving.commit_file("specs/a.md", document("A", [refuted("A-1", n), proved("A-2", n)]));
        eventually(SHORT, "the moving repository to be followed", async || {
            let baseline: String = sqlx::query_scalar(
                "SELECT coalesce(baseline, '') FROM repositories WHERE name = $1 AND tenant_id = $2",
            )
            .bind(moving.name())
            .bind(&tenant.id)
            .fetch_one(tenant.ledger.pool())
            .await
            .unwrap();
            if baseline == moving.head() { Ok(()) } else { Err(baseline) }
        })
        .await;
    }
    assert_eq!(tenant.ledger.count(polled, &repository).await, before);
}
