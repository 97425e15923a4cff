//! From a changed document to its verdicts: every verdict, duplicates, edits while proving,
//! proving again, and documents at the limits.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use sbh_tests::documents::{document, endless, malformed, proved, refuted, slow, vacuous};
use sbh_tests::{LONG, SHORT, Stack, Tenant, eventually};
use serde_json::{Value, json};

fn is_spec(path: &str) -> bool {
    path.starts_with("specs/")
}

fn names(verdicts: &[(&str, &str)]) -> Vec<(String, String)> {
    verdicts.iter().map(|(name, verdict)| ((*name).to_owned(), (*verdict).to_owned())).collect()
}

#[tokio::test]
async fn every_kind_of_invariant_gets_its_verdict() {
    let tenant = Tenant::new(Stack::shared(), "kinds").await;
    let repo = Stack::shared().repo("kinds");
    let refutation = "```smt2\n; invariant: REFUTATION\n(declare-const n Int)\n(assert (> n 3))\n\
                      (assert (not (> n 2)))\n(check-sat)\n```\n";
    let blocks = [
        proved("PROVED", 1),
        refuted("REFUTED", 1),
        vacuous("VACUOUS"),
        malformed("MALFORMED"),
        endless("ENDLESS"),
        refutation.to_owned(),
    ];
    repo.write("specs/kinds.md", document("Kinds", blocks));
    repo.write(
        "specs/script.smt2",
        "; invariant: SCRIPT\n(declare-const b Bool)\n(assert b)\n(assert (not b))\n(check-sat)\n",
    );
    repo.write("specs/prose.md", "# Only words\n");
    repo.commit("Begin");
    let repository = tenant.track(&repo, None).await;
    tenant.settled(&repository).await;
    assert_eq!(
        tenant.verdicts(&repository, "specs/kinds.md").await,
        names(&[
            ("PROVED", "proved"),
            ("REFUTED", "refuted"),
            ("VACUOUS", "vacuous"),
            ("MALFORMED", "error"),
            ("ENDLESS", "timeout"),
            ("REFUTATION", "proved"),
        ])
    );
    assert_eq!(
        tenant.verdicts(&repository, "specs/script.smt2").await,
        names(&[("SCRIPT", "proved")])
    );
    assert_eq!(tenant.verdicts(&repository, "specs/prose.md").await, []);
    for invariant in tenant.invariants(&repository, "specs/kinds.md").await {
        let decisive =
            ["proved", "refuted", "vacuous"].contains(&invariant["verdict"].as_str().unwrap());
        assert!(
            decisive || invariant["reason"].as_str().is_some_and(|r| !r.is_empty()),
            "{invariant}"
        );
    }
    tenant.ledger.check(&repository, &repo, "main", is_spec, &[]).await;
}

#[tokio::test]
async fn one_name_in_two_documents_is_an_error_in_both_until_one_is_renamed() {
    let tenant = Tenant::new(Stack::shared(), "twice").await;
    let repo = Stack::shared().repo("twice");
    repo.write("specs/a.md", document("A", [proved("SAME", 1), proved("A-2", 2)]));
    repo.write("specs/b.md", document("B", [proved("SAME", 3)]));
    repo.commit("Begin");
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;
    assert_eq!(
        tenant.verdicts(&repository, "specs/a.md").await,
        names(&[("SAME", "error"), ("A-2", "proved")])
    );
    let other = tenant.invariants(&repository, "specs/b.md").await;
    assert_eq!(other[0]["verdict"], "error");
    let reason = other[0]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("SAME"), "the reason says what is wrong: {reason:?}");

    // Healing one heals the other, though the other's document did not change.
    repo.commit_file("specs/b.md", document("B", [proved("OTHER", 3)]));
    let notice = tenant.announce(&connection, &repo).await;
    tenant.closed(&notice).await;
    assert_eq!(
        tenant.verdicts(&repository, "specs/a.md").await,
        names(&[("SAME", "proved"), ("A-2", "proved")])
    );
    assert_eq!(tenant.verdicts(&repository, "specs/b.md").await, names(&[("OTHER", "proved")]));

    // And the rule comes back with the duplicate, also within one document.
    repo.commit_file("specs/b.md", document("B", [proved("OTHER", 3), refuted("OTHER", 4)]));
    let notice = tenant.announce(&connection, &repo).await;
    tenant.closed(&notice).await;
    assert_eq!(
        tenant.verdicts(&repository, "specs/b.md").await,
        names(&[("OTHER", "error"), ("OTHER", "error")])
    );
    tenant.ledger.check(&repository, &repo, "main", is_spec, &[notice]).await;
}

