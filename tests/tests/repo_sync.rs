//! From a push to recorded documents: what git can do to a branch, through the whole stack.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use std::collections::BTreeMap;

use sbh_tests::documents::{document, proved, refuted};
use sbh_tests::webhook::{Delivery, NO_COMMIT, push};
use sbh_tests::{LONG, SHORT, Stack, Tenant, eventually};
use serde_json::Value;

fn is_spec(path: &str) -> bool {
    path.starts_with("specs/")
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[tokio::test]
async fn an_announced_push_is_proved_and_only_what_changed_is_proved_again() {
    let tenant = Tenant::new(Stack::shared(), "push").await;
    let repo = Stack::shared().repo("push");
    repo.commit_file("specs/money.md", document("Money", [proved("M-1", 1), proved("M-2", 2)]));
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;
    let verdicts = tenant.verdicts(&repository, "specs/money.md").await;
    assert_eq!(verdicts, [("M-1".into(), "proved".into()), ("M-2".into(), "proved".into())]);

    repo.commit_file("specs/money.md", document("Money", [proved("M-1", 1), refuted("M-2", 40)]));
    let notice = tenant.announce(&connection, &repo).await;
    assert_eq!(tenant.closed(&notice).await, "recorded");

    let invariants = tenant.invariants(&repository, "specs/money.md").await;
    assert_eq!(invariants[0]["verdict"], "proved");
    assert_eq!(invariants[1]["verdict"], "refuted");
    assert_eq!(invariants[1]["counterexample"][0]["name"], "balance");
    assert_eq!(invariants[1]["counterexample"][0]["value"], "41");
    let origins: Vec<(String, String)> =
        sqlx::query_as("SELECT name, origin FROM proof_results WHERE tenant_id = $1 ORDER BY id")
            .bind(&tenant.id)
            .fetch_all(tenant.ledger.pool())
            .await
            .unwrap();
    let kept: Vec<_> = origins.iter().filter(|(_, origin)| origin == "kept").collect();
    assert_eq!(kept.len(), 1, "M-1 alone is kept from the first content: {origins:?}");
    assert_eq!(kept[0].0, "M-1");
    tenant.ledger.check(&repository, &repo, "main", is_spec, &[notice]).await;
}

#[tokio::test]
async fn a_forced_push_counts_as_it_stands() {
    let tenant = Tenant::new(Stack::shared(), "forced").await;
    let repo = Stack::shared().repo("forced");
    let first = repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let second = repo.commit_file("specs/b.md", document("B", [proved("B-1", 2)]));
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;
    assert_eq!(tenant.ledger.recorded(&repository).await.len(), 2);

    // The second commit is gone from the branch, and another stands in its place.
    repo.git(&["reset", "--quiet", "--hard", &first]);
    let third = repo.commit_file("specs/c.md", document("C", [refuted("C-1", 3)]));
    let payload = push(&repo, "refs/heads/main", &second, &third);
    let notice =
        tenant.deliver(&connection, &Delivery::json("push", &payload, &connection.secret)).await;
    tenant.closed(&notice).await;
    tenant.ledger.check(&repository, &repo, "main", is_spec, &[notice]).await;
    assert!(tenant.find_document(&repository, "specs/b.md").await.is_none(), "b.md is gone");
}

#[tokio::test]
async fn a_deleted_branch_keeps_what_is_known_until_it_comes_back() {
    let tenant = Tenant::new(Stack::shared(), "branch").await;
    let repo = Stack::shared().repo("branch");
    let head = repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;

    repo.git(&["checkout", "--quiet", "--detach"]);
    repo.git(&["branch", "--quiet", "-D", "main"]);
    let payload = push(&repo, "refs/heads/main", &head, NO_COMMIT);
    tenant.deliver(&connection, &Delivery::json("push", &payload, &connection.secret)).await;
    eventually(SHORT, "the missing branch to be noted", async || {
        let seen = tenant.api.get(&format!("/api/repositories/{repository}")).await.ok();
        if text(&seen["last_error"]).contains("main") { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;
    assert_eq!(tenant.ledger.recorded(&repository).await.len(), 1, "what was proved stays known");

    repo.git(&["checkout", "--quiet", "-b", "main"]);
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 2)]));
    let notice = tenant.announce(&connection, &repo).await;
    tenant.closed(&notice).await;
    tenant.settled(&repository).await;
    let seen = tenant.api.get(&format!("/api/repositories/{repository}")).await.ok();
    assert!(seen["last_error"].is_null(), "{seen}");
    tenant.ledger.check(&repository, &repo, "main", is_spec, &[notice]).await;
}

