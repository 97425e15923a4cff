//! Acknowledging, claiming, failing and listing notices.

use std::time::Duration;

use sbh_store::StoreError;
use sbh_store::inbox::Accepted;

use crate::fixture::{add_repository, fleet, new_sync, present, tenant};

const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn the_same_notice_is_one_row_until_a_synchronisation_takes_it_up() {
    let fleet = fleet().await;
    let (store, tenant, repository) = (&fleet.store, &fleet.tenant, fleet.repository);
    let first = fleet.accept("delivery").await;
    // While it waits, claimed or not.
    assert_eq!(store.accept(&fleet.notice("delivery")).await.unwrap(), Accepted::Duplicate(first));
    store.claim_notices(10, LONG).await.unwrap();
    assert_eq!(store.accept(&fleet.notice("delivery")).await.unwrap(), Accepted::Duplicate(first));
    // After the synchronisation has read it, it may have missed what the replay is about.
    let sync = new_sync();
    let start = store.start_sync(tenant, repository).await.unwrap();
    assert_eq!(start.notices, [first]);
    let meanwhile = fleet.accept("delivery").await;
    assert_eq!(
        store.accept(&fleet.notice("delivery")).await.unwrap(),
        Accepted::Duplicate(meanwhile)
    );
    let changes = [present("a.md", "a1")];
    store.stage_documents(tenant, repository, sync, &changes).await.unwrap();
    store.finish_sync(tenant, repository, sync, "c1", &start.notices).await.unwrap();
    let waiting = store.claim_notices(10, Duration::ZERO).await.unwrap();
    assert_eq!(waiting[0].rows, [meanwhile], "it asks for another synchronisation");
    // After it is closed.
    fleet.push("c1", &[]).await;
    let a = fleet.document("a.md").await;
    fleet.prove(a, Some("a1"), &[]).await;
    assert_eq!(fleet.state(first).await, "closed: recorded");
    fleet.accept("delivery").await;
}

#[tokio::test]
async fn a_burst_of_one_notice_is_one_row() {
    let fleet = fleet().await;
    let mut deliveries = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let (store, notice) = (fleet.store.clone(), fleet.notice("delivery"));
        deliveries.spawn(async move { store.accept(&notice).await.unwrap() });
    }
    let accepted = deliveries.join_all().await;
    let new = accepted.iter().filter(|accepted| matches!(accepted, Accepted::New(_))).count();
    assert_eq!(new, 1);
    assert_eq!(fleet.store.inbox_depth().await.unwrap().open, 1);
}

#[tokio::test]
async fn hostile_hints_are_kept_as_they_are() {
    let fleet = fleet().await;
    let mut notice = fleet.notice("nul\0key");
    notice.hint = serde_json::json!({ "branch": "a\u{0}b", "pusher": "'; DROP TABLE inbox" });
    let Accepted::New(id) = fleet.store.accept(&notice).await.unwrap() else { panic!("not new") };
    assert_eq!(fleet.store.inbox_row(&fleet.tenant, id).await.unwrap().hint, notice.hint);
}

#[tokio::test]
async fn a_notice_for_no_repository_is_refused() {
    let fleet = fleet().await;
    fleet.store.remove_repository(&fleet.tenant, "ada", fleet.repository).await.unwrap();
    let refused = fleet.store.accept(&fleet.notice("delivery")).await;
    assert!(matches!(refused, Err(StoreError::NotFound { kind: "repository", .. })), "{refused:?}");
}

#[tokio::test]
async fn rows_are_claimed_once_grouped_and_again_after_a_while() {
    let fleet = fleet().await;
    let second = add_repository(&fleet.store, &fleet.tenant, "more").await;
    let rows = [fleet.accept("1").await, fleet.accept("2").await];
    let claims = fleet.store.claim_notices(10, LONG).await.unwrap();
    assert_eq!(claims.len(), 2);
    assert_eq!((claims[0].repository, claims[0].repository_name.as_str()), (second, "more"));
    assert_eq!((claims[1].repository, claims[1].rows.as_slice()), (fleet.repository, &rows[..]));
    assert!(fleet.store.claim_notices(10, LONG).await.unwrap().is_empty());
    // Temporal was away: at once again.
    fleet.store.release_notices(&claims[1]).await.unwrap();
    assert_eq!(fleet.store.claim_notices(1, LONG).await.unwrap()[0].rows, rows[..1]);
    assert_eq!(fleet.store.claim_notices(1, LONG).await.unwrap()[0].rows, rows[1..]);
    // The reconciler: whatever is not taken up after a while.
    assert_eq!(fleet.store.claim_notices(10, Duration::ZERO).await.unwrap().len(), 2);
    // Taken up by a synchronisation: never again.
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let again = fleet.store.claim_notices(10, Duration::ZERO).await.unwrap();
    assert!(again.iter().all(|claim| claim.repository == second), "{again:?}");
}

