//! Two tenants cannot see each other: through no function, and not by a forgotten predicate.

use std::time::Duration;

use sbh_domain::{Digest, Verdict};
use sbh_store::StoreError;
use sbh_store::idempotency::{Answer, Idempotency};
use sbh_store::inbox::NewNotice;
use sbh_store::repository::NewRepository;
use sbh_store::reprove::NewReprove;
use sbh_store::upload::Uploaded;
use sqlx::{Connection, PgConnection, Row};

use crate::check_run::with_checks;
use crate::fixture::{
    Fleet, credential, fleet, github, hub, new_sync, present, run, tenant, verdict,
};
use crate::pull_request;

/// Something of everything for the tenant `demo`.
async fn full() -> (Fleet, sbh_domain::ConnectionId) {
    let fleet = fleet().await;
    let connection = fleet
        .store
        .create_connection(
            &fleet.tenant,
            "ada",
            &hub("hub", b"secret", Some(credential(b"credential", &github()))),
        )
        .await
        .unwrap();
    fleet.push("c1", &[present("a.md", "a1")]).await;
    let a = fleet.document("a.md").await;
    fleet.prove(a, Some("a1"), &[verdict(0, "A", Verdict::Proved)]).await;
    fleet.store.fold_coverage().await.unwrap();
    fleet.push("c2", &[present("a.md", "a2"), present("b.md", "b1")]).await;
    fleet.prove(a, Some("a2"), &[verdict(0, "A", Verdict::Refuted)]).await;
    fleet
        .store
        .stage_verdicts(&fleet.tenant, a, Digest::of("a2"), &[verdict(0, "A", Verdict::Proved)])
        .await
        .unwrap();
    fleet.accept("open").await;
    fleet.push("c3", &[]).await;
    fleet.accept("new").await;
    fleet.store.seal_audit().await.unwrap();
    fleet.store.begin_idempotent(&fleet.tenant, "k", Digest::of("r")).await.unwrap();
    // A channel that is told something, and a drift that somebody knows of.
    let on_call =
        crate::alert::channel(&fleet.store, &fleet.tenant, "on-call", crate::alert::everything());
    let on_call = on_call.await.id;
    fleet.store.test_alert_channel(&fleet.tenant, "ada", on_call).await.unwrap();
    fleet.store.claim_message(&fleet.tenant, on_call).await.unwrap();
    let b = fleet.document("b.md").await;
    fleet.store.acknowledge_drift(&fleet.tenant, "ada", b, "known").await.unwrap();
    (fleet, connection)
}

/// Something of what a source, GitHub and a caller add, in repositories of their own.
async fn add_sources(fleet: &mut Fleet) {
    let (store, tenant) = (fleet.store.clone(), fleet.tenant.clone());
    let upload = crate::upload::new("a.md", Some("text"));
    let Uploaded::Done { upload, .. } = store.change_upload(&tenant, &upload).await.unwrap() else {
        panic!("nothing stands against it");
    };
    store.start_space_sync(&tenant, upload.repository).await.unwrap();
    fleet.repository = with_checks(&store, &tenant, "checked", true).await;
    fleet.push("c0", &[]).await;
    pull_request::announce(fleet, 7, "pull").await;
    let start = store.start_pull(&tenant, fleet.repository, 7).await.unwrap();
    let proofs = vec![pull_request::proof("a.md", "A", Verdict::Proved)];
    let judged = pull_request::judgement("aaaa", proofs);
    let finished = store.finish_pull(&tenant, fleet.repository, 7, &judged, &start.notices).await;
    assert_eq!(finished.unwrap(), 1);
}

fn missing<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::NotFound { .. })), "{result:?}");
}

