//! What nobody needs any more goes, and nothing else.

use std::time::Duration;

use sbh_domain::{Digest, Verdict};
use sbh_store::StoreError;

use crate::fixture::{Fleet, add_repository, fleet, present, verdict};

const DAY: Duration = Duration::from_secs(86_400);

impl Fleet {
    async fn sql(&self, statement: &str) -> u64 {
        let mut admin = self.database.admin().await;
        sqlx::query(statement).execute(&mut admin).await.unwrap().rows_affected()
    }

    async fn count(&self, table: &str) -> i64 {
        let mut admin = self.database.admin().await;
        let sql = format!("SELECT count(*) FROM {table}");
        sqlx::query_scalar(&sql).fetch_one(&mut admin).await.unwrap()
    }
}

#[tokio::test]
async fn closed_rows_and_finished_synchronisations_go_after_their_time() {
    let fleet = fleet().await;
    let closed = fleet.accept("1").await;
    fleet.push("c1", &[]).await;
    let open = fleet.accept("2").await;
    let parked = fleet.accept("3").await;
    fleet.sql(&format!("UPDATE inbox SET state = 'parked' WHERE id = '{parked}'")).await;
    assert_eq!(fleet.store.prune(90 * DAY).await.unwrap(), 0);
    // The first row is that of the repository's addition. Ids hold the time as well.
    fleet
        .sql(
            "UPDATE inbox SET received_at = received_at - interval '91 days',
                               closed_at = closed_at - interval '91 days',
                               id = ('00000000-0000-7000-8000' || right(id::text, 13))::uuid
              WHERE state = 'closed'",
        )
        .await;
    fleet.sql("UPDATE syncs SET started_at = started_at - interval '91 days'").await;
    assert_eq!(fleet.count("syncs").await, 2);
    assert_eq!(fleet.store.prune(92 * DAY).await.unwrap(), 0);
    // Two rows, and the synchronisation that is not the newest.
    assert_eq!(fleet.store.prune(90 * DAY).await.unwrap(), 3);
    assert_eq!(fleet.count("syncs").await, 1);
    let gone = fleet.store.inbox_row(&fleet.tenant, closed).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    assert_eq!(fleet.state(open).await, "open");
    assert_eq!(fleet.state(parked).await, "parked");
}

#[tokio::test]
async fn more_than_a_batch_goes_at_once() {
    let fleet = fleet().await;
    fleet
        .sql("INSERT INTO inbox (id, tenant_id, repository_id, source, dedup_key, hint, state, closed_at)
              SELECT ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 'demo',
                     gen_random_uuid(), 'github', n::text, '{}', 'closed', now() - interval '1 year'
              FROM generate_series(1, 2500) AS n")
        .await;
    assert_eq!(fleet.store.prune(90 * DAY).await.unwrap(), 2_500);
}

#[tokio::test]
async fn texts_that_no_document_has_go() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1"), present("b.md", "b1")]).await;
    fleet.push("c2", &[present("a.md", "a2")]).await;
    assert_eq!(fleet.store.prune(90 * DAY).await.unwrap(), 0, "they may be needed soon");
    fleet.sql("UPDATE document_texts SET created_at = created_at - interval '2 days'").await;
    assert_eq!(fleet.store.prune(90 * DAY).await.unwrap(), 1);
    // What is staged again is young again, in whichever document.
    fleet.push("c3", &[present("a.md", "a3"), present("c.md", "a2")]).await;
    let a = fleet.document("a.md").await;
    let proof = fleet.store.document_for_proof(&fleet.tenant, a).await.unwrap();
    assert_eq!(proof.text.as_deref(), Some("a3"));
    fleet.sql("UPDATE document_texts SET created_at = created_at - interval '2 days'").await;
    fleet.push("c4", &[present("a.md", "b1")]).await;
    fleet.push("c5", &[present("a.md", "a3"), present("b.md", "b2")]).await;
    assert_eq!(fleet.store.prune(90 * DAY).await.unwrap(), 0, "b1 was staged again just now");
}

#[tokio::test]
async fn a_text_is_not_deleted_under_a_document_that_is_about_to_refer_to_it() {
    let fleet = fleet().await;
    fleet.push("c1", &[present("a.md", "a1")]).await;
    fleet.push("c2", &[present("a.md", "a2")]).await;
    fleet.sql("UPDATE document_texts SET created_at = created_at - interval '2 days'").await;
    // Both at once, in whichever order they come.
    let store = fleet.store.clone();
    let changes = [present("a.md", "a1")];
    let staged = fleet.push("c3", &changes);
    let (_, pruned) = tokio::join!(staged, store.prune(90 * DAY));
    pruned.unwrap();
    let a = fleet.document("a.md").await;
    let proof = fleet.store.document_for_proof(&fleet.tenant, a).await.unwrap();
    assert_eq!((proof.observed, proof.text.as_deref()), (Some(Digest::of("a1")), Some("a1")));
}

#[tokio::test]
async fn a_repository_that_cannot_come_back_goes_with_all_it_had_but_its_proofs() {
    let fleet = fleet().await;
    let (store, tenant, repository) = (&fleet.store, &fleet.tenant, fleet.repository);
    let other = add_repository(store, tenant, "other").await;
    fleet.push("c1", &[present("a.md", "a1"), present("b.md", "b1")]).await;
    let a = fleet.document("a.md").await;
    let blocks: Vec<_> =
        (0..1_500).map(|n| verdict(n, &format!("A{n}"), Verdict::Proved)).collect();
    fleet.prove(a, Some("a1"), &blocks).await;
    let b = fleet.document("b.md").await;
    let half = [verdict(0, "B", Verdict::Proved)];
    store.stage_verdicts(tenant, b, Digest::of("b1"), &half).await.unwrap();
    store.fold_coverage().await.unwrap();
    store.remove_repository(tenant, "ada", repository).await.unwrap();
    fleet.sql("UPDATE repositories SET removed_at = removed_at - interval '29 days'").await;
    assert_eq!(store.prune(90 * DAY).await.unwrap(), 0);
    store.restore_repository(tenant, "ada", repository).await.unwrap();
    store.remove_repository(tenant, "ada", repository).await.unwrap();

    fleet.sql("UPDATE repositories SET removed_at = removed_at - interval '31 days'").await;
    assert!(store.prune(90 * DAY).await.unwrap() > 1_500);
    let left = store.repositories(tenant, true).await.unwrap();
    assert_eq!(left.iter().map(|left| left.id).collect::<Vec<_>>(), [other]);
    for table in
        ["documents", "invariants", "staged_verdicts", "sync_documents", "syncs", "coverage_totals"]
    {
        assert_eq!(fleet.count(table).await, 0, "{table}");
    }
    assert_eq!(fleet.count("proof_results").await, 1_500);
    store.fold_coverage().await.unwrap();
    let entries = store.audit(tenant, None, 1).await.unwrap();
    assert_eq!(entries[0].action, "repository.prune");
    assert_eq!(store.prune(90 * DAY).await.unwrap(), 0);
}
