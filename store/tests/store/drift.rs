//! Drift as people see it, and drift that nobody proves.

use std::time::Duration;

use sbh_domain::Verdict;
use sbh_store::StoreError;
use sbh_store::alert_view::AlertFilter;
use sbh_store::drift::{Drift, DriftCause, DriftFilter, DriftState};

use crate::fixture::{Fleet, absent, fleet, present, tenant, verdict};

const DAY: Duration = Duration::from_secs(86_400);

async fn drift(fleet: &Fleet, filter: DriftFilter) -> Vec<Drift> {
    fleet.store.drift(&fleet.tenant, &filter, None, 100).await.unwrap()
}

/// As if all drift had begun two days ago.
async fn age(fleet: &Fleet) {
    sqlx::query("UPDATE documents SET drifted_at = drifted_at - interval '2 days' WHERE drifted_at IS NOT NULL")
        .execute(&mut fleet.database.admin().await)
        .await
        .unwrap();
}

async fn open_alerts(fleet: &Fleet) -> usize {
    let filter = AlertFilter { state: Some("open".to_owned()), ..AlertFilter::default() };
    fleet.store.alerts(&fleet.tenant, &filter, None, 100).await.unwrap().len()
}

#[tokio::test]
async fn cause_and_state_are_told() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("changed.md", "1"), present("gone.md", "1")]).await;
    for path in ["changed.md", "gone.md"] {
        let document = fleet.document(path).await;
        fleet.prove(document, Some("1"), &[verdict(0, path, Verdict::Proved)]).await;
    }
    assert!(drift(&fleet, DriftFilter::default()).await.is_empty());
    fleet
        .push(
            "c2",
            &[
                present("changed.md", "2"),
                absent("gone.md"),
                present("new.md", "1"),
                present("bad.md", "1"),
            ],
        )
        .await;
    let changed = fleet.document("changed.md").await;
    let staged = [verdict(0, "x", Verdict::Proved)];
    let hash = sbh_domain::Digest::of("2");
    fleet.store.stage_verdicts(&fleet.tenant, changed, hash, &staged).await.unwrap();
    let bad = fleet.document("bad.md").await;
    fleet.store.fail_document(&fleet.tenant, bad, "why", 2).await.unwrap();
    let seen = |all: Vec<Drift>| {
        let mut seen: Vec<_> =
            all.into_iter().map(|one| (one.path, one.cause, one.state, one.failures)).collect();
        seen.sort_by(|a, b| a.0.cmp(&b.0));
        seen
    };
    let expected = [
        ("bad.md".to_owned(), DriftCause::Added, DriftState::Failing, 1),
        ("changed.md".to_owned(), DriftCause::Changed, DriftState::Proving, 0),
        ("gone.md".to_owned(), DriftCause::Removed, DriftState::Waiting, 0),
        ("new.md".to_owned(), DriftCause::Added, DriftState::Waiting, 0),
    ];
    assert_eq!(seen(drift(&fleet, DriftFilter::default()).await), expected);
    fleet.store.fail_document(&fleet.tenant, bad, "why", 2).await.unwrap();
    let stuck = DriftFilter { state: Some(DriftState::Stuck), ..DriftFilter::default() };
    let stuck = drift(&fleet, stuck).await;
    assert_eq!(stuck.len(), 1);
    assert_eq!(stuck[0].last_failure.as_deref(), Some("why"));
    let added = DriftFilter { cause: Some(DriftCause::Added), ..DriftFilter::default() };
    assert_eq!(drift(&fleet, added).await.len(), 2);
    let old = DriftFilter { older_than: Some(DAY), ..DriftFilter::default() };
    assert!(drift(&fleet, old.clone()).await.is_empty());
    age(&fleet).await;
    assert_eq!(drift(&fleet, old).await.len(), 4);
    let other = tenant("other");
    fleet.store.ensure_tenant(&other).await.unwrap();
    let theirs = fleet.store.drift(&other, &DriftFilter::default(), None, 100).await.unwrap();
    assert!(theirs.is_empty());
}

