//! Announcing, nudging and giving up documents.

use std::time::Duration;

use sbh_domain::DocumentId;

use crate::fixture::{Fleet, fleet, present};

const FIRST: Duration = Duration::from_secs(30);

/// Announces as the activity does; returns how many documents were told.
async fn announce(fleet: &Fleet) -> usize {
    let mut told = Vec::new();
    loop {
        let after = told.last().map(|(document, _): &(DocumentId, i64)| *document);
        let page = fleet
            .store
            .documents_to_announce(&fleet.tenant, fleet.repository, after, 3)
            .await
            .unwrap();
        if page.is_empty() {
            return told.len();
        }
        assert!(page.iter().all(|open| open.repository_name == "specs"));
        let page: Vec<_> = page.iter().map(|open| (open.document, open.version)).collect();
        fleet.store.note_announced(&fleet.tenant, &page).await.unwrap();
        told.extend(page);
    }
}

/// What the reconciler finds when so much time has passed.
async fn nudged_after(fleet: &Fleet, seconds: u32) -> usize {
    let mut admin = fleet.database.admin().await;
    sqlx::query("UPDATE documents SET nudged_at = nudged_at - make_interval(secs => $1)")
        .bind(f64::from(seconds))
        .execute(&mut admin)
        .await
        .unwrap();
    fleet.store.claim_open_documents(FIRST, 100).await.unwrap().len()
}

#[tokio::test]
async fn a_document_is_announced_once_for_each_content() {
    let fleet = fleet().await;
    let changes: Vec<_> = (0..7).map(|n| present(&format!("{n}.md"), &n.to_string())).collect();
    fleet.push("c1", &changes).await;
    assert_eq!(announce(&fleet).await, 7);
    assert_eq!(announce(&fleet).await, 0, "a repetition");
    fleet.push("c2", &[present("0.md", "other"), present("new.md", "new")]).await;
    assert_eq!(announce(&fleet).await, 2, "only what the second commit changed");
    // Told of a version that is not the newest any more.
    fleet.push("c3", &[present("0.md", "third")]).await;
    let open =
        &fleet.store.documents_to_announce(&fleet.tenant, fleet.repository, None, 9).await.unwrap()
            [0];
    let told = [(open.document, open.version)];
    fleet.push("c4", &[present("0.md", "fourth")]).await;
    fleet.store.note_announced(&fleet.tenant, &told).await.unwrap();
    assert_eq!(announce(&fleet).await, 1);
    // What is recorded is not announced, and nothing of a removed repository.
    let zero = fleet.document("0.md").await;
    fleet.push("c5", &[present("0.md", "fifth"), present("1.md", "other")]).await;
    fleet.prove(zero, Some("fifth"), &[]).await;
    fleet.store.remove_repository(&fleet.tenant, "ada", fleet.repository).await.unwrap();
    assert_eq!(announce(&fleet).await, 0);
    assert!(fleet.store.claim_open_documents(Duration::ZERO, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_dies_before_noting_announces_again() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1"), present("b.md", "b1")]).await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    let page = store.documents_to_announce(tenant, fleet.repository, None, 10).await.unwrap();
    store.note_announced(tenant, &[(page[0].document, page[0].version)]).await.unwrap();
    let again = store.documents_to_announce(tenant, fleet.repository, None, 10).await.unwrap();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].document, page[1].document);
}

#[tokio::test]
async fn the_reconciler_waits_twice_as_long_each_time_up_to_ten_minutes() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    assert_eq!(nudged_after(&fleet, 20).await, 0);
    assert_eq!(nudged_after(&fleet, 10).await, 1);
    for interval in [60, 120, 240, 480, 600, 600, 600] {
        assert_eq!(nudged_after(&fleet, interval - 10).await, 0, "{interval}");
        assert_eq!(nudged_after(&fleet, 10).await, 1, "{interval}");
    }
    // A new content begins anew.
    fleet.push("c2", &[present("a.md", "a2")]).await;
    assert_eq!(nudged_after(&fleet, 30).await, 1);
    assert_eq!(nudged_after(&fleet, 60).await, 1);
}

#[tokio::test]
async fn a_proof_that_begins_is_not_disturbed() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    let mut admin = fleet.database.admin().await;
    let late = "UPDATE documents SET nudged_at = now() - interval '1 hour'";
    sqlx::raw_sql(late).execute(&mut admin).await.unwrap();
    fleet.store.clear_staged(&fleet.tenant, a).await.unwrap();
    assert_eq!(nudged_after(&fleet, 20).await, 0);
    assert_eq!(nudged_after(&fleet, 10).await, 1);
}

#[tokio::test]
async fn a_temporal_that_knows_nothing_is_told_everything_at_once() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1"), present("b.md", "b1")]).await;
    let row = fleet.accept("waiting").await;
    fleet.store.claim_notices(10, FIRST).await.unwrap();
    assert_eq!(nudged_after(&fleet, 600).await, 2);
    assert_eq!(nudged_after(&fleet, 0).await, 0);
    let a = fleet.document("a.md").await;
    fleet.store.fail_document(&fleet.tenant, a, "poison", 1).await.unwrap();
    assert_eq!(fleet.store.tell_all_anew().await.unwrap(), 1, "not what was given up");
    assert_eq!(nudged_after(&fleet, 0).await, 1);
    assert_eq!(fleet.store.claim_notices(10, FIRST).await.unwrap()[0].rows, [row]);
}

#[tokio::test]
async fn poison_is_given_up_and_parks_what_waits_only_for_it() {
    let fleet = fleet().await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    let row = fleet.accept("push").await;
    fleet.push("c1", &[present("good.md", "g1"), present("poison.md", "p1")]).await;
    let (good, poison) = (fleet.document("good.md").await, fleet.document("poison.md").await);
    assert_eq!(store.fail_document(tenant, poison, "it breaks", 2).await.unwrap(), 0);
    assert_eq!(nudged_after(&fleet, 10_000).await, 2);
    assert_eq!(store.fail_document(tenant, poison, "it breaks", 2).await.unwrap(), 0);
    assert_eq!(fleet.state(row).await, "open", "it waits for the other one as well");
    assert_eq!(nudged_after(&fleet, 10_000).await, 1, "the poison is left alone");
    fleet.prove(good, Some("g1"), &[]).await;
    store.close_finished_notices().await.unwrap();
    assert_eq!(fleet.state(row).await, "parked: poison.md: it breaks");
    assert_eq!(store.inbox_row(tenant, row).await.unwrap().attempts, 2);
    // A later notice waits for it as well, and is parked as well.
    let later = fleet.accept("later").await;
    fleet.push("c2", &[]).await;
    store.close_finished_notices().await.unwrap();
    assert_eq!(fleet.state(later).await, "parked: poison.md: it breaks");
    // A person tries again: at once.
    store.retry_notice(tenant, "ada", later).await.unwrap();
    assert_eq!(nudged_after(&fleet, 0).await, 1);
    store.fail_document(tenant, poison, "it breaks", 1).await.unwrap();
    // A new content is tried, and answers whatever is parked.
    fleet.push("c3", &[present("poison.md", "p2")]).await;
    assert_eq!(announce(&fleet).await, 1);
    fleet.prove(poison, Some("p2"), &[]).await;
    assert_eq!(fleet.state(row).await, "closed: recorded");
    assert_eq!(fleet.state(later).await, "closed: recorded");
}