#[tokio::test]
async fn tags_and_other_branches_change_nothing() {
    let tenant = Tenant::new(Stack::shared(), "tags").await;
    let repo = Stack::shared().repo("tags");
    let head = repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;
    let before = tenant.ledger.recorded(&repository).await;

    repo.git(&["tag", "v1"]);
    repo.git(&["checkout", "--quiet", "-b", "other"]);
    let other = repo.commit_file("specs/a.md", document("A", [refuted("A-1", 1)]));
    for (reference, from, to) in [
        ("refs/tags/v1", NO_COMMIT, head.as_str()),
        ("refs/heads/other", NO_COMMIT, other.as_str()),
        ("refs/tags/v1", head.as_str(), NO_COMMIT),
    ] {
        let payload = push(&repo, reference, from, to);
        let delivery = Delivery::json("push", &payload, &connection.secret);
        let answer = tenant.api.deliver(&connection.id, &delivery).await;
        assert!(answer.status.is_success(), "{reference}: {} {}", answer.status, answer.body);
    }
    tenant.settled(&repository).await;
    assert_eq!(tenant.ledger.recorded(&repository).await, before);
    let seen = tenant.api.get(&format!("/api/repositories/{repository}")).await.ok();
    assert!(seen["last_error"].is_null(), "{seen}");
}

#[tokio::test]
async fn a_renamed_document_stays_the_same_document() {
    let tenant = Tenant::new(Stack::shared(), "rename").await;
    let repo = Stack::shared().repo("rename");
    let long: Vec<_> = (1..=8).map(|n| proved(&format!("A-{n}"), n)).collect();
    repo.write("specs/old.md", document("A", &long));
    repo.write("specs/swap.md", document("Swap", [proved("S-1", 100)]));
    repo.commit("Begin");
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;
    let before = tenant.document(&repository, "specs/old.md").await;

    repo.rename("specs/old.md", "specs/deep/new.md").commit("Rename");
    let notice = tenant.announce(&connection, &repo).await;
    tenant.closed(&notice).await;
    let renamed = tenant.document(&repository, "specs/deep/new.md").await;
    assert_eq!(renamed["id"], before["id"], "a rename keeps the document's identity");
    assert!(tenant.find_document(&repository, "specs/old.md").await.is_none());

    // Renamed and edited at once, and another document takes the old name.
    let mut edited = long.clone();
    edited[0] = refuted("A-1", 7);
    repo.rename("specs/deep/new.md", "specs/newer.md");
    repo.write("specs/newer.md", document("A", &edited));
    repo.write("specs/deep/new.md", document("Other", [proved("O-1", 55)]));
    repo.commit("Rename, edit and replace");
    let second = tenant.announce(&connection, &repo).await;
    tenant.closed(&second).await;
    let verdicts = tenant.verdicts(&repository, "specs/newer.md").await;
    assert_eq!(verdicts[0], ("A-1".to_owned(), "refuted".to_owned()));
    assert_eq!(verdicts.len(), 8);
    tenant.ledger.check(&repository, &repo, "main", is_spec, &[notice, second]).await;
}

#[tokio::test]
async fn a_deleted_document_leaves_and_can_return() {
    let tenant = Tenant::new(Stack::shared(), "delete").await;
    let repo = Stack::shared().repo("delete");
    let content = document("A", [proved("A-1", 1)]);
    repo.write("specs/a.md", &content).write("specs/b.md", document("B", [refuted("B-1", 1)]));
    repo.commit("Begin");
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;

    repo.remove("specs/a.md").commit("Delete a");
    let gone = tenant.announce(&connection, &repo).await;
    tenant.closed(&gone).await;
    assert!(tenant.find_document(&repository, "specs/a.md").await.is_none());
    tenant.ledger.check(&repository, &repo, "main", is_spec, &[gone]).await;

    repo.commit_file("specs/a.md", &content);
    let back = tenant.announce(&connection, &repo).await;
    tenant.closed(&back).await;
    assert_eq!(tenant.verdicts(&repository, "specs/a.md").await, [("A-1".into(), "proved".into())]);
    tenant.ledger.check(&repository, &repo, "main", is_spec, &[back]).await;
}