#[tokio::test]
async fn an_edit_that_is_only_noise_proves_nothing_again() {
    let tenant = Tenant::new(Stack::shared(), "noise").await;
    let repo = Stack::shared().repo("noise");
    let content = document("A", [proved("A-1", 1)]);
    repo.commit_file("specs/a.md", &content);
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;
    let results = "SELECT count(*) FROM proof_results WHERE tenant_id = $1";
    assert_eq!(tenant.ledger.count(results, &tenant.id).await, 1);

    repo.commit_file("specs/a.md", content.replace('\n', " \r\n"));
    let notice = tenant.announce(&connection, &repo).await;
    assert_eq!(tenant.closed(&notice).await, "unchanged");
    assert_eq!(tenant.ledger.count(results, &tenant.id).await, 1, "nothing was proved for noise");

    // Other words around the same statement are another content with the same verdict, kept.
    repo.commit_file("specs/a.md", content.replace("What must hold", "What shall hold"));
    let notice = tenant.announce(&connection, &repo).await;
    assert_eq!(tenant.closed(&notice).await, "recorded");
    let kept = "SELECT count(*) FROM proof_results WHERE tenant_id = $1 AND origin = 'kept'";
    assert_eq!(tenant.ledger.count(kept, &tenant.id).await, 1);
    tenant.ledger.check(&repository, &repo, "main", is_spec, &[notice]).await;
}

#[tokio::test]
async fn an_edit_while_the_proof_runs_ends_in_the_last_content() {
    let tenant = Tenant::new(Stack::shared(), "meanwhile").await;
    let repo = Stack::shared().repo("meanwhile");
    repo.commit_file(
        "specs/a.md",
        document("A", [slow("A-1", 11), slow("A-2", 12), slow("A-3", 13)]),
    );
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    eventually(SHORT, "the first content to be observed", async || {
        tenant.find_document(&repository, "specs/a.md").await.ok_or("no document")
    })
    .await;
    repo.commit_file("specs/a.md", document("A", [refuted("A-1", 1), proved("A-2", 2)]));
    let notice = tenant.announce(&connection, &repo).await;
    tenant.closed(&notice).await;
    tenant.settled(&repository).await;
    assert_eq!(
        tenant.verdicts(&repository, "specs/a.md").await,
        names(&[("A-1", "refuted"), ("A-2", "proved")])
    );
    tenant.ledger.check(&repository, &repo, "main", is_spec, &[notice]).await;
}