#[tokio::test]
async fn no_function_shows_or_changes_another_tenant_s_rows() {
    let (fleet, connection) = full().await;
    let (store, repository) = (&fleet.store, fleet.repository);
    let document = fleet.document("a.md").await;
    let row = store.inbox(&fleet.tenant, None, None, 10).await.unwrap()[0].id;
    let other = tenant("other");
    store.ensure_tenant(&other).await.unwrap();

    assert!(store.connections(&other).await.unwrap().is_empty());
    missing(store.connection_credential(&other, connection).await);
    missing(store.rotate_connection(&other, "eve", connection, b"mine").await);
    missing(store.count_deliveries(&other, connection, 1, 0, None).await);

    assert!(store.repositories(&other, true).await.unwrap().is_empty());
    missing(store.repository(&other, repository).await);
    missing(store.remove_repository(&other, "eve", repository).await);
    missing(store.restore_repository(&other, "eve", repository).await);
    missing(store.note_repository(&other, repository, Some("x")).await);
    let new = NewRepository {
        connection: Some(connection),
        name: "mine".to_owned(),
        url: "https://git.example/mine".to_owned(),
        branch: None,
        hosted: None,
        globs: Vec::new(),
    };
    missing(store.add_repository(&other, "eve", &new).await);

    let notice = NewNotice { tenant: other.clone(), ..fleet.notice("open") };
    missing(store.accept(&notice).await);
    assert!(store.inbox(&other, None, None, 10).await.unwrap().is_empty());
    missing(store.inbox_row(&other, row).await);
    missing(store.retry_notice(&other, "eve", row).await);
    assert_eq!(store.fail_notices(&other, repository, "x", 1).await.unwrap(), 0);
    assert_eq!(store.fail_document(&other, document, "x", 1).await.unwrap(), 0);
    assert_eq!(store.retry_notices(&other, "eve", None).await.unwrap(), 0);
    store.note_announced(&other, &[(document, 99)]).await.unwrap();

    let wish = NewReprove {
        tenant: other.clone(),
        document,
        actor: "eve".to_owned(),
        force: true,
        trace: None,
    };
    missing(store.request_reprove(&wish).await);
    assert_eq!(store.fail_reproves(&other, document, "x", 1).await.unwrap(), 0);
    assert_eq!(store.close_reproves(&other, document).await.unwrap(), 0);
    assert_eq!(store.open_notices(&other, repository).await.unwrap(), 0);

    missing(store.start_sync(&other, repository).await);
    let changes = [present("a.md", "evil")];
    missing(store.stage_documents(&other, repository, new_sync(), &changes).await);
    missing(store.finish_sync(&other, repository, new_sync(), "c9", &[row]).await);
    assert!(store.documents_to_announce(&other, repository, None, 10).await.unwrap().is_empty());

    missing(store.document_for_proof(&other, document).await);
    missing(store.document(&other, document).await);
    assert!(store.documents(&other, repository, None, 10).await.unwrap().is_empty());
    assert!(store.invariants(&other, document, None, 10).await.unwrap().is_empty());
    let verdicts = [verdict(0, "A", Verdict::Proved)];
    missing(store.stage_verdicts(&other, document, Digest::of("a2"), &verdicts).await);
    store.clear_staged(&other, document).await.unwrap();
    missing(store.record(&other, document, None, 0, &run()).await);

    assert!(store.coverage(&other).await.unwrap().is_empty());
    missing(store.coverage_of(&other, repository).await);
    assert!(store.recount_coverage(&other).await.unwrap().is_empty());

    let on_call = store.alert_channels(&fleet.tenant).await.unwrap()[0].clone();
    assert!(store.alert_channels(&other).await.unwrap().is_empty());
    missing(store.alert_channel(&other, on_call.id).await);
    missing(store.change_alert_channel(&other, "eve", &on_call, Some(b"mine")).await);
    missing(store.remove_alert_channel(&other, "eve", on_call.id).await);
    missing(store.test_alert_channel(&other, "eve", on_call.id).await);
    let message = store.effects(&fleet.tenant, None, None, None, 10).await.unwrap()[0].id;
    missing(store.message(&other, message).await);
    assert!(store.effects(&other, None, None, None, 10).await.unwrap().is_empty());
    let alerts = store.alerts(&fleet.tenant, &Default::default(), None, 10).await.unwrap();
    assert!(store.alerts(&other, &Default::default(), None, 10).await.unwrap().is_empty());
    missing(store.alert(&other, alerts[0].id).await);
    missing(store.acknowledge_alert(&other, "eve", alerts[0].id, "x").await);
    for alert in &alerts {
        assert_eq!(store.resolve_alert(&other, &alert.key).await.unwrap(), 0);
    }
    assert!(store.drift(&other, &Default::default(), None, 10).await.unwrap().is_empty());
    missing(store.withdraw_drift_acknowledgement(&other, "eve", document).await);

    // Only its own beginning.
    let log = store.audit(&other, None, 10).await.unwrap();
    assert!(log.iter().all(|entry| entry.action == "tenant.create"), "{log:?}");
    assert_eq!(store.verify_audit(&other).await.unwrap().entries, 1);

    let begun = store.begin_idempotent(&other, "k", Digest::of("another request")).await.unwrap();
    assert!(matches!(begun, Idempotency::Started));
    let body = serde_json::json!("theirs");
    let answer = Answer::Body { status: 200, body: &body };
    store.finish_idempotent(&other, "k", Some(answer)).await.unwrap();
    let begun = store.begin_idempotent(&fleet.tenant, "k", Digest::of("r")).await.unwrap();
    assert!(matches!(begun, Idempotency::InProgress));

    // All is as it was.
    let kept = store.document(&fleet.tenant, document).await.unwrap();
    assert_eq!((kept.counts.refuted, kept.staged), (1, 1));
    assert_eq!(store.inbox(&fleet.tenant, Some("open"), None, 10).await.unwrap().len(), 2);
    assert_eq!(store.connections(&fleet.tenant).await.unwrap()[0].live_secrets, 1);
    let repository = store.repository(&fleet.tenant, repository).await.unwrap();
    assert!(repository.removed_at.is_none() && repository.last_error.is_none());
}

