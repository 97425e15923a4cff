//! The life of a row of the inbox, from its acknowledgement to the recording of its result.

use sbh_domain::{Digest, Verdict};

use crate::fixture::{absent, fleet, new_sync, present, run, verdict};

#[tokio::test]
async fn a_row_closes_with_the_last_document_of_its_synchronisation() {
    let fleet = fleet().await;
    let row = fleet.accept("push-1").await;
    let staged = fleet.push("c1", &[present("a.md", "a1"), present("b.md", "b1")]).await;
    assert_eq!((staged.changed, staged.removed), (2, 0));
    assert_eq!(fleet.state(row).await, "open");
    let (a, b) = (fleet.document("a.md").await, fleet.document("b.md").await);

    let recorded = fleet.prove(a, Some("a1"), &[verdict(0, "A", Verdict::Proved)]).await;
    assert_eq!((recorded.closed, recorded.stale), (0, false));
    assert_eq!(fleet.state(row).await, "open");
    let recorded = fleet.prove(b, Some("b1"), &[]).await;
    assert_eq!(recorded.closed, 1);
    assert_eq!(fleet.state(row).await, "closed: recorded");
}

#[tokio::test]
async fn a_synchronisation_without_changes_closes_its_rows() {
    let fleet = fleet().await;
    let row = fleet.accept("push-1").await;
    fleet.push("c1", &[]).await;
    assert_eq!(fleet.state(row).await, "closed: unchanged");
}

#[tokio::test]
async fn a_row_waits_for_what_an_earlier_synchronisation_found() {
    let fleet = fleet().await;
    let first = fleet.accept("push-1").await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    // Its content was fetched by the synchronisation before: nothing new, but nothing recorded.
    let second = fleet.accept("push-2").await;
    fleet.push("c1", &[]).await;
    assert_eq!(fleet.state(second).await, "open");
    let a = fleet.document("a.md").await;
    assert_eq!(fleet.prove(a, Some("a1"), &[]).await.closed, 2);
    assert_eq!(fleet.state(first).await, "closed: recorded");
    assert_eq!(fleet.state(second).await, "closed: recorded");
}

#[tokio::test]
async fn a_later_content_closes_the_rows_of_the_earlier_one() {
    let fleet = fleet().await;
    let first = fleet.accept("push-1").await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let second = fleet.accept("push-2").await;
    fleet.push("c2", &[present("a.md", "a2")]).await;
    let a = fleet.document("a.md").await;

    assert_eq!(fleet.prove(a, Some("a2"), &[]).await.closed, 2);
    assert_eq!(fleet.state(first).await, "closed: superseded");
    assert_eq!(fleet.state(second).await, "closed: recorded");
    // The earlier content comes late: it neither undoes the later one nor opens anything.
    let late = fleet.prove(a, Some("a1"), &[verdict(0, "A", Verdict::Refuted)]).await;
    assert_eq!((late.closed, late.stale, late.after.total()), (0, false, 0));
    let document = fleet.store.document(&fleet.tenant, a).await.unwrap();
    assert_eq!(document.recorded, Some(Digest::of("a2")));
}

#[tokio::test]
async fn an_earlier_content_closes_only_its_own_rows() {
    let fleet = fleet().await;
    let first = fleet.accept("push-1").await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let second = fleet.accept("push-2").await;
    fleet.push("c2", &[present("a.md", "a2")]).await;
    let a = fleet.document("a.md").await;

    let recorded = fleet.prove(a, Some("a1"), &[verdict(0, "A", Verdict::Proved)]).await;
    assert_eq!((recorded.closed, recorded.stale), (1, true));
    assert_eq!(fleet.state(first).await, "closed: recorded");
    assert_eq!(fleet.state(second).await, "open");
    let document = fleet.store.document(&fleet.tenant, a).await.unwrap();
    assert!(document.drifted_at.is_some() && document.counts.proved == 1);
    assert_eq!(fleet.prove(a, Some("a2"), &[]).await.closed, 1);
    assert_eq!(fleet.state(second).await, "closed: recorded");
}

#[tokio::test]
async fn a_content_that_comes_back_leaves_no_row_open() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    fleet.prove(a, Some("a1"), &[]).await;

    let edit = fleet.accept("push-2").await;
    fleet.push("c2", &[present("a.md", "a2")]).await;
    let revert = fleet.accept("push-3").await;
    let staged = fleet.push("c3", &[present("a.md", "a1")]).await;
    assert_eq!(staged.changed, 0, "what came back is recorded already");
    assert_eq!(fleet.state(edit).await, "closed: superseded");
    assert_eq!(fleet.state(revert).await, "closed: recorded");
    // The proof of what was in between is of no use to anyone now.
    let late = fleet.prove(a, Some("a2"), &[verdict(0, "A", Verdict::Refuted)]).await;
    assert_eq!((late.closed, late.stale, late.after.total()), (0, false, 0));
}

