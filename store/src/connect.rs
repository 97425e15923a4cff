//! Connecting, and refusing a database or a role that is not set up as the programs need it.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::migrate::MIGRATOR;
use crate::{Store, StoreError};

/// How long a caller waits for a free connection.
pub(crate) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the database is and how much of it to use.
#[derive(Clone)]
pub struct StoreOptions {
    /// `postgres://sbh_app:…@host:port/database`.
    pub app_url: String,
    /// `postgres://sbh_dispatch:…@host:port/database`.
    pub dispatch_url: String,
    /// Connections of the `sbh_app` pool at most; the other pool gets a quarter, at least 2.
    pub max_connections: u32,
}

impl std::fmt::Debug for StoreOptions {
    /// Without the addresses, which hold passwords.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreOptions")
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

impl Store {
    /// Connects, and refuses a role that is a superuser or bypasses row-level security, and a
    /// database whose migrations are not the ones built in.
    ///
    /// # Errors
    /// [`StoreError`] names the database's answer or the rule that a role breaks.
    pub async fn connect(options: &StoreOptions) -> Result<Self, StoreError> {
        let dispatch_connections = (options.max_connections / 4).max(2);
        let app = pool(&options.app_url, options.max_connections.max(1)).await?;
        check_role(&app).await?;
        check_migrations(&app).await?;
        let dispatch = pool(&options.dispatch_url, dispatch_connections).await?;
        check_role(&dispatch).await?;
        Ok(Self { app, dispatch })
    }
}

async fn pool(url: &str, max_connections: u32) -> Result<PgPool, StoreError> {
    let options: PgConnectOptions = url.parse().map_err(|_| {
        // The parser's own error may repeat the address, which holds a password.
        StoreError::Setup(
            "the database's address cannot be read: write postgres://role:password@host:port/database"
                .to_owned(),
        )
    })?;
    // Nothing waits for ever: not a statement, not a lock, not a transaction whose program hangs.
    let options = options.application_name("sbh").options([
        ("statement_timeout", "30s"),
        ("lock_timeout", "10s"),
        ("idle_in_transaction_session_timeout", "30s"),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_with(options)
        .await?;
    Ok(pool)
}

async fn check_role(pool: &PgPool) -> Result<(), StoreError> {
    let role = sqlx::query!(
        r#"SELECT rolname AS "name!", rolsuper AS "superuser!", rolbypassrls AS "bypasses!",
                  pg_has_role(current_user, 'sbh_owner', 'MEMBER') AS "owner!"
           FROM pg_roles WHERE rolname = current_user"#
    )
    .fetch_one(pool)
    .await?;
    let fault = if role.superuser {
        "is a superuser"
    } else if role.bypasses {
        "bypasses row-level security"
    } else if role.owner {
        "can act as sbh_owner, which could switch row-level security off"
    } else {
        return Ok(());
    };
    Err(StoreError::Setup(format!(
        "the database role {} {fault}: tenants would not be separated; connect as sbh_app and sbh_dispatch",
        role.name
    )))
}

async fn check_migrations(pool: &PgPool) -> Result<(), StoreError> {
    let advice = "apply the migrations of this program's version first";
    // Not a checked query: the migrator makes this table, not a migration.
    let rows: Vec<(i64, Vec<u8>, bool)> =
        sqlx::query_as("SELECT version, checksum, success FROM _sqlx_migrations")
            .fetch_all(pool)
            .await
            .map_err(|error| match &error {
                sqlx::Error::Database(e) if e.code().as_deref() == Some("42P01") => {
                    StoreError::Setup(format!("the database holds no SBH tables: {advice}"))
                }
                _ => error.into(),
            })?;
    let mut applied: BTreeMap<_, _> = rows
        .into_iter()
        .map(|(version, checksum, success)| (version, (checksum, success)))
        .collect();
    for migration in MIGRATOR.iter() {
        let version = migration.version;
        let fault = match applied.remove(&version) {
            None => "is missing",
            Some((_, false)) => "was not completed",
            Some((checksum, _)) if *checksum != *migration.checksum => {
                "is another than the one built in"
            }
            Some(_) => continue,
        };
        return Err(StoreError::Setup(format!(
            "the database's migration {version} {fault}: {advice}"
        )));
    }
    match applied.first_key_value() {
        Some((version, _)) => Err(StoreError::Setup(format!(
            "the database has migration {version}, which this program does not know: use the newer program"
        ))),
        None => Ok(()),
    }
}
