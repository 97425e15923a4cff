//! Failing, parking and retrying notices.

use std::time::Duration;

use crate::fixture::{add_repository, fleet, new_sync, present};

const LONG: Duration = Duration::from_secs(600);

#[tokio::test]
async fn a_failed_synchronisation_leaves_alone_what_came_since_and_what_is_answered() {
    let fleet = fleet().await;
    let answered = fleet.accept("answered").await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let taken = fleet.accept("taken").await;
    fleet.store.start_sync(&fleet.tenant, fleet.repository).await.unwrap();
    let since = fleet.accept("since").await;
    let failed = fleet.store.fail_notices(&fleet.tenant, fleet.repository, "no route", 1).await;
    assert_eq!(failed.unwrap(), 1);
    assert_eq!(fleet.state(answered).await, "open");
    assert_eq!(fleet.state(taken).await, "parked: no route");
    assert_eq!(fleet.state(since).await, "open");
    assert_eq!(fleet.store.inbox_row(&fleet.tenant, since).await.unwrap().attempts, 0);
}

#[tokio::test]
async fn a_dispatcher_fails_only_what_it_claimed() {
    let fleet = fleet().await;
    let claimed = fleet.accept("claimed").await;
    let claim = fleet.store.claim_notices(10, LONG).await.unwrap().remove(0);
    let since = fleet.accept("since").await;
    assert_eq!(fleet.store.fail_claim(&claim, "refused", 1).await.unwrap(), 1);
    assert_eq!(fleet.state(claimed).await, "parked: refused");
    assert_eq!(fleet.state(since).await, "open");
}

#[tokio::test]
async fn a_parked_row_is_closed_by_the_next_synchronisation_that_succeeds() {
    let fleet = fleet().await;
    let row = fleet.accept("delivery").await;
    fleet.fail("no route", 1).await;
    assert_eq!(fleet.state(row).await, "parked: no route");
    fleet.push("c1", &[present("a.md", "a1")]).await;
    assert_eq!(fleet.state(row).await, "parked: no route", "its document is not recorded");
    let a = fleet.document("a.md").await;
    assert_eq!(fleet.prove(a, Some("a1"), &[]).await.closed, 1);
    assert_eq!(fleet.state(row).await, "closed: recorded");
}

#[tokio::test]
async fn a_row_that_is_retried_during_a_synchronisation_asks_for_another() {
    let fleet = fleet().await;
    let row = fleet.accept("delivery").await;
    fleet.fail("no route", 1).await;
    let start = fleet.store.start_sync(&fleet.tenant, fleet.repository).await.unwrap();
    assert_eq!(start.notices, [row]);
    fleet.store.retry_notice(&fleet.tenant, "ada", row).await.unwrap();
    let (sync, rows) = (new_sync(), &start.notices);
    fleet.store.finish_sync(&fleet.tenant, fleet.repository, sync, "c1", rows).await.unwrap();
    assert_eq!(fleet.state(row).await, "open");
    assert_eq!(fleet.store.claim_notices(10, LONG).await.unwrap()[0].rows, [row]);
}

#[tokio::test]
async fn all_parked_rows_are_retried_each_notice_once() {
    let fleet = fleet().await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    let second = add_repository(store, tenant, "more").await;
    let first = fleet.accept("delivery").await;
    fleet.fail("no route", 1).await;
    let twin = fleet.accept("delivery").await;
    fleet.fail("no route", 1).await;
    let waits = fleet.accept("other").await;
    fleet.fail("no route", 1).await;
    let again = fleet.accept("other").await;
    assert_eq!(store.retry_notices(tenant, "ada", Some(second)).await.unwrap(), 0);
    assert_eq!(store.retry_notices(tenant, "ada", Some(fleet.repository)).await.unwrap(), 3);
    assert_eq!(fleet.state(first).await, "open");
    assert_eq!(fleet.state(twin).await, "closed: superseded");
    assert_eq!(fleet.state(waits).await, "closed: superseded");
    assert_eq!(fleet.state(again).await, "open");
    assert_eq!(store.retry_notices(tenant, "ada", None).await.unwrap(), 0);
}

#[tokio::test]
async fn a_repeated_end_says_what_the_synchronisation_found() {
    let fleet = fleet().await;
    let (store, tenant, sync) = (&fleet.store, &fleet.tenant, new_sync());
    let start = store.start_sync(tenant, fleet.repository).await.unwrap();
    let changes = [present("a.md", "a1"), present("b.md", "b1")];
    store.stage_documents(tenant, fleet.repository, sync, &changes).await.unwrap();
    let end = store.finish_sync(tenant, fleet.repository, sync, "c1", &start.notices).await;
    let end = end.unwrap();
    assert_eq!((end.staged, end.repeated), (2, false));
    let end = store.finish_sync(tenant, fleet.repository, sync, "c1", &[]).await.unwrap();
    assert_eq!((end.staged, end.repeated), (2, true));
}