#[tokio::test]
async fn files_that_are_no_text_are_judged_error_and_heal() {
    let tenant = Tenant::new(Stack::shared(), "bytes").await;
    let repo = Stack::shared().repo("bytes");
    let mut large = document("Large", [proved("L-1", 1)]);
    while large.len() <= 1 << 20 {
        large.push_str("More words that say nothing at all, again and again.\n");
    }
    repo.write("specs/large.md", &large);
    repo.write("specs/binary.md", b"# A\n\0\x01\x02\0\0");
    repo.write("specs/latin.md", b"# Betr\xe4ge\n");
    repo.write("specs/good.md", document("Good", [proved("G-1", 1)]));
    repo.write("specs/picture.png", [0x89, b'P', b'N', b'G', 0]);
    repo.commit("Begin");
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;

    assert_eq!(
        tenant.verdicts(&repository, "specs/good.md").await,
        [("G-1".into(), "proved".into())]
    );
    for path in ["specs/large.md", "specs/binary.md", "specs/latin.md"] {
        let invariants = tenant.invariants(&repository, path).await;
        assert_eq!(invariants.len(), 1, "{path}: {invariants:?}");
        assert_eq!(invariants[0]["verdict"], "error", "{path}");
        assert!(!text(&invariants[0]["reason"]).is_empty(), "{path}: {}", invariants[0]);
    }
    assert!(
        tenant.find_document(&repository, "specs/picture.png").await.is_none(),
        "a picture is no spec"
    );

    for path in ["specs/large.md", "specs/binary.md", "specs/latin.md"] {
        repo.write(path, document(path, [proved(&path[6..9], 9)]));
    }
    repo.remove("specs/picture.png").commit("Heal");
    let notice = tenant.announce(&connection, &repo).await;
    tenant.closed(&notice).await;
    tenant.ledger.check(&repository, &repo, "main", is_spec, &[notice]).await;
    for path in ["specs/large.md", "specs/binary.md", "specs/latin.md"] {
        assert_eq!(tenant.verdicts(&repository, path).await[0].1, "proved", "{path}");
    }
}

#[tokio::test]
async fn a_burst_of_commits_ends_in_the_last_one() {
    let tenant = Tenant::new(Stack::shared(), "burst").await;
    let repo = Stack::shared().repo("burst");
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;

    let mut notices = Vec::new();
    for n in 2..40 {
        repo.commit_file(
            &format!("specs/{}.md", n % 4),
            document("N", [proved(&format!("N-{}", n % 4), n)]),
        );
        notices.push(tenant.announce(&connection, &repo).await);
    }
    tenant.settled(&repository).await;
    tenant.ledger.check(&repository, &repo, "main", is_spec, &notices).await;
}

#[tokio::test]
async fn one_push_fans_out_to_hundreds_of_documents() {
    const DOCUMENTS: u64 = 600;
    let tenant = Tenant::new(Stack::shared(), "fan").await;
    let repo = Stack::shared().repo("fan");
    repo.commit_file("specs/first.md", document("First", [proved("FIRST", 1)]));
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;

    for n in 0..DOCUMENTS {
        let blocks = [proved(&format!("FAN-{n}"), n)];
        repo.write(&format!("specs/{:02}/{n:04}.md", n % 20), document("Fan", blocks));
    }
    repo.commit("Touch them all");
    let begin = std::time::Instant::now();
    let notice = tenant.announce(&connection, &repo).await;
    tenant.settled_within(LONG, &repository).await;
    eprintln!(
        "{DOCUMENTS} documents of one push were proved after {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    tenant.ledger.check(&repository, &repo, "main", is_spec, &[notice]).await;
    let mut counts = BTreeMap::new();
    for document in tenant.documents(&repository).await {
        *counts.entry(document["counts"]["proved"].as_i64()).or_insert(0) += 1;
    }
    assert_eq!(
        counts,
        BTreeMap::from([(Some(1), DOCUMENTS + 1)]),
        "each with one proved invariant"
    );
}

#[tokio::test]
async fn a_repository_that_vanishes_is_noted_and_heals_when_it_comes_back() {
    let tenant = Tenant::new(Stack::shared(), "vanish").await;
    let repo = Stack::shared().repo("vanish");
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;

    repo.commit_file("specs/a.md", document("A", [refuted("A-1", 5)]));
    let elsewhere = repo.path().with_extension("elsewhere");
    std::fs::rename(repo.path(), &elsewhere).unwrap();
    let head = NO_COMMIT.replace('0', "a");
    let payload = push(&repo, "refs/heads/main", NO_COMMIT, &head);
    let notice =
        tenant.deliver(&connection, &Delivery::json("push", &payload, &connection.secret)).await;
    eventually(SHORT, "the vanished repository to be noted", async || {
        let seen = tenant.api.get(&format!("/api/repositories/{repository}")).await.ok();
        if text(&seen["last_error"]).is_empty() { Err(seen.to_string()) } else { Ok(()) }
    })
    .await;
    assert!(tenant.ledger.closed(&notice).await.is_err(), "nothing is closed that was not done");
    assert_eq!(tenant.verdicts(&repository, "specs/a.md").await, [("A-1".into(), "proved".into())]);

    std::fs::rename(&elsewhere, repo.path()).unwrap();
    eventually(LONG, "the notice to be done or parked", async || {
        match tenant.ledger.closed(&notice).await {
            Ok(reason) => Ok(reason),
            Err(state) if state.contains("parked") => {
                tenant.api.post(&format!("/api/inbox/{notice}/retry"), &Value::Null).await.ok();
                Err(state)
            }
            Err(state) => Err(state),
        }
    })
    .await;
    assert_eq!(
        tenant.verdicts(&repository, "specs/a.md").await,
        [("A-1".into(), "refuted".into())]
    );
    tenant.ledger.check(&repository, &repo, "main", is_spec, &[notice]).await;
}
