//! The inbox: what is acknowledged, what is a duplicate, and what happens to poison.
#![allow(clippy::unwrap_used, clippy::expect_used)] // Also in what the tests share.

use sbh_tests::documents::{document, proved, refuted};
use sbh_tests::webhook::{Delivery, push};
use sbh_tests::{SHORT, Stack, StackOptions, Tenant, eventually};
use serde_json::{Value, json};

#[tokio::test]
async fn duplicate_and_replayed_deliveries_are_harmless() {
    let tenant = Tenant::new(Stack::shared(), "replay").await;
    let repo = Stack::shared().repo("replay");
    let before = repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;

    let after = repo.commit_file("specs/a.md", document("A", [refuted("A-1", 1)]));
    let payload = push(&repo, "refs/heads/main", &before, &after);
    let delivery = Delivery::json("push", &payload, &connection.secret);
    // GitHub's button "redeliver" sends the same body; the unsigned delivery id may be anything.
    let mut notices = Vec::new();
    for n in 0..20 {
        let mut again = delivery.clone();
        if n % 2 == 0 {
            again.id = uuid::Uuid::new_v4().to_string();
        }
        notices.push(tenant.deliver(&connection, &again).await);
    }
    tenant.settled(&repository).await;
    let results = "SELECT count(*) FROM proof_results WHERE tenant_id = $1";
    assert_eq!(tenant.ledger.count(results, &tenant.id).await, 2, "each content is judged once");

    // A replay of an old delivery is a notice like any other: the present state decides.
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 77)]));
    notices.push(tenant.announce(&connection, &repo).await);
    tenant.settled(&repository).await;
    notices.push(tenant.deliver(&connection, &delivery).await);
    tenant.settled(&repository).await;
    let verdicts = tenant.verdicts(&repository, "specs/a.md").await;
    assert_eq!(verdicts, [("A-1".into(), "proved".into())], "an old delivery undoes nothing");
    tenant.ledger.check(&repository, &repo, "main", |p| p.starts_with("specs/"), &notices).await;
}

#[tokio::test]
async fn a_ping_is_answered_and_unknown_events_are_accepted_and_ignored() {
    let tenant = Tenant::new(Stack::shared(), "ping").await;
    let connection = tenant.connection().await;
    for event in ["ping", "star", "an-event-of-the-future"] {
        let delivery = Delivery::json(
            event,
            &json!({ "zen": "Keep it logically awesome." }),
            &connection.secret,
        );
        let answer = tenant.api.deliver(&connection.id, &delivery).await;
        assert!(answer.status.is_success(), "{event}: {} {}", answer.status, answer.body);
    }
    let rows = "SELECT count(*) FROM inbox WHERE tenant_id = $1";
    assert_eq!(tenant.ledger.count(rows, &tenant.id).await, 0);
}

#[tokio::test]
async fn the_inbox_shows_how_a_notice_ended() {
    let tenant = Tenant::new(Stack::shared(), "shown").await;
    let repo = Stack::shared().repo("shown");
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 2)]));
    let notice = tenant.announce(&connection, &repo).await;
    tenant.closed(&notice).await;

    let row = tenant.api.get(&format!("/api/inbox/{notice}")).await.ok();
    assert_eq!(row["state"], "closed", "{row}");
    assert_eq!(row["reason"], "recorded", "{row}");
    assert_eq!(row["source"], "github", "{row}");
    let listed = tenant.pages("/api/inbox").await;
    assert!(listed.iter().any(|row| row["id"] == notice.as_str()), "{listed:?}");
    assert!(tenant.pages("/api/inbox?state=open").await.is_empty());
}

