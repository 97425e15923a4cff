//! The audit log: appended by mutations, sealed into a chain, verified.

use sqlx::{Connection, PgConnection};

use crate::fixture::{Fleet, fleet, hub};

async fn with_entries(count: i64) -> Fleet {
    let fleet = fleet().await;
    // The fleet's own beginning left some already.
    let begun = fleet.store.verify_audit(&fleet.tenant).await.unwrap().unsealed;
    for n in begun..count {
        fleet
            .store
            .create_connection(&fleet.tenant, "ada", &hub(&n.to_string(), b"s", None))
            .await
            .unwrap();
    }
    fleet
}

/// Does what only a superuser who switches triggers off can do.
async fn tamper(fleet: &Fleet, statement: &str) {
    let mut admin = fleet.database.admin().await;
    sqlx::raw_sql("SET session_replication_role = replica").execute(&mut admin).await.unwrap();
    sqlx::raw_sql(statement).execute(&mut admin).await.unwrap();
}

async fn broken(fleet: &Fleet) -> Option<String> {
    fleet.store.verify_audit(&fleet.tenant).await.unwrap().broken
}

#[tokio::test]
async fn every_mutation_leaves_an_entry_that_is_sealed() {
    let fleet = with_entries(6).await;
    let before = fleet.store.verify_audit(&fleet.tenant).await.unwrap();
    assert_eq!((before.entries, before.unsealed), (0, 6));
    assert_eq!(fleet.store.seal_audit().await.unwrap(), 6);
    assert_eq!(fleet.store.seal_audit().await.unwrap(), 0);
    let after = fleet.store.verify_audit(&fleet.tenant).await.unwrap();
    assert_eq!((after.entries, after.unsealed, &after.broken), (6, 0, &None));
    let page = fleet.store.audit(&fleet.tenant, None, 4).await.unwrap();
    let sequences: Vec<_> = page.iter().map(|entry| entry.sequence.unwrap()).collect();
    assert_eq!(sequences, [6, 5, 4, 3]);
    assert_eq!(page[0].hash.as_deref(), Some(after.head.as_str()));
    assert_eq!((page[0].actor.as_str(), page[0].action.as_str()), ("ada", "connection.create"));
    assert_eq!(page[0].detail["source"], "github");
    let rest = fleet.store.audit(&fleet.tenant, Some(3), 10).await.unwrap();
    let actions: Vec<_> = rest.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions, ["repository.add", "tenant.create"].map(|action| action));
}

#[tokio::test]
async fn an_entry_committed_late_is_sealed_after_the_others() {
    let fleet = with_entries(3).await;
    let mut app = PgConnection::connect(&fleet.database.app_url).await.unwrap();
    let mut late = app.begin().await.unwrap();
    sqlx::query("SELECT set_config('sbh.tenant', 'demo', true)").execute(&mut *late).await.unwrap();
    sqlx::query(
        "INSERT INTO audit_log (tenant_id, actor, action, target, detail) VALUES ('demo', 'bob', 'late', 't', '{}')",
    )
    .execute(&mut *late)
    .await
    .unwrap();
    fleet.store.note_repository(&fleet.tenant, fleet.repository, None).await.unwrap();
    fleet.store.create_connection(&fleet.tenant, "ada", &hub("x", b"s", None)).await.unwrap();
    assert_eq!(fleet.store.seal_audit().await.unwrap(), 4);
    late.commit().await.unwrap();
    assert_eq!(fleet.store.seal_audit().await.unwrap(), 1);
    assert_eq!(fleet.store.audit(&fleet.tenant, None, 1).await.unwrap()[0].action, "late");
    assert_eq!(broken(&fleet).await, None);
}

#[tokio::test]
async fn several_sealers_make_one_chain() {
    let fleet = with_entries(40).await;
    let sealers = (0..6).map(|_| fleet.store.seal_audit());
    let sealed: u64 =
        futures::future::join_all(sealers).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(sealed, 40);
    let verified = fleet.store.verify_audit(&fleet.tenant).await.unwrap();
    assert_eq!((verified.entries, verified.broken), (40, None));
}

#[tokio::test]
async fn the_first_entry_that_was_tampered_with_is_named() {
    for (statement, sign) in [
        ("UPDATE audit_log SET actor = 'eve' WHERE sequence = 3", "entry 3 was changed"),
        ("UPDATE audit_log SET detail = '{}' WHERE sequence IN (2, 4)", "entry 2 was changed"),
        (
            "UPDATE audit_log SET at = at + interval '1 microsecond' WHERE sequence = 5",
            "entry 5 was changed",
        ),
        ("DELETE FROM audit_log WHERE sequence = 2", "entry 2 is missing"),
        ("DELETE FROM audit_log WHERE sequence >= 4", "entry 4 is missing"),
        ("DELETE FROM audit_log", "entry 1 is missing"),
        ("UPDATE audit_log SET sequence = 99 WHERE sequence = 1", "entry 1 is missing"),
    ] {
        let fleet = with_entries(5).await;
        fleet.store.seal_audit().await.unwrap();
        assert_eq!(broken(&fleet).await, None);
        tamper(&fleet, statement).await;
        let found = broken(&fleet).await.unwrap_or_default();
        assert!(found.starts_with(sign), "{statement}: {found}");
    }
}

#[tokio::test]
async fn nobody_changes_an_entry_in_the_ordinary_way() {
    let fleet = with_entries(3).await;
    fleet.store.seal_audit().await.unwrap();
    fleet.store.create_connection(&fleet.tenant, "ada", &hub("x", b"s", None)).await.unwrap();
    let mut admin = fleet.database.admin().await;
    for refused in [
        "UPDATE audit_log SET actor = 'eve'",
        "UPDATE audit_log SET sequence = NULL, hash = NULL",
        "UPDATE audit_log SET sequence = 4, hash = sha256('x'), actor = 'eve' WHERE sequence IS NULL",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
    ] {
        let error = sqlx::raw_sql(refused).execute(&mut admin).await.unwrap_err().to_string();
        assert!(error.contains("append-only"), "{refused}: {error}");
    }
    let mut app = PgConnection::connect(&fleet.database.app_url).await.unwrap();
    for refused in [
        "UPDATE audit_log SET actor = 'eve'",
        "DELETE FROM audit_log",
        "TRUNCATE audit_log",
        "DELETE FROM proof_results",
        "UPDATE proof_results SET verdict = 'proved'",
    ] {
        let error = sqlx::raw_sql(refused).execute(&mut app).await.unwrap_err().to_string();
        assert!(error.contains("permission denied"), "{refused}: {error}");
    }
}
