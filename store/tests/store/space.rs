//! Hosted spaces are synchronised document by document: what was fetched counts, what was not is gone
//! on with.

use sbh_domain::{ConnectionId, InboxId, RepositoryId};
use sbh_store::StoreError;
use sbh_store::inbox::{Accepted, NewNotice};
use sbh_store::repo_sync::DocumentChange;
use sbh_store::repository::NewRepository;
use sbh_store::space::WantedDocument;

use crate::fixture::{Fleet, fleet, hub, new_sync, present};

/// A fleet with a space of a connection.
async fn hosted() -> (Fleet, ConnectionId) {
    let mut fleet = fleet().await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    let new = hub("jira", b"sealed", None);
    let connection = store.create_connection(tenant, "ada", &new).await.unwrap();
    fleet.repository = store.add_repository(tenant, "ada", &space(connection)).await.unwrap().id;
    (fleet, connection)
}

fn space(connection: ConnectionId) -> NewRepository {
    NewRepository {
        connection: Some(connection),
        name: "PAY".to_owned(),
        url: "jira:PAY".to_owned(),
        branch: None,
        hosted: Some(("jira".to_owned(), "PAY".to_owned())),
        globs: Vec::new(),
    }
}

async fn names(fleet: &Fleet, key: &str) -> InboxId {
    let notice =
        NewNotice { document_key: Some(key.to_owned()), ..fleet.notice(&format!("named/{key}")) };
    match fleet.store.accept(&notice).await.unwrap() {
        Accepted::New(id) => id,
        Accepted::Duplicate(id) => panic!("{key} is the same notice as {id}"),
    }
}

async fn wanted(fleet: &Fleet) -> Vec<WantedDocument> {
    let (tenant, repository) = (&fleet.tenant, fleet.repository);
    fleet.store.wanted_documents(tenant, repository, "", 100).await.unwrap()
}

async fn keys(fleet: &Fleet) -> Vec<String> {
    wanted(fleet).await.into_iter().map(|wanted| wanted.key).collect()
}

fn of(wanted: &WantedDocument, text: &str) -> (WantedDocument, DocumentChange) {
    (wanted.clone(), present(&wanted.key, text))
}

#[tokio::test]
async fn a_notice_waits_for_the_document_that_it_names_and_for_no_other() {
    let (fleet, _) = hosted().await;
    let (store, tenant, repository) = (&fleet.store, &fleet.tenant, fleet.repository);
    let (one, two) = (names(&fleet, "PAY-1").await, names(&fleet, "PAY-2").await);
    let start = store.start_space_sync(tenant, repository).await.unwrap();
    assert!(start.whole, "the notice of having been added names none");
    assert_eq!(keys(&fleet).await, ["PAY-1", "PAY-2"]);
    let sync = new_sync();
    let fetched = vec![of(&wanted(&fleet).await[0], "one")];
    let staged = store.stage_fetched(tenant, repository, sync, fetched).await.unwrap();
    assert_eq!((staged.changed, staged.removed), (1, 0));

    // The service asked to be left alone: the listing has not ended, and the second is not fetched.
    let finish = store.finish_space_sync(tenant, repository, sync, &start.notices, false);
    assert_eq!(finish.await.unwrap().answered, 1);
    assert_eq!(keys(&fleet).await, ["PAY-2"]);
    let document = fleet.document("PAY-1").await;
    fleet.prove(document, Some("one"), &[]).await;
    assert_eq!(fleet.state(one).await, "closed: recorded");
    assert_eq!(fleet.state(two).await, "open");

    // The next one goes on with what is left, and takes nothing up a second time.
    let start = store.start_space_sync(tenant, repository).await.unwrap();
    assert!(start.notices.contains(&two) && !start.notices.contains(&one));
    assert_eq!(keys(&fleet).await, ["PAY-2"]);
    let sync = new_sync();
    store.note_listing(tenant, repository, sync, "cursor", &[], &[], false).await.unwrap();
    let fetched = vec![of(&wanted(&fleet).await[0], "two")];
    store.stage_fetched(tenant, repository, sync, fetched).await.unwrap();
    let finish = store.finish_space_sync(tenant, repository, sync, &start.notices, true);
    assert_eq!(finish.await.unwrap().answered, 2, "the one that names none as well");
    let kept = store.repository(tenant, repository).await.unwrap();
    assert_eq!(kept.baseline.as_deref(), Some("cursor"));
}

#[tokio::test]
async fn what_was_asked_for_again_while_it_was_fetched_is_fetched_again() {
    let (fleet, _) = hosted().await;
    let (store, tenant, repository) = (&fleet.store, &fleet.tenant, fleet.repository);
    names(&fleet, "PAY-1").await;
    store.start_space_sync(tenant, repository).await.unwrap();
    let before = wanted(&fleet).await;
    // Another edit, and another attempt that takes its notice up.
    let later = names(&fleet, "PAY-1").await;
    let start = store.start_space_sync(tenant, repository).await.unwrap();
    let sync = new_sync();
    let staged = store.stage_fetched(tenant, repository, sync, vec![of(&before[0], "old")]).await;
    assert_eq!(staged.unwrap().changed, 0, "it was fetched before the edit");
    let finish = store.finish_space_sync(tenant, repository, sync, &start.notices, true);
    assert_eq!(finish.await.unwrap().answered, 0);
    assert_eq!(fleet.state(later).await, "open");

    let fetched = vec![of(&wanted(&fleet).await[0], "new")];
    store.stage_fetched(tenant, repository, sync, fetched.clone()).await.unwrap();
    let again = store.stage_fetched(tenant, repository, sync, fetched).await.unwrap();
    assert_eq!(again.changed, 0, "once");
    assert!(keys(&fleet).await.is_empty());
}

