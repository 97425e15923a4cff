//! Connections: where webhooks come from, their secrets and credentials.
//!
//! Secrets and credentials arrive here sealed (encrypted by `runtime`'s keyring); the store never
//! sees them in clear.

use chrono::{DateTime, Utc};
use sbh_domain::{ConnectionId, GitHost, RepositoryId, TenantId};
use serde_json::json;
use sqlx::PgConnection;

use crate::audit;
use crate::text::{shortened, storable};
use crate::{Store, StoreError};

pub use crate::connection_change::ConnectionChange;

/// A connection as people see it: without secrets.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Its id, which is part of its webhook address.
    pub id: ConnectionId,
    /// Its tenant.
    pub tenant: TenantId,
    /// The kind of source, by its name in `sbh_sources`.
    pub source: String,
    /// What people call it.
    pub name: String,
    /// How many secrets are live: 1, or 2 during a rotation.
    pub live_secrets: u8,
    /// Whether a credential for fetching is stored.
    pub has_credential: bool,
    /// The host that the credential is for.
    pub credential_host: Option<GitHost>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When the last verified delivery came.
    pub last_delivery_at: Option<DateTime<Utc>>,
    /// The last thing that went wrong with it.
    pub last_error: Option<String>,
    /// Verified deliveries so far.
    pub deliveries: i64,
    /// Deliveries refused so far for a bad signature.
    pub refused: i64,
    /// The source's own settings, without secrets.
    pub settings: serde_json::Value,
    /// Since when it takes no deliveries and is not looked after.
    pub paused_at: Option<DateTime<Utc>>,
    /// How many repositories and spaces it is for.
    pub spaces: i64,
    /// How it is looked after.
    pub upkeep: Upkeep,
}

/// How a connection is looked after.
#[derive(Clone, Debug, Default)]
pub struct Upkeep {
    /// When the next round is due; `None`: now.
    pub due_at: Option<DateTime<Utc>>,
    /// When the last one was.
    pub done_at: Option<DateTime<Utc>>,
    /// What it did, in one line.
    pub summary: Option<String>,
    /// What went wrong in it.
    pub problem: Option<String>,
    /// What it left for the next one.
    pub state: Option<serde_json::Value>,
    /// Polls in succession that found changes which no delivery had announced.
    pub unannounced: i32,
}

/// A connection to be made.
#[derive(Clone, Copy, Debug)]
pub struct NewConnection<'a> {
    /// The kind of source.
    pub source: &'a str,
    /// What people call it.
    pub name: &'a str,
    /// The source's own settings, as it left them.
    pub settings: &'a serde_json::Value,
    /// Its first secret, sealed.
    pub sealed_secret: &'a [u8],
    /// Its credential, if it has one.
    pub credential: Option<SealedCredential<'a>>,
}

/// A credential for fetching, to be stored.
#[derive(Clone, Copy, Debug)]
pub struct SealedCredential<'a> {
    /// The credential, sealed.
    pub sealed: &'a [u8],
    /// The one host that git may show it to; `None`: it is for the source's own interface.
    pub host: Option<&'a GitHost>,
}

/// A stored credential for fetching.
#[derive(Clone, Debug)]
pub struct StoredCredential {
    /// The credential, sealed.
    pub sealed: Vec<u8>,
    /// The one host that it may be shown to; `None`: to none.
    pub host: Option<GitHost>,
}

/// What a webhook needs of its connection before its tenant is known.
#[derive(Clone, Debug)]
pub struct ConnectionForWebhook {
    /// The connection.
    pub id: ConnectionId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The kind of source.
    pub source: String,
    /// The live secrets, sealed, newest first.
    pub sealed_secrets: Vec<Vec<u8>>,
    /// Its settings.
    pub settings: serde_json::Value,
    /// Whether it takes no deliveries now.
    pub paused: bool,
    /// The repositories announced through it: id, and address or space.
    pub repositories: Vec<(RepositoryId, String)>,
}

