//! Staging: renames, unreadable documents, repetitions, overtaken synchronisations, announcing.

use sbh_domain::Digest;
use sbh_store::StoreError;
use sbh_store::repo_sync::{About, CanonicalText, DocumentChange};

use crate::fixture::{absent, fleet, moved, new_sync, present};

#[tokio::test]
async fn a_document_survives_a_rename() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    fleet.prove(a, Some("a1"), &[]).await;
    let staged = fleet.push("c2", &[moved("b.md", Some("a.md"), "a1")]).await;
    assert_eq!((staged.changed, staged.removed), (0, 0), "the content is the same");
    assert_eq!(fleet.document("b.md").await, a);
    // Renamed and edited, while something new takes the old path, both in one push.
    let changes = [moved("c.md", Some("b.md"), "a2"), present("b.md", "new")];
    let staged = fleet.push("c3", &changes).await;
    assert_eq!(staged.changed, 2);
    let documents = fleet.store.documents(&fleet.tenant, fleet.repository, None, 9).await.unwrap();
    assert_eq!(documents.len(), 2, "{documents:?}");
}

#[tokio::test]
async fn a_rename_over_what_an_interrupted_synchronisation_made_leaves_one_document() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    // Copied to b.md, staged, never finished; then a.md goes: git calls both together a rename.
    let changes = [present("b.md", "a1")];
    let interrupted = new_sync();
    fleet
        .store
        .stage_documents(&fleet.tenant, fleet.repository, interrupted, &changes)
        .await
        .unwrap();
    assert!(fleet.store.start_sync(&fleet.tenant, fleet.repository).await.unwrap().unfinished);
    fleet.push("c3", &[moved("b.md", Some("a.md"), "a1")]).await;
    let documents = fleet.store.documents(&fleet.tenant, fleet.repository, None, 9).await.unwrap();
    let paths: Vec<_> = documents.iter().map(|document| document.path.as_str()).collect();
    assert_eq!(paths, ["b.md"]);
    assert!(!fleet.store.start_sync(&fleet.tenant, fleet.repository).await.unwrap().unfinished);
}

#[tokio::test]
async fn repeating_a_batch_changes_nothing_and_counts_the_same() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("gone.md", "g")]).await;
    let gone = fleet.document("gone.md").await;
    fleet.prove(gone, Some("g"), &[]).await;
    let row = fleet.accept("push-2").await;
    let start = fleet.store.start_sync(&fleet.tenant, fleet.repository).await.unwrap();
    let sync = new_sync();
    let changes =
        [present("a.md", "a1"), present("b.md", "b1"), absent("gone.md"), absent("never.md")];
    for _repeated in 0..3 {
        let staged = fleet
            .store
            .stage_documents(&fleet.tenant, fleet.repository, sync, &changes)
            .await
            .unwrap();
        assert_eq!((staged.changed, staged.removed), (2, 1));
    }
    fleet
        .store
        .finish_sync(&fleet.tenant, fleet.repository, sync, "c2", &start.notices)
        .await
        .unwrap();
    for (path, text) in [("a.md", Some("a1")), ("b.md", Some("b1"))] {
        let document = fleet.document(path).await;
        assert_eq!(fleet.prove(document, text, &[]).await.closed, 0);
    }
    assert_eq!(fleet.prove(gone, None, &[]).await.closed, 1);
    assert_eq!(fleet.state(row).await, "closed: recorded");
}

#[tokio::test]
async fn an_unreadable_document_is_open_once() {
    let fleet = fleet().await;
    let unreadable = |blob: &str, reason: &str| DocumentChange::Present {
        path: "a.md".to_owned(),
        renamed_from: None,
        blob: blob.to_owned(),
        about: About::default(),
        content: Err(reason.to_owned()),
    };
    assert_eq!(fleet.push("c1", &[unreadable("b1", "it is not UTF-8")]).await.changed, 1);
    let a = fleet.document("a.md").await;
    let proof = fleet.store.document_for_proof(&fleet.tenant, a).await.unwrap();
    assert_eq!(proof.unreadable.as_deref(), Some("it is not UTF-8"));
    assert!(proof.text.is_none());
    let hash = proof.observed;
    fleet.store.record(&fleet.tenant, a, hash, 0, &crate::fixture::run()).await.unwrap();
    assert_eq!(fleet.push("c2", &[unreadable("b1", "it is not UTF-8")]).await.changed, 0);
    assert_eq!(fleet.push("c3", &[unreadable("b2", "it is not UTF-8")]).await.changed, 1);
    // Readable again.
    fleet.push("c4", &[present("a.md", "a1")]).await;
    let proof = fleet.store.document_for_proof(&fleet.tenant, a).await.unwrap();
    assert_eq!((proof.unreadable, proof.text.as_deref()), (None, Some("a1")));
}

#[tokio::test]
async fn a_text_with_nul_is_unreadable() {
    let fleet = fleet().await;
    let text = "a\0b".to_owned();
    let change = DocumentChange::Present {
        path: "a.md".to_owned(),
        renamed_from: None,
        blob: "b".to_owned(),
        about: About::default(),
        content: Ok(CanonicalText { hash: Digest::of(&text), text }),
    };
    fleet.push("c1", &[change]).await;
    let a = fleet.document("a.md").await;
    let proof = fleet.store.document_for_proof(&fleet.tenant, a).await.unwrap();
    assert!(proof.unreadable.unwrap().contains("NUL"));
}

#[tokio::test]
async fn an_overtaken_synchronisation_is_refused() {
    let fleet = fleet().await;
    let (old, new) = (new_sync(), new_sync());
    let stage = async |sync, text: &str| {
        let changes = [present("a.md", text)];
        fleet.store.stage_documents(&fleet.tenant, fleet.repository, sync, &changes).await
    };
    stage(old, "old").await.unwrap();
    stage(new, "new").await.unwrap();
    let refused = stage(old, "old again").await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    let refused = fleet.store.finish_sync(&fleet.tenant, fleet.repository, old, "c0", &[]).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))), "{refused:?}");
    fleet.store.finish_sync(&fleet.tenant, fleet.repository, new, "c1", &[]).await.unwrap();
    let a = fleet.document("a.md").await;
    let document = fleet.store.document(&fleet.tenant, a).await.unwrap();
    assert_eq!(document.observed, Some(Digest::of("new")));
}

#[tokio::test]
async fn a_finished_synchronisation_moves_the_baseline_and_clears_the_error() {
    let fleet = fleet().await;
    fleet.store.note_repository(&fleet.tenant, fleet.repository, Some("no route")).await.unwrap();
    fleet.push("c1", &[]).await;
    let repository = fleet.store.repository(&fleet.tenant, fleet.repository).await.unwrap();
    assert_eq!(repository.baseline.as_deref(), Some("c1"));
    assert!(repository.last_error.is_none() && repository.synced_at.is_some());
}