/// Every table but the migrator's own.
const TABLES: &str = "SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
      AND relname <> '_sqlx_migrations' ORDER BY relname";

#[tokio::test]
async fn a_forgotten_predicate_shows_nothing() {
    let (mut fleet, _) = full().await;
    add_sources(&mut fleet).await;
    let mut admin = fleet.database.admin().await;
    let mut app = PgConnection::connect(&fleet.database.app_url).await.unwrap();
    let tables: Vec<String> = sqlx::query_scalar(TABLES).fetch_all(&mut admin).await.unwrap();
    assert!(tables.len() >= 16, "{tables:?}");
    for table in tables {
        let count = format!("SELECT count(*) FROM {table}");
        let all: i64 = sqlx::query_scalar(&count).fetch_one(&mut admin).await.unwrap();
        assert!(all > 0, "the test holds nothing in {table}");
        for (tenant, expected) in [(None, 0), (Some("other"), 0), (Some("demo"), all)] {
            let mut tx = app.begin().await.unwrap();
            if let Some(tenant) = tenant {
                sqlx::query("SELECT set_config('sbh.tenant', $1, true)")
                    .bind(tenant)
                    .execute(&mut *tx)
                    .await
                    .unwrap();
            }
            let seen: i64 = sqlx::query_scalar(&count).fetch_one(&mut *tx).await.unwrap();
            assert_eq!(seen, expected, "{table} as {tenant:?}");
            tx.rollback().await.unwrap();
        }
    }
}