#[tokio::test]
async fn a_document_that_is_gone_is_recorded_like_a_change() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    fleet.prove(a, Some("a1"), &[verdict(0, "A", Verdict::Proved)]).await;

    let row = fleet.accept("push-2").await;
    let staged = fleet.push("c2", &[absent("a.md")]).await;
    assert_eq!((staged.changed, staged.removed), (0, 1));
    assert_eq!(fleet.state(row).await, "open");
    let proof = fleet.store.document_for_proof(&fleet.tenant, a).await.unwrap();
    assert!(proof.observed.is_none() && proof.text.is_none() && proof.invariants.len() == 1);
    let recorded = fleet.prove(a, None, &[]).await;
    assert_eq!((recorded.before.total(), recorded.after.total(), recorded.closed), (1, 0, 1));
    assert_eq!(fleet.state(row).await, "closed: recorded");
    assert!(
        fleet.store.documents(&fleet.tenant, fleet.repository, None, 9).await.unwrap().is_empty()
    );

    // It comes back as the same document, with the same content as before.
    let row = fleet.accept("push-3").await;
    fleet.push("c3", &[present("a.md", "a1")]).await;
    assert_eq!(fleet.document("a.md").await, a);
    assert_eq!(fleet.prove(a, Some("a1"), &[]).await.closed, 1);
    assert_eq!(fleet.state(row).await, "closed: recorded");
}

#[tokio::test]
async fn a_document_that_came_and_went_unseen_holds_nothing_open() {
    let fleet = fleet().await;
    let came = fleet.accept("push-1").await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let went = fleet.accept("push-2").await;
    fleet.push("c2", &[absent("a.md")]).await;
    assert_eq!(fleet.state(came).await, "closed: superseded");
    assert_eq!(fleet.state(went).await, "closed: recorded");
}

#[tokio::test]
async fn recording_before_the_synchronisation_finishes_closes_its_rows_at_its_end() {
    let fleet = fleet().await;
    let row = fleet.accept("push-1").await;
    let sync = new_sync();
    let start = fleet.store.start_sync(&fleet.tenant, fleet.repository).await.unwrap();
    let changes = [present("a.md", "a1")];
    fleet.store.stage_documents(&fleet.tenant, fleet.repository, sync, &changes).await.unwrap();
    let a = fleet.document("a.md").await;
    assert_eq!(fleet.prove(a, Some("a1"), &[]).await.closed, 0);
    assert_eq!(fleet.state(row).await, "open");
    for _repeated in 0..2 {
        fleet
            .store
            .finish_sync(&fleet.tenant, fleet.repository, sync, "c1", &start.notices)
            .await
            .unwrap();
        assert_eq!(fleet.state(row).await, "closed: recorded");
    }
}

#[tokio::test]
async fn concurrent_recordings_of_one_synchronisation_close_its_row_exactly_once() {
    let fleet = fleet().await;
    for round in 0..8 {
        let row = fleet.accept(&format!("push-{round}")).await;
        let text = format!("text {round}");
        let paths: Vec<_> = (0..8).map(|n| format!("{n}.md")).collect();
        let changes: Vec<_> = paths.iter().map(|path| present(path, &text)).collect();
        fleet.push(&format!("c{round}"), &changes).await;
        let mut recordings = tokio::task::JoinSet::new();
        for path in &paths {
            let document = fleet.document(path).await;
            let (store, tenant, hash) =
                (fleet.store.clone(), fleet.tenant.clone(), Digest::of(&text));
            recordings.spawn(async move {
                store.record(&tenant, document, Some(hash), 0, &run()).await.unwrap().closed
            });
        }
        let closed: u32 = recordings.join_all().await.into_iter().sum();
        assert_eq!(closed, 1);
        assert_eq!(fleet.state(row).await, "closed: recorded");
    }
}

#[tokio::test]
async fn leftovers_are_mended() {
    let fleet = fleet().await;
    let row = fleet.accept("push-1").await;
    fleet.push("c1", &[present("a.md", "a1"), present("b.md", "b1")]).await;
    let (a, b) = (fleet.document("a.md").await, fleet.document("b.md").await);
    fleet.prove(a, Some("a1"), &[]).await;
    assert_eq!(fleet.store.close_finished_notices().await.unwrap(), 0, "b is still open");
    // A wait that nobody ended, and a count that is wrong.
    let mut admin = fleet.database.admin().await;
    sqlx::raw_sql("UPDATE syncs SET pending = 7").execute(&mut admin).await.unwrap();
    fleet.prove(b, Some("b1"), &[]).await;
    assert_eq!(fleet.state(row).await, "open");
    assert_eq!(fleet.store.close_finished_notices().await.unwrap(), 1);
    assert_eq!(fleet.state(row).await, "closed: recorded");
    assert_eq!(fleet.store.close_finished_notices().await.unwrap(), 0);
}