impl Store {
    /// Makes a connection with one secret.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken.
    pub async fn create_connection(
        &self,
        tenant: &TenantId,
        actor: &str,
        new: &NewConnection<'_>,
    ) -> Result<ConnectionId, StoreError> {
        let id = ConnectionId(uuid::Uuid::now_v7());
        let name = shortened(new.name, 200);
        let host = new.credential.and_then(|credential| credential.host).map(GitHost::to_string);
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "INSERT INTO connections
                 (id, tenant_id, source, name, sealed_credential, credential_host, settings)
             VALUES ($1, $2, $3, $4, $5, $6, $7::text::json)",
            id.0,
            tenant.as_str(),
            new.source,
            name,
            new.credential.map(|credential| credential.sealed),
            host,
            storable(&new.settings.to_string()),
        )
        .execute(&mut *tx)
        .await
        .map_err(|error| {
            if StoreError::breaks(&error, "connections_name_key") {
                StoreError::Conflict(format!(
                    "there is a connection {name:?} already: choose another name"
                ))
            } else if StoreError::breaks(&error, "connections_tenant_id_fkey") {
                StoreError::not_found("tenant", tenant)
            } else {
                error.into()
            }
        })?;
        sqlx::query!(
            "INSERT INTO connection_secrets (tenant_id, connection_id, sealed) VALUES ($1, $2, $3)",
            tenant.as_str(),
            id.0,
            new.sealed_secret,
        )
        .execute(&mut *tx)
        .await?;
        let detail = json!({
            "name": name,
            "source": new.source,
            "settings": new.settings,
            "credential_host": host,
        });
        audit::append(&mut tx, tenant, actor, "connection.create", id, &detail).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// All connections of a tenant, by name; removed ones are left out.
    pub async fn connections(&self, tenant: &TenantId) -> Result<Vec<Connection>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let found = read(&mut tx, tenant, None).await?;
        tx.commit().await?;
        Ok(found)
    }

    /// One connection that is not removed.
    pub async fn connection(
        &self,
        tenant: &TenantId,
        connection: ConnectionId,
    ) -> Result<Connection, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let found = read(&mut tx, tenant, Some(connection)).await?;
        tx.commit().await?;
        found.into_iter().next().ok_or_else(|| StoreError::not_found("connection", connection))
    }

    /// Adds a new secret and keeps the one before it live: the older of two goes.
    pub async fn rotate_connection(
        &self,
        tenant: &TenantId,
        actor: &str,
        connection: ConnectionId,
        sealed_secret: &[u8],
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        // The lock makes rotations of one connection wait for each other.
        sqlx::query!(
            "SELECT id FROM connections
             WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL FOR NO KEY UPDATE",
            tenant.as_str(),
            connection.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("connection", connection))?;
        sqlx::query!(
            "INSERT INTO connection_secrets (tenant_id, connection_id, sealed) VALUES ($1, $2, $3)",
            tenant.as_str(),
            connection.0,
            sealed_secret,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "DELETE FROM connection_secrets WHERE tenant_id = $1 AND connection_id = $2 AND id NOT IN
                 (SELECT id FROM connection_secrets WHERE tenant_id = $1 AND connection_id = $2
                  ORDER BY id DESC LIMIT 2)",
            tenant.as_str(),
            connection.0,
        )
        .execute(&mut *tx)
        .await?;
        audit::append(&mut tx, tenant, actor, "connection.rotate", connection, &json!({})).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Looks a connection up by its id alone (as `sbh_dispatch`). `None` where there is none.
    pub async fn connection_for_webhook(
        &self,
        connection: ConnectionId,
    ) -> Result<Option<ConnectionForWebhook>, StoreError> {
        let row = sqlx::query!(
            r#"SELECT tenant_id, source, settings, paused_at IS NOT NULL AS "paused!",
                      ARRAY(SELECT sealed FROM connection_secrets
                            WHERE connection_id = $1 ORDER BY id DESC) AS "secrets!",
                      ARRAY(SELECT id FROM repositories
                            WHERE connection_id = $1 AND removed_at IS NULL ORDER BY id) AS "ids!",
                      ARRAY(SELECT coalesce(space, url) FROM repositories
                            WHERE connection_id = $1 AND removed_at IS NULL ORDER BY id) AS "spaces!"
               FROM connections WHERE id = $1 AND removed_at IS NULL"#,
            connection.0,
        )
        .fetch_optional(&self.dispatch)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(ConnectionForWebhook {
            id: connection,
            tenant: crate::tenant::known(row.tenant_id)?,
            source: row.source,
            sealed_secrets: row.secrets,
            settings: row.settings,
            paused: row.paused,
            repositories: row.ids.into_iter().map(RepositoryId).zip(row.spaces).collect(),
        }))
    }

    /// The credential for fetching, if there is one.
    pub async fn connection_credential(
        &self,
        tenant: &TenantId,
        connection: ConnectionId,
    ) -> Result<Option<StoredCredential>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let row = sqlx::query!(
            "SELECT sealed_credential, credential_host FROM connections WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            connection.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("connection", connection))?;
        tx.commit().await?;
        Ok(row.sealed_credential.map(|sealed| StoredCredential {
            sealed,
            host: row.credential_host.and_then(|host| host.parse().ok()),
        }))
    }

    /// Adds deliveries and refusals that were counted in memory (the caller flushes now and then:
    /// an update per delivery would make all deliveries of a connection wait for each other).
    pub async fn count_deliveries(
        &self,
        tenant: &TenantId,
        connection: ConnectionId,
        deliveries: i64,
        refused: i64,
        last_error: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        let updated = sqlx::query!(
            "UPDATE connections SET
                 deliveries = deliveries + $3,
                 refused = refused + $4,
                 last_error = coalesce($5, last_error),
                 last_delivery_at = CASE WHEN $3 > 0 THEN now() ELSE last_delivery_at END,
                 unannounced = CASE WHEN $3 > 0 THEN 0 ELSE unannounced END
             WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            connection.0,
            deliveries,
            refused,
            last_error.map(|error| shortened(error, 2_000)),
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
        if updated == 0 { Err(StoreError::not_found("connection", connection)) } else { Ok(()) }
    }
}