#[tokio::test]
async fn every_table_has_forced_row_level_security() {
    let fleet = fleet().await;
    let rows = sqlx::query(
        "SELECT relname, relrowsecurity, relforcerowsecurity, pg_get_userbyid(relowner) AS owner,
                (SELECT count(*) FROM pg_policy
                 WHERE polrelid = pg_class.oid AND polname = 'tenant' AND polcmd = '*'
                   AND pg_get_expr(polqual, polrelid) ~ 'current_setting\\(''sbh.tenant''::text, true\\)'
                   AND pg_get_expr(polwithcheck, polrelid) ~ 'current_setting') AS policies
         FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
           AND relname <> '_sqlx_migrations'",
    )
    .fetch_all(&mut fleet.database.admin().await)
    .await
    .unwrap();
    assert!(rows.len() >= 16);
    for row in rows {
        let table: String = row.get("relname");
        assert!(row.get::<bool, _>("relrowsecurity"), "{table} has no row-level security");
        assert!(row.get::<bool, _>("relforcerowsecurity"), "{table} does not force it");
        assert_eq!(row.get::<i64, _>("policies"), 1, "{table} has not the one policy");
        assert_eq!(row.get::<String, _>("owner"), "sbh_owner");
    }
}

#[tokio::test]
async fn the_dispatcher_s_role_reads_no_content_and_writes_nothing_else() {
    let (fleet, _) = full().await;
    let mut dispatch = PgConnection::connect(&fleet.database.dispatch_url).await.unwrap();
    for refused in [
        "SELECT hint FROM inbox",
        "SELECT * FROM repositories",
        "SELECT sealed_credential FROM connections",
        "SELECT text FROM document_texts",
        "SELECT name FROM invariants",
        "SELECT detail FROM audit_log",
        "SELECT body FROM idempotency_keys",
        "SELECT proved FROM coverage_deltas",
        "SELECT title FROM alerts",
        "SELECT sealed_secret FROM alert_channels",
        "SELECT payload FROM effects",
        "SELECT severity FROM alert_deliveries",
        "SELECT reason FROM drift_acknowledgements",
        "UPDATE alert_channels SET paused = true",
        "UPDATE effects SET state = 'sent'",
        "UPDATE inbox SET state = 'closed', closed_at = now()",
        "UPDATE documents SET path = 'x'",
        "INSERT INTO tenants VALUES ('mine')",
        "DELETE FROM inbox",
    ] {
        let error = sqlx::raw_sql(refused).execute(&mut dispatch).await.unwrap_err();
        assert!(error.to_string().contains("permission denied"), "{refused}: {error}");
    }
}

#[tokio::test]
async fn a_row_of_another_tenant_cannot_be_written() {
    let (fleet, _) = full().await;
    let mut app = PgConnection::connect(&fleet.database.app_url).await.unwrap();
    for statement in [
        "INSERT INTO tenants (id) VALUES ('other')",
        "INSERT INTO audit_log (tenant_id, actor, action, target, detail) VALUES ('other', '', '', '', '')",
        "UPDATE repositories SET tenant_id = 'other'",
    ] {
        let mut tx = app.begin().await.unwrap();
        sqlx::query("SELECT set_config('sbh.tenant', 'demo', true)")
            .execute(&mut *tx)
            .await
            .unwrap();
        let error = sqlx::raw_sql(statement).execute(&mut *tx).await.unwrap_err();
        assert!(error.to_string().contains("row-level security"), "{statement}: {error}");
        tx.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn background_work_serves_every_tenant() {
    let (fleet, _) = full().await;
    let other = tenant("other");
    fleet.store.ensure_tenant(&other).await.unwrap();
    crate::fixture::add_repository(&fleet.store, &other, "specs").await;
    let claims = fleet.store.claim_notices(100, Duration::from_secs(60)).await.unwrap();
    let mut tenants: Vec<_> = claims.iter().map(|claim| claim.tenant.as_str()).collect();
    tenants.sort_unstable();
    assert_eq!(tenants, ["demo", "other"]);
    assert_eq!(fleet.store.tenants().await.unwrap(), [fleet.tenant.clone(), other]);
}