#[tokio::test]
async fn two_dispatchers_never_hold_the_same_row() {
    let fleet = fleet().await;
    for n in 0..200 {
        fleet.accept(&n.to_string()).await;
    }
    let mut dispatchers = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let store = fleet.store.clone();
        dispatchers.spawn(async move {
            let mut mine = Vec::new();
            loop {
                let claims = store.claim_notices(7, LONG).await.unwrap();
                if claims.is_empty() {
                    return mine;
                }
                mine.extend(claims.into_iter().flat_map(|claim| claim.rows));
            }
        });
    }
    let mut claimed = dispatchers.join_all().await.concat();
    assert_eq!(claimed.len(), 200);
    claimed.sort_unstable();
    claimed.dedup();
    assert_eq!(claimed.len(), 200);
}

#[tokio::test]
async fn a_row_that_another_dispatcher_holds_is_skipped() {
    let fleet = fleet().await;
    let (held, free) = (fleet.accept("1").await, fleet.accept("2").await);
    let mut admin = fleet.database.admin().await;
    let mut tx = sqlx::Connection::begin(&mut admin).await.unwrap();
    sqlx::query("SELECT FROM inbox WHERE id = $1 FOR UPDATE")
        .bind(held.0)
        .execute(&mut *tx)
        .await
        .unwrap();
    let claims = fleet.store.claim_notices(10, LONG).await.unwrap();
    assert_eq!(claims[0].rows, [free]);
    tx.rollback().await.unwrap();
    assert_eq!(fleet.store.claim_notices(10, LONG).await.unwrap()[0].rows, [held]);
}

#[tokio::test]
async fn rows_that_fail_too_often_are_parked_listed_and_retried() {
    let fleet = fleet().await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    let row = fleet.accept("delivery").await;
    assert_eq!(fleet.fail("no route", 2).await, 0);
    assert_eq!(fleet.fail("no route\0", 2).await, 1);
    let parked = store.inbox(tenant, Some("parked"), None, 10).await.unwrap();
    assert_eq!((parked[0].id, parked[0].attempts), (row, 2));
    assert!(parked[0].reason.as_deref().unwrap().starts_with("no route"));
    assert_eq!(store.inbox_depth().await.unwrap().parked, 1);
    assert!(store.claim_notices(10, Duration::ZERO).await.unwrap().is_empty());

    store.retry_notice(tenant, "ada", row).await.unwrap();
    let retried = store.inbox_row(tenant, row).await.unwrap();
    assert_eq!((retried.state.as_str(), retried.attempts, retried.reason), ("open", 0, None));
    let refused = store.retry_notice(tenant, "ada", row).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    assert_eq!(store.claim_notices(10, LONG).await.unwrap()[0].rows, [row]);
}

#[tokio::test]
async fn a_parked_row_whose_notice_came_again_is_superseded() {
    let fleet = fleet().await;
    let row = fleet.accept("delivery").await;
    fleet.fail("no route", 1).await;
    let again = fleet.accept("delivery").await;
    fleet.store.retry_notice(&fleet.tenant, "ada", row).await.unwrap();
    assert_eq!(fleet.state(row).await, "closed: superseded");
    assert_eq!(fleet.state(again).await, "open");
}

#[tokio::test]
async fn open_rows_are_counted_by_repository() {
    let fleet = fleet().await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    let second = add_repository(store, tenant, "more").await;
    assert_eq!(store.open_notices(tenant, fleet.repository).await.unwrap(), 0);
    assert_eq!(store.open_notices(tenant, second).await.unwrap(), 1);
    fleet.accept("1").await;
    fleet.accept("2").await;
    assert_eq!(store.open_notices(tenant, fleet.repository).await.unwrap(), 2);
    fleet.fail("no route", 1).await;
    assert_eq!(store.open_notices(tenant, fleet.repository).await.unwrap(), 0);
}