/// Reads one connection, or all of them by name.
async fn read(
    tx: &mut PgConnection,
    tenant: &TenantId,
    one: Option<ConnectionId>,
) -> Result<Vec<Connection>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, source, name, sealed_credential IS NOT NULL AS "has_credential!",
                  credential_host, created_at, last_delivery_at, last_error, deliveries, refused,
                  settings, paused_at, upkeep_state, upkeep_due_at, upkept_at, upkeep_summary,
                  upkeep_problem, unannounced,
                  (SELECT count(*) FROM connection_secrets secret
                   WHERE secret.tenant_id = $1 AND secret.connection_id = connection.id) AS "live!",
                  (SELECT count(*) FROM repositories repository
                   WHERE repository.tenant_id = $1 AND repository.connection_id = connection.id
                     AND repository.removed_at IS NULL) AS "spaces!"
           FROM connections connection
           WHERE tenant_id = $1 AND removed_at IS NULL AND ($2::uuid IS NULL OR id = $2)
           ORDER BY name"#,
        tenant.as_str(),
        one.map(|id| id.0),
    )
    .fetch_all(tx)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Connection {
            id: ConnectionId(row.id),
            tenant: tenant.clone(),
            source: row.source,
            name: row.name,
            live_secrets: u8::try_from(row.live).unwrap_or(u8::MAX),
            has_credential: row.has_credential,
            credential_host: row.credential_host.and_then(|host| host.parse().ok()),
            created_at: row.created_at,
            last_delivery_at: row.last_delivery_at,
            last_error: row.last_error,
            deliveries: row.deliveries,
            refused: row.refused,
            settings: row.settings,
            paused_at: row.paused_at,
            spaces: row.spaces,
            upkeep: Upkeep {
                due_at: row.upkeep_due_at,
                done_at: row.upkept_at,
                summary: row.upkeep_summary,
                problem: row.upkeep_problem,
                state: row.upkeep_state,
                unannounced: row.unannounced,
            },
        })
        .collect())
}
