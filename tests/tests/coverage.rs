//! Coverage through the API.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use sbh_tests::documents::{document, malformed, proved, refuted, vacuous};
use sbh_tests::{Stack, Tenant};

#[tokio::test]
async fn every_verdict_is_in_the_denominator_and_nothing_claimed_is_not_everything_proved() {
    let tenant = Tenant::new(Stack::shared(), "coverage").await;
    let repo = Stack::shared().repo("coverage");
    repo.write(
        "specs/a.md",
        document("A", [proved("A-1", 1), proved("A-2", 2), refuted("A-3", 3)]),
    );
    repo.write("specs/b.md", document("B", [vacuous("B-1"), malformed("B-2")]));
    repo.write("specs/words.md", "# Words\n");
    repo.commit("Begin");
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;

    let path = format!("/api/coverage/repository/{repository}");
    let coverage = tenant.api.get(&path).await.ok();
    for (verdict, count) in
        [("proved", 2), ("refuted", 1), ("vacuous", 1), ("error", 1), ("timeout", 0)]
    {
        assert_eq!(coverage[verdict], count, "{verdict}: {coverage}");
    }
    assert_eq!(coverage["percentage_proved"], 40.0, "{coverage}");
    assert_eq!(coverage["documents"], 3, "{coverage}");
    assert_eq!(coverage["documents_without_invariants"], 1, "{coverage}");

    // An edit moves the counts, a deletion takes its own away.
    repo.write("specs/a.md", document("A", [proved("A-1", 1), proved("A-2", 2), proved("A-3", 3)]));
    repo.remove("specs/b.md").commit("Better");
    let notice = tenant.announce(&connection, &repo).await;
    tenant.closed(&notice).await;
    let coverage = tenant.api.get(&path).await.ok();
    assert_eq!(coverage["proved"], 3, "{coverage}");
    assert_eq!(coverage["percentage_proved"], 100.0, "{coverage}");
    tenant.ledger.consistent(&repository).await;
}

#[tokio::test]
async fn a_repository_without_invariants_has_no_percentage() {
    let tenant = Tenant::new(Stack::shared(), "nothing").await;
    let repo = Stack::shared().repo("nothing");
    repo.commit_file("specs/words.md", "# Words\n");
    let repository = tenant.track(&repo, None).await;
    tenant.settled(&repository).await;
    let coverage = tenant.api.get(&format!("/api/coverage/repository/{repository}")).await.ok();
    assert!(coverage["percentage_proved"].is_null(), "{coverage}");
    assert_eq!(coverage["documents_without_invariants"], 1, "{coverage}");
}

#[tokio::test]
async fn the_tenant_s_coverage_is_the_sum_and_a_removed_repository_leaves_it_until_restored() {
    let tenant = Tenant::new(Stack::shared(), "sum").await;
    let mut ids = Vec::new();
    for n in 0..2_u64 {
        let repo = Stack::shared().repo("sum");
        let name = format!("S-{n}");
        repo.commit_file(
            "specs/a.md",
            document("A", [proved(&name, n), refuted(&format!("{name}-R"), n)]),
        );
        let id = tenant.track(&repo, None).await;
        tenant.settled(&id).await;
        ids.push(id);
    }
    let proved = async || tenant.api.get("/api/coverage").await.ok()["totals"]["proved"].clone();
    assert_eq!(proved().await, 2);

    tenant.api.delete(&format!("/api/repositories/{}", ids[0])).await.ok();
    assert_eq!(proved().await, 1);

    let restore = format!("/api/repositories/{}/restore", ids[0]);
    tenant.api.post(&restore, &serde_json::Value::Null).await.ok();
    tenant.settled(&ids[0]).await;
    assert_eq!(proved().await, 2);
    for id in &ids {
        tenant.ledger.consistent(id).await;
    }
}