#[tokio::test]
async fn pages_join() {
    let fleet = fleet().await;
    let mut rows = Vec::new();
    for n in 0..7 {
        rows.push(fleet.accept(&n.to_string()).await);
    }
    rows.reverse();
    let mut seen = Vec::new();
    while seen.len() < 7 {
        let before = seen.last().copied();
        let page = fleet.store.inbox(&fleet.tenant, Some("open"), before, 3).await.unwrap();
        seen.extend(page.iter().map(|row| row.id));
    }
    assert_eq!(seen, rows);
    let all = fleet.store.inbox(&fleet.tenant, None, None, 100).await.unwrap();
    assert_eq!(all.len(), 8, "the notice of the repository's addition is closed");
    assert_eq!(fleet.store.inbox(&fleet.tenant, Some("closed"), None, 100).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_wake_up_reaches_a_listener_also_after_its_connection_was_lost() {
    let fleet = fleet().await;
    let mut listener = fleet.store.inbox_listener().await.unwrap();
    fleet.store.wake_dispatchers().await.unwrap();
    listener.woken().await.unwrap();
    let mut admin = fleet.database.admin().await;
    let killed: i64 = sqlx::query_scalar(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    )
    .fetch_one(&mut admin)
    .await
    .unwrap();
    assert_eq!(killed, 1);
    listener.woken().await.unwrap_err();
    fleet.store.wake_dispatchers().await.unwrap();
    listener.woken().await.unwrap();
}

#[tokio::test]
async fn a_batch_answers_each_notice_as_if_it_were_alone() {
    let fleet = fleet().await;
    let other = tenant("other");
    fleet.store.ensure_tenant(&other).await.unwrap();
    let theirs = add_repository(&fleet.store, &other, "theirs").await;
    let waiting = fleet.accept("waits already").await;
    let gone = sbh_store::inbox::NewNotice {
        repository: sbh_domain::RepositoryId(uuid::Uuid::nil()),
        ..fleet.notice("of nothing")
    };
    let foreign = sbh_store::inbox::NewNotice {
        tenant: other.clone(),
        repository: theirs,
        ..fleet.notice("of another tenant")
    };
    let notices = [
        fleet.notice("b"),
        fleet.notice("waits already"),
        fleet.notice("a"),
        gone,
        fleet.notice("b"),
        foreign,
    ];
    let notices: Vec<_> = notices.iter().collect();
    let answers = fleet.store.accept_batch(&fleet.tenant, &notices).await.unwrap();
    let [b, duplicate, a, gone, twice, foreign] = &answers[..] else { panic!("{answers:?}") };
    let (Ok(Accepted::New(b)), Ok(Accepted::New(a))) = (b, a) else { panic!("{answers:?}") };
    assert_ne!(a, b);
    assert!(matches!(duplicate, Ok(Accepted::Duplicate(id)) if *id == waiting), "{duplicate:?}");
    assert!(matches!(twice, Ok(Accepted::Duplicate(id)) if id == b), "{twice:?}");
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    // It went the ordinary way, as its own tenant.
    let Ok(Accepted::New(foreign)) = foreign else { panic!("{answers:?}") };
    assert!(fleet.store.inbox_row(&fleet.tenant, *foreign).await.is_err());
    assert!(fleet.store.inbox_row(&other, *foreign).await.is_ok());
}

#[tokio::test]
async fn batches_of_the_same_notices_at_once_add_each_of_them_once() {
    let fleet = fleet().await;
    let mut batches = tokio::task::JoinSet::new();
    for turn in 0..8 {
        let store = fleet.store.clone();
        let tenant = fleet.tenant.clone();
        let mut notices: Vec<_> = (0..50).map(|n| fleet.notice(&format!("delivery {n}"))).collect();
        // In different orders, as deliveries come.
        notices.rotate_left(turn * 6);
        batches.spawn(async move {
            let notices: Vec<_> = notices.iter().collect();
            store.accept_batch(&tenant, &notices).await.unwrap()
        });
    }
    let answers: Vec<_> = batches.join_all().await.into_iter().flatten().collect();
    let new = answers.iter().filter(|answer| matches!(answer, Ok(Accepted::New(_)))).count();
    assert_eq!((new, answers.len()), (50, 400));
    assert_eq!(fleet.store.inbox_depth().await.unwrap().open, 50);
}