#[tokio::test]
async fn a_listing_moves_the_cursor_with_what_it_named() {
    let (fleet, _) = hosted().await;
    let (store, tenant, repository) = (&fleet.store, &fleet.tenant, fleet.repository);
    store.start_space_sync(tenant, repository).await.unwrap();
    let sync = new_sync();
    let named = ["PAY-1".to_owned(), "PAY-2".to_owned()];
    let gone = ["PAY-3".to_owned()];
    store.note_listing(tenant, repository, sync, "page-1", &named, &gone, false).await.unwrap();
    assert_eq!(keys(&fleet).await, named, "nobody knew the one that is gone");
    let fetched = wanted(&fleet).await.iter().map(|wanted| of(wanted, "text")).collect();
    store.stage_fetched(tenant, repository, sync, fetched).await.unwrap();

    // A listing of everything: what it does not name is fetched to see that it is gone.
    let named = ["PAY-1".to_owned()];
    store.note_listing(tenant, repository, sync, "page-2", &named, &[], true).await.unwrap();
    assert_eq!(keys(&fleet).await, ["PAY-1", "PAY-2"]);

    // An older synchronisation moves no cursor, and neither does a poll that comes too late.
    store.note_listing(tenant, repository, new_sync(), "page-3", &[], &[], false).await.unwrap();
    let overtaken = store.note_listing(tenant, repository, sync, "old", &[], &[], false).await;
    assert!(matches!(overtaken, Err(StoreError::Conflict(_))), "{overtaken:?}");
    store.note_cursor(tenant, repository, "page-2", "late").await.unwrap();
    let baseline = async || store.repository(tenant, repository).await.unwrap().baseline;
    assert_eq!(baseline().await.as_deref(), Some("page-3"));
    store.note_cursor(tenant, repository, "page-3", "page-4").await.unwrap();
    assert_eq!(baseline().await.as_deref(), Some("page-4"));
    let long = "x".repeat(2_001);
    let refused = store.note_cursor(tenant, repository, "page-4", &long).await;
    assert!(matches!(refused, Err(StoreError::Unreadable(_))), "{refused:?}");
}

#[tokio::test]
async fn a_space_is_followed_once_and_only_through_a_connection_that_is_there() {
    let (fleet, connection) = hosted().await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    let twice = NewRepository { name: "again".to_owned(), ..space(connection) };
    let refused = store.add_repository(tenant, "ada", &twice).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");

    let used = store.remove_connection(tenant, "ada", connection).await;
    assert!(matches!(used, Err(StoreError::Conflict(_))), "{used:?}");
    store.remove_repository(tenant, "ada", fleet.repository).await.unwrap();
    store.remove_connection(tenant, "ada", connection).await.unwrap();
    assert!(store.connection_for_webhook(connection).await.unwrap().is_none());
    let late = store.add_repository(tenant, "ada", &twice).await;
    assert!(matches!(late, Err(StoreError::NotFound { .. })), "{late:?}");
    let restored = store.restore_repository(tenant, "ada", fleet.repository).await;
    assert!(matches!(restored, Err(StoreError::Conflict(_))), "{restored:?}");
    // The name of the removed one is free.
    store.create_connection(tenant, "ada", &hub("jira", b"sealed", None)).await.unwrap();
}

#[tokio::test]
async fn a_paused_connection_is_never_due_and_resuming_it_looks_at_everything() {
    let (fleet, connection) = hosted().await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    store.start_space_sync(tenant, fleet.repository).await.unwrap();
    let due = async || store.connections_due(10).await.unwrap();
    assert_eq!(due().await, [(tenant.clone(), connection)]);
    for _ in 0..2 {
        store.pause_connection(tenant, "ada", connection).await.unwrap();
    }
    assert!(due().await.is_empty());
    assert!(store.connection_for_webhook(connection).await.unwrap().unwrap().paused);
    let open =
        async |repository: RepositoryId| store.open_notices(tenant, repository).await.unwrap();
    let before = open(fleet.repository).await;
    for _ in 0..2 {
        store.resume_connection(tenant, "ada", connection).await.unwrap();
    }
    assert_eq!(open(fleet.repository).await, before + 1, "one notice, however often");
    assert_eq!(due().await, [(tenant.clone(), connection)]);
    store.remove_repository(tenant, "ada", fleet.repository).await.unwrap();
    store.remove_connection(tenant, "ada", connection).await.unwrap();
    assert!(due().await.is_empty());
}