#[tokio::test]
async fn poison_is_parked_with_its_reason_and_retried_by_hand() {
    // Few attempts and a short wait between them: parking is the subject.
    let options = StackOptions::default()
        .set("SBH_STARTER_MAX_ATTEMPTS", 2)
        .set("SBH_STARTER_RECONCILE_AFTER_S", 1);
    let stack = Stack::start(options);
    let tenant = Tenant::new(&stack, "poison").await;
    let repo = stack.repo("poison");
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let elsewhere = repo.path().with_extension("elsewhere");
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;
    repo.commit_file("specs/a.md", document("A", [refuted("A-1", 1)]));
    let payload = push(&repo, "refs/heads/main", &repo.head(), &repo.head());
    std::fs::rename(repo.path(), &elsewhere).unwrap();

    let notice =
        tenant.deliver(&connection, &Delivery::json("push", &payload, &connection.secret)).await;
    let row = eventually(SHORT, "the poison to be parked", async || {
        let row = tenant.api.get(&format!("/api/inbox/{notice}")).await.ok();
        if row["state"] == "parked" { Ok(row) } else { Err(row.to_string()) }
    })
    .await;
    assert!(row["reason"].as_str().is_some_and(|r| !r.is_empty()), "{row}");
    let parked = tenant.pages("/api/inbox?state=parked").await;
    assert_eq!(parked.len(), 1, "{parked:?}");

    // The command lists and retries it too.
    let token = stack.token(&tenant.id, "editor");
    std::fs::rename(&elsewhere, repo.path()).unwrap();
    let api_url = stack.env("api_url");
    let run = |arguments: &[&str]| {
        let mut sbh = stack.command(arguments);
        sbh.env("SBH_API_URL", &api_url).env("SBH_TOKEN", &token);
        let output = sbh.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", sbh_tests::harness::text(&output));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let listed = run(&["inbox", "list", "--state", "parked", "--json"]);
    assert!(listed.to_string().contains(&notice), "{listed}");
    run(&["inbox", "retry", &notice, "--json"]);
    assert_eq!(tenant.closed(&notice).await, "recorded");
    tenant.ledger.check(&repository, &repo, "main", |p| p.starts_with("specs/"), &[notice]).await;
}

#[tokio::test]
async fn a_full_inbox_pushes_back_and_loses_nothing() {
    let options = StackOptions::default()
        .set("SBH_STARTER_MAX_OPEN_NOTICES", 3)
        // Nothing is closed while the test fills the inbox: the debounce holds the notices.
        .set("SBH_DEBOUNCE_QUIET_MS", 4_000)
        .set("SBH_DEBOUNCE_MAX_MS", 4_000);
    let stack = Stack::start(options);
    let tenant = Tenant::new(&stack, "full").await;
    let repo = stack.repo("full");
    repo.commit_file("specs/a.md", document("A", [proved("A-1", 1)]));
    let connection = tenant.connection().await;
    let repository = tenant.track(&repo, Some(&connection)).await;
    tenant.settled(&repository).await;

    let mut notices = Vec::new();
    let refused = eventually(SHORT, "the full inbox to be noticed", async || {
        repo.commit_file("specs/a.md", document("A", [proved("A-1", notices.len() as u64)]));
        let payload = push(&repo, "refs/heads/main", &repo.head(), &repo.head());
        let delivery = Delivery::json("push", &payload, &connection.secret);
        let answer = tenant.api.deliver(&connection.id, &delivery).await;
        if answer.status == 503 {
            return Ok(answer);
        }
        assert_eq!(answer.status, 202, "{}", answer.body);
        notices.push(sbh_tests::tenant::notice(&answer.body));
        Err(format!("{} notices were taken", notices.len()))
    })
    .await;
    refused.problem(503);
    tenant.settled(&repository).await;
    // There is room again, as soon as the server has noticed.
    let payload = push(&repo, "refs/heads/main", &repo.head(), &repo.head());
    let delivery = Delivery::json("push", &payload, &connection.secret);
    notices.push(tenant.insist(&connection, &delivery).await);
    tenant.settled(&repository).await;
    tenant.ledger.check(&repository, &repo, "main", |p| p.starts_with("specs/"), &notices).await;
}
