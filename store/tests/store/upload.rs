//! What callers put: the text and its notice are one, and the last writer wins.

use sbh_domain::{Digest, RepositoryId};
use sbh_store::StoreError;
use sbh_store::upload::{NewUpload, Precondition, Upload, Uploaded};

use crate::fixture::{Fleet, add_repository, fleet, tenant};

pub fn new<'a>(key: &'a str, text: Option<&'a str>) -> NewUpload<'a> {
    NewUpload {
        collection: "uploads",
        key,
        content: text.map(|text| (text, None)),
        media_type: "text/markdown",
        precondition: Precondition::None,
        actor: "ada",
        trace: None,
    }
}

async fn change(fleet: &Fleet, new: &NewUpload<'_>) -> Option<Upload> {
    match fleet.store.change_upload(&fleet.tenant, new).await.unwrap() {
        Uploaded::Done { inbox, upload } => {
            assert_eq!(fleet.state(inbox).await, "open");
            Some(*upload)
        }
        Uploaded::Refused => None,
    }
}

#[tokio::test]
async fn every_change_has_a_notice_of_its_own_and_the_last_text_counts() {
    let fleet = fleet().await;
    let (store, tenant) = (&fleet.store, &fleet.tenant);
    let first = change(&fleet, &new("a/b.md", Some("one"))).await.unwrap();
    let second = change(&fleet, &new("a/b.md", Some("two\0"))).await.unwrap();
    assert_eq!((first.version, second.version), (1, 2));
    assert_eq!(first.repository, second.repository, "the collection is made once");
    let found = store.upload_in(tenant, "uploads", "a/b.md").await.unwrap().unwrap();
    assert_eq!(found.text.as_deref(), Some("two\u{fffd}"));
    assert_eq!(found.hash, Some(Digest::of("two\u{fffd}")));
    let start = store.start_space_sync(tenant, first.repository).await.unwrap();
    assert_eq!((start.notices.len(), start.whole), (2, false));
    let stale = store.uploads_to_stage(tenant, first.repository, "", 10).await.unwrap();
    assert_eq!(stale, ["a/b.md"]);

    let gone = change(&fleet, &new("a/b.md", None)).await.unwrap();
    assert_eq!((gone.version, gone.text), (3, None));
    assert!(store.upload_in(tenant, "uploads", "a/b.md").await.unwrap().is_none());
    let missing = store.change_upload(tenant, &new("a/b.md", None)).await;
    assert!(matches!(missing, Err(StoreError::NotFound { .. })), "{missing:?}");
}

#[tokio::test]
async fn a_precondition_refuses_what_somebody_else_changed() {
    let fleet = fleet().await;
    let with = |precondition, text| NewUpload { precondition, ..new("a.md", Some(text)) };
    let one = Precondition::Is(Digest::of("one"));
    assert!(change(&fleet, &with(one, "two")).await.is_none(), "there is none yet");
    assert!(change(&fleet, &with(Precondition::Absent, "one")).await.is_some());
    assert!(change(&fleet, &with(Precondition::Absent, "other")).await.is_none());
    assert!(change(&fleet, &with(one, "two")).await.is_some());
    assert!(change(&fleet, &with(one, "three")).await.is_none());
    let found = fleet.store.upload_in(&fleet.tenant, "uploads", "a.md").await.unwrap().unwrap();
    assert_eq!((found.text.as_deref(), found.version), (Some("two"), 2));
}

#[tokio::test]
async fn writers_at_once_are_one_after_the_other() {
    let fleet = fleet().await;
    let texts: Vec<_> = (0..8).map(|n| format!("text {n}")).collect();
    let changes = texts.iter().map(|text| {
        let precondition = Precondition::Absent;
        let upload = NewUpload { precondition, ..new("a.md", Some(text)) };
        let (store, tenant) = (fleet.store.clone(), fleet.tenant.clone());
        async move { store.change_upload(&tenant, &upload).await.unwrap() }
    });
    let done = futures::future::join_all(changes).await;
    let written = done.iter().filter(|one| matches!(one, Uploaded::Done { .. })).count();
    assert_eq!(written, 1, "one of those who want to be first is");
}

#[tokio::test]
async fn no_other_tenant_sees_or_changes_it_and_no_repository_becomes_a_collection() {
    let fleet = fleet().await;
    let store = &fleet.store;
    let mine = change(&fleet, &new("a.md", Some("mine"))).await.unwrap();
    let other = tenant("other");
    store.ensure_tenant(&other).await.unwrap();
    assert!(store.upload_in(&other, "uploads", "a.md").await.unwrap().is_none());
    assert!(store.upload(&other, mine.repository, "a.md").await.unwrap().is_none());
    let stale: Vec<String> = store.uploads_to_stage(&other, mine.repository, "", 10).await.unwrap();
    assert!(stale.is_empty());
    let Uploaded::Done { upload, .. } =
        store.change_upload(&other, &new("a.md", Some("theirs"))).await.unwrap()
    else {
        panic!("nothing stands against it");
    };
    assert_ne!(upload.repository, mine.repository);
    let kept = store.upload_in(&fleet.tenant, "uploads", "a.md").await.unwrap().unwrap();
    assert_eq!(kept.text.as_deref(), Some("mine"));

    let _: RepositoryId = add_repository(store, &other, "laws").await;
    let laws = NewUpload { collection: "laws", ..new("a.md", Some("x")) };
    let refused = store.change_upload(&other, &laws).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
}