#[tokio::test]
async fn pages_join() {
    let fleet = fleet().await;
    let changes: Vec<_> = (0..7).map(|n| present(&format!("{n}.md"), "1")).collect();
    fleet.push("c1", &changes).await;
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page =
            fleet.store.drift(&fleet.tenant, &DriftFilter::default(), after, 3).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some((last.since, last.document));
        seen.extend(page.into_iter().map(|one| one.document));
    }
    seen.dedup();
    assert_eq!(seen.len(), 7);
}

#[tokio::test]
async fn the_backlog_alerts_once_until_the_document_changes() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    fleet.push("c1", &[present("a.md", "1"), present("b.md", "1")]).await;
    let scan = async || store.scan_backlog(demo, DAY).await.unwrap();
    assert_eq!(scan().await.overdue, 0, "it is young");
    age(&fleet).await;
    let first = scan().await;
    assert_eq!((first.overdue, first.raised, first.resolved), (2, 2, 0));
    let second = scan().await;
    assert_eq!((second.overdue, second.raised, second.resolved), (2, 0, 0));

    let a = fleet.document("a.md").await;
    fleet.prove(a, Some("1"), &[verdict(0, "A", Verdict::Proved)]).await;
    assert_eq!(open_alerts(&fleet).await, 1, "recording resolves it at once");
    fleet.push("c2", &[present("b.md", "2")]).await;
    age(&fleet).await;
    let third = scan().await;
    assert_eq!((third.overdue, third.raised, third.resolved), (1, 1, 1), "another content");
    assert_eq!(open_alerts(&fleet).await, 1);
}

#[tokio::test]
async fn acknowledged_drift_is_not_alerted_until_it_changes() {
    let fleet = fleet().await;
    let (store, demo) = (&fleet.store, &fleet.tenant);
    fleet.push("c1", &[present("a.md", "1")]).await;
    let a = fleet.document("a.md").await;
    age(&fleet).await;
    store.scan_backlog(demo, DAY).await.unwrap();
    store.acknowledge_drift(demo, "ada", a, "waits for the release").await.unwrap();
    assert_eq!(open_alerts(&fleet).await, 0);
    assert_eq!(store.scan_backlog(demo, DAY).await.unwrap().overdue, 0);
    let known = DriftFilter { acknowledged: Some(true), ..DriftFilter::default() };
    let shown = drift(&fleet, known.clone()).await;
    let (who, _, why) = shown[0].acknowledged.clone().unwrap();
    assert_eq!((who.as_str(), why.as_str()), ("ada", "waits for the release"));

    store.withdraw_drift_acknowledgement(demo, "ada", a).await.unwrap();
    assert_eq!(store.scan_backlog(demo, DAY).await.unwrap().raised, 1);
    let none = store.withdraw_drift_acknowledgement(demo, "ada", a).await;
    assert!(matches!(none, Err(StoreError::NotFound { .. })));

    store.acknowledge_drift(demo, "ada", a, "again").await.unwrap();
    fleet.push("c2", &[present("a.md", "2")]).await;
    assert!(drift(&fleet, known).await.is_empty(), "it was another drift");
    age(&fleet).await;
    assert_eq!(store.scan_backlog(demo, DAY).await.unwrap().raised, 1);
    let actions: Vec<_> =
        store.audit(demo, None, 20).await.unwrap().into_iter().map(|entry| entry.action).collect();
    assert_eq!(actions.iter().filter(|action| *action == "drift.acknowledge").count(), 2);
    assert_eq!(actions.iter().filter(|action| *action == "drift.withdraw").count(), 1);

    fleet.prove(a, Some("2"), &[verdict(0, "A", Verdict::Proved)]).await;
    let late = store.acknowledge_drift(demo, "ada", a, "late").await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    let other = tenant("other");
    store.ensure_tenant(&other).await.unwrap();
    let theirs = store.acknowledge_drift(&other, "eve", a, "x").await;
    assert!(matches!(theirs, Err(StoreError::NotFound { .. })));
}
