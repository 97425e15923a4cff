//! Adding, removing and restoring repositories.

use sbh_domain::Verdict;
use sbh_store::StoreError;
use sbh_store::repository::NewRepository;

use crate::fixture::{add_repository, fleet, present, verdict};

#[tokio::test]
async fn an_added_repository_has_a_notice_and_its_name_is_taken() {
    let fleet = fleet().await;
    let id = add_repository(&fleet.store, &fleet.tenant, "more").await;
    let open = fleet.store.inbox(&fleet.tenant, Some("open"), None, 9).await.unwrap();
    assert_eq!((open[0].repository, open[0].source.as_str()), (id, "api"));
    let new = NewRepository {
        connection: None,
        name: "more".to_owned(),
        url: "https://git.example/other".to_owned(),
        branch: None,
        hosted: None,
        globs: Vec::new(),
    };
    let refused = fleet.store.add_repository(&fleet.tenant, "ada", &new).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    let names: Vec<_> = fleet.store.repositories(&fleet.tenant, false).await.unwrap();
    let names: Vec<_> = names.iter().map(|repository| repository.name.as_str()).collect();
    assert_eq!(names, ["more", "specs"]);
}

#[tokio::test]
async fn a_removal_can_be_undone() {
    let fleet = fleet().await;
    let (store, tenant, repository) = (&fleet.store, &fleet.tenant, fleet.repository);
    let row = fleet.accept("push-1").await;
    fleet.push("c1", &[present("a.md", "a1"), present("b.md", "b1")]).await;
    let (a, b) = (fleet.document("a.md").await, fleet.document("b.md").await);
    fleet.prove(a, Some("a1"), &[verdict(0, "A", Verdict::Proved)]).await;

    for _repeated in 0..2 {
        store.remove_repository(tenant, "ada", repository).await.unwrap();
        assert!(store.coverage(tenant).await.unwrap().is_empty());
        assert_eq!(store.coverage_of(tenant, repository).await.unwrap().counts.total(), 0);
    }
    assert_eq!(fleet.state(row).await, "closed: superseded");
    assert!(store.repositories(tenant, false).await.unwrap().is_empty());
    assert!(store.repositories(tenant, true).await.unwrap()[0].removed_at.is_some());
    let refused = store.start_sync(tenant, repository).await;
    assert!(matches!(refused, Err(StoreError::NotFound { .. })), "{refused:?}");
    // A proof that was under way is recorded, and counts when the repository comes back.
    fleet.prove(b, Some("b1"), &[verdict(0, "B", Verdict::Refuted)]).await;
    assert_eq!(store.coverage_of(tenant, repository).await.unwrap().counts.total(), 0);

    for _repeated in 0..2 {
        store.restore_repository(tenant, "ada", repository).await.unwrap();
        let counts = store.coverage_of(tenant, repository).await.unwrap().counts;
        assert_eq!((counts.proved, counts.refuted, counts.total()), (1, 1, 2));
    }
    let open = store.inbox(tenant, Some("open"), None, 9).await.unwrap();
    assert_eq!(open.len(), 1, "one notice asks for a synchronisation");
}

#[tokio::test]
async fn a_removal_cannot_be_undone_too_late_or_over_a_taken_name() {
    let fleet = fleet().await;
    let (store, tenant, repository) = (&fleet.store, &fleet.tenant, fleet.repository);
    store.remove_repository(tenant, "ada", repository).await.unwrap();
    let usurper = add_repository(store, tenant, "specs").await;
    let refused = store.restore_repository(tenant, "ada", repository).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    store.remove_repository(tenant, "ada", usurper).await.unwrap();
    let mut admin = fleet.database.admin().await;
    sqlx::raw_sql("UPDATE repositories SET removed_at = removed_at - interval '31 days'")
        .execute(&mut admin)
        .await
        .unwrap();
    let refused = store.restore_repository(tenant, "ada", repository).await;
    assert!(
        matches!(&refused, Err(StoreError::Conflict(why)) if why.contains("30 days")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_notice_left_open_by_a_removal_is_closed() {
    let fleet = fleet().await;
    let row = fleet.accept("push-1").await;
    let mut admin = fleet.database.admin().await;
    // As if it had been accepted at the very moment of the removal.
    sqlx::raw_sql("UPDATE repositories SET removed_at = now()").execute(&mut admin).await.unwrap();
    assert_eq!(fleet.store.close_finished_notices().await.unwrap(), 1);
    assert_eq!(fleet.state(row).await, "closed: superseded");
}
