//! Migrations, roles and databases: what the owner of the database does.

mod scram;

use sqlx::migrate::Migrator;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};

use crate::StoreError;

/// The migrations built in.
pub(crate) static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// One at a time for the whole cluster: roles and databases are the cluster's. ("sbhM")
const LOCK: i64 = 0x7362_684d;

/// Passwords of the two roles that the programs use.
#[derive(Clone)]
pub struct RolePasswords {
    /// Of `sbh_app`.
    pub app: String,
    /// Of `sbh_dispatch`.
    pub dispatch: String,
}

impl std::fmt::Debug for RolePasswords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RolePasswords").finish_non_exhaustive()
    }
}

/// Creates or updates the roles `sbh_owner`, `sbh_app`, `sbh_dispatch` and the database
/// (`admin_url` names it), and applies the migrations of `migrations/` as `sbh_owner`. Safe to repeat
/// and to run from several programs at once.
///
/// # Errors
/// [`StoreError::Setup`] says what the database refused.
pub async fn migrate(admin_url: &str, passwords: &RolePasswords) -> Result<(), StoreError> {
    let options: PgConnectOptions = admin_url.parse().map_err(|_| {
        // The parser's own error may repeat the address, which holds a password.
        StoreError::Setup(
            "the admin address of the database cannot be read: write postgres://role:password@host:port/database"
                .to_owned(),
        )
    })?;
    let database = options.get_database().unwrap_or("postgres").to_owned();
    // Advisory locks belong to a database, so the lock that orders all migrations of the cluster is
    // taken in the one database that every cluster has. Closing the connection frees it.
    let mut cluster = setup("connect", options.clone().database("postgres").connect().await)?;
    setup(
        "lock",
        sqlx::query("SELECT pg_advisory_lock($1)").bind(LOCK).execute(&mut cluster).await,
    )?;
    roles(&mut cluster, passwords).await?;
    create_database(&mut cluster, &database).await?;

    let mut connection = setup("connect", options.connect().await)?;
    setup("act as sbh_owner", sqlx::query("SET ROLE sbh_owner").execute(&mut connection).await)?;
    MIGRATOR.run_direct(&mut connection).await.map_err(|error| {
        StoreError::Setup(format!("the migrations of the database {database} failed: {error}"))
    })?;
    // What `Store::connect` compares with the migrations built in.
    let grant = "GRANT SELECT ON _sqlx_migrations TO sbh_app, sbh_dispatch";
    setup("grant", sqlx::query(grant).execute(&mut connection).await)?;
    setup("close", connection.close().await)?;
    setup("close", cluster.close().await)
}

async fn roles(admin: &mut PgConnection, passwords: &RolePasswords) -> Result<(), StoreError> {
    for (role, password) in [
        ("sbh_owner", None),
        ("sbh_app", Some(&passwords.app)),
        ("sbh_dispatch", Some(&passwords.dispatch)),
    ] {
        let exists = sqlx::query_scalar::<_, bool>(
            "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)",
        );
        if !setup("look roles up", exists.bind(role).fetch_one(&mut *admin).await)? {
            execute(admin, "create a role", &format!("CREATE ROLE {role}")).await?;
        }
        if let Some(password) = password {
            // The verifier, never the password: a statement that fails stands in the server's log.
            let verifier = scram::verifier(password)?;
            let alter = format!("ALTER ROLE {role} LOGIN PASSWORD '{verifier}'");
            execute(admin, "set a role's password", &alter).await?;
        }
    }
    let superuser =
        sqlx::query_scalar::<_, bool>("SELECT rolsuper FROM pg_roles WHERE rolname = current_user");
    if !setup("look roles up", superuser.fetch_one(&mut *admin).await)? {
        execute(admin, "join sbh_owner", "GRANT sbh_owner TO CURRENT_USER WITH SET TRUE").await?;
    }
    Ok(())
}

async fn create_database(admin: &mut PgConnection, database: &str) -> Result<(), StoreError> {
    let found = sqlx::query_as::<_, (String, bool)>(
        "SELECT format('%I', $1::text), EXISTS (SELECT FROM pg_database WHERE datname = $1)",
    );
    let (quoted, exists) =
        setup("look databases up", found.bind(database).fetch_one(&mut *admin).await)?;
    if !exists {
        let create = format!("CREATE DATABASE {quoted} OWNER sbh_owner");
        execute(admin, "create the database", &create).await?;
    }
    // A database made by hand or from a template belongs to whoever made it.
    let alter = format!("ALTER DATABASE {quoted} OWNER TO sbh_owner");
    execute(admin, "hand the database to sbh_owner", &alter).await
}

async fn execute(admin: &mut PgConnection, what: &str, statement: &str) -> Result<(), StoreError> {
    setup(what, sqlx::query(statement).execute(admin).await).map(|_| ())
}

fn setup<T>(what: &str, result: Result<T, sqlx::Error>) -> Result<T, StoreError> {
    result.map_err(|error| {
        StoreError::Setup(format!("setting the database up failed at the step \"{what}\": {error}"))
    })
}
