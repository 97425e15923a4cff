//! Migrations, roles, and what `Store::connect` refuses.

use sbh_store::migrate::{RolePasswords, migrate};
use sbh_store::testing::{absent_database, database, passwords};
use sbh_store::{Store, StoreError, StoreOptions};

async fn refusal(app_url: &str, dispatch_url: &str) -> String {
    let options = StoreOptions {
        app_url: app_url.to_owned(),
        dispatch_url: dispatch_url.to_owned(),
        max_connections: 2,
    };
    match Store::connect(&options).await {
        Err(StoreError::Setup(reason)) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn an_absent_database_is_made_by_several_programs_at_once() {
    let absent = absent_database().await;
    let mut programs = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let url = absent.admin_url.clone();
        programs.spawn(async move { migrate(&url, &passwords()).await });
    }
    for result in programs.join_all().await {
        result.unwrap();
    }
    let store = absent.store().await;
    store.ping().await.unwrap();
    assert!(store.tenants().await.unwrap().is_empty());
}

#[tokio::test]
async fn passwords_are_quoted() {
    // Every database of the server shares the roles, so the common passwords are set again.
    let database = database().await;
    let hostile = RolePasswords {
        app: r#"a'; DROP TABLE inbox; -- \' "x" $$"#.to_owned(),
        dispatch: "u' '\"".to_owned(),
    };
    migrate(&database.admin_url, &hostile).await.unwrap();
    migrate(&database.admin_url, &passwords()).await.unwrap();
    database.store().await.inbox_depth().await.unwrap();
    assert!(!format!("{hostile:?}").contains("DROP"));
}

#[tokio::test]
async fn a_role_that_would_not_separate_tenants_is_refused() {
    let database = database().await;
    let reason = refusal(&database.admin_url, &database.dispatch_url).await;
    assert!(reason.contains("postgres is a superuser"), "{reason}");
    let reason = refusal(&database.app_url, &database.admin_url).await;
    assert!(reason.contains("postgres is a superuser"), "{reason}");

    let mut admin = database.admin().await;
    sqlx::raw_sql("CREATE ROLE sneaky LOGIN BYPASSRLS; CREATE ROLE heir LOGIN IN ROLE sbh_owner;")
        .execute(&mut admin)
        .await
        .unwrap();
    for (role, fault) in
        [("sneaky", "bypasses row-level security"), ("heir", "can act as sbh_owner")]
    {
        let url = database.app_url.replace("sbh_app:app", role);
        let reason = refusal(&url, &database.dispatch_url).await;
        assert!(reason.contains(fault), "{reason}");
    }
}

#[tokio::test]
async fn a_database_with_other_migrations_is_refused() {
    let database = database().await;
    let mut admin = database.admin().await;
    for (change, fault) in [
        (
            "UPDATE _sqlx_migrations SET success = false WHERE version = 20261125000900",
            "was not completed",
        ),
        (
            "UPDATE _sqlx_migrations SET success = true, checksum = 'x' WHERE version = 20261125000900",
            "is another than the one built in",
        ),
        ("DELETE FROM _sqlx_migrations WHERE version = 20261125000900", "is missing"),
        ("DROP TABLE _sqlx_migrations", "holds no SBH tables"),
    ] {
        sqlx::raw_sql(change).execute(&mut admin).await.unwrap();
        let reason = refusal(&database.app_url, &database.dispatch_url).await;
        assert!(reason.contains(fault), "{reason}");
    }
}

#[tokio::test]
async fn a_newer_database_is_refused() {
    let database = database().await;
    let mut admin = database.admin().await;
    sqlx::raw_sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (99990101000000, 'later', true, 'x', 1)",
    )
    .execute(&mut admin)
    .await
    .unwrap();
    let reason = refusal(&database.app_url, &database.dispatch_url).await;
    assert!(reason.contains("99990101000000") && reason.contains("newer program"), "{reason}");
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_not_repeated() {
    let reason = refusal("postgres://sbh_app:secret@[", "postgres://x").await;
    assert!(!reason.contains("secret"), "{reason}");
    let options = StoreOptions {
        app_url: "postgres://sbh_app:secret@h/d".to_owned(),
        dispatch_url: String::new(),
        max_connections: 1,
    };
    assert!(!format!("{options:?}").contains("secret"));
}