#[tokio::test]
async fn a_document_can_be_proved_again_by_force() {
    let tenant = Tenant::new(Stack::shared(), "again").await;
    let repo = Stack::shared().repo("again");
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 1), refuted("A-2", 2)]));
    let repository = tenant.track(&repo, None).await;
    tenant.settled(&repository).await;
    let document = tenant.document(&repository, "specs/a.md").await;
    let id = document["id"].as_str().unwrap();

    let path = format!("/api/specs/{id}/reprove");
    let answer = tenant.api.post_once(&path, &json!({ "force": true }), "again-1").await;
    assert!(answer.status.is_success(), "{}: {}", answer.status, answer.body);
    let replay = tenant.api.post_once(&path, &json!({ "force": true }), "again-1").await;
    assert_eq!((replay.status, &replay.body), (answer.status, &answer.body), "one key, one answer");
    let other = tenant.api.post_once(&path, &json!({ "force": false }), "again-1").await;
    other.problem(422);
    // Whether or not the workflow was told at once, the request waits in the inbox for its result.
    let notice = answer.body["inbox_id"].as_str().unwrap();
    assert_eq!(tenant.closed(notice).await, "recorded");

    eventually(SHORT, "the document to be recorded again", async || {
        let now = tenant.document(&repository, "specs/a.md").await;
        if now["recorded_at"] == document["recorded_at"] { Err(now.to_string()) } else { Ok(()) }
    })
    .await;
    assert_eq!(
        tenant.verdicts(&repository, "specs/a.md").await,
        names(&[("A-1", "proved"), ("A-2", "refuted")])
    );
    tenant.ledger.check(&repository, &repo, "main", is_spec, &[]).await;

    let viewer = tenant.role("viewer");
    viewer.post(&path, &json!({ "force": true })).await.problem(403);
}

#[tokio::test]
async fn a_running_proof_shows_its_progress() {
    let tenant = Tenant::new(Stack::shared(), "progress").await;
    let repo = Stack::shared().repo("progress");
    let blocks: Vec<_> = (0..4).map(|n| slow(&format!("P-{n}"), 30 + n)).collect();
    repo.commit_file("specs/a.md", document("A", blocks));
    let repository = tenant.track(&repo, None).await;
    let status = async || -> Result<Value, String> {
        let found = tenant.find_document(&repository, "specs/a.md").await.ok_or("no document")?;
        let path = format!("/api/specs/{}/status", found["id"].as_str().unwrap_or_default());
        Ok(tenant.api.get(&path).await.ok())
    };
    eventually(SHORT, "the proof to be seen running", async || {
        let seen = status().await?;
        if seen["phase"] == "proving" { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;
    tenant.settled(&repository).await;
    eventually(SHORT, "the proof to be seen done", async || {
        let seen = status().await?;
        if seen["phase"] == "idle" { Ok(()) } else { Err(seen.to_string()) }
    })
    .await;
}

#[tokio::test]
async fn a_document_of_ten_thousand_invariants() {
    const INVARIANTS: usize = 10_000;
    let tenant = Tenant::new(Stack::shared(), "many").await;
    let repo = Stack::shared().repo("many");
    // Short ones: a document may have a megabyte.
    let mut text = String::from("# Many\n");
    for n in 0..INVARIANTS {
        use std::fmt::Write as _;
        let _ = write!(
            text,
            "```smt2\n;invariant:N{n}\n(define-fun invariant()Bool(< {n} {}))\n```\n",
            n + 1
        );
    }
    assert!(text.len() < 1 << 20, "the document has {} bytes", text.len());
    repo.commit_file("specs/many.md", &text);
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    let begin = std::time::Instant::now();
    tenant.settled_within(LONG, &repository).await;
    eprintln!(
        "{INVARIANTS} invariants of one document after {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    let seen = tenant.document(&repository, "specs/many.md").await;
    assert_eq!(seen["counts"]["proved"], INVARIANTS, "{seen}");

    // One of them changes: the others are kept.
    repo.commit_file("specs/many.md", text.replace("(< 5000 5001)", "(< 5001 5000)"));
    let notice = tenant.announce(&connection, &repo).await;
    tenant.settled_within(LONG, &repository).await;
    let anew = "SELECT count(*) FROM proof_results WHERE tenant_id = $1 AND origin = 'kept'";
    assert_eq!(tenant.ledger.count(anew, &tenant.id).await, INVARIANTS as i64 - 1);
    let seen = tenant.document(&repository, "specs/many.md").await;
    assert_eq!(seen["counts"]["refuted"], 1, "{seen}");
    assert_eq!(tenant.invariants(&repository, "specs/many.md").await.len(), INVARIANTS);
    tenant.ledger.check(&repository, &repo, "main", is_spec, &[notice]).await;
}
