//! Changing, pausing and removing connections.

use sbh_domain::{ConnectionId, RepositoryId, TenantId};
use serde_json::json;
use sqlx::PgConnection;

use crate::connection::SealedCredential;
use crate::repository::notice;
use crate::text::{shortened, storable};
use crate::{Store, StoreError, audit};

/// What is to be changed of a connection; `None` leaves it as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConnectionChange<'a> {
    /// Another name.
    pub name: Option<&'a str>,
    /// Other settings, all of them.
    pub settings: Option<&'a serde_json::Value>,
    /// Another credential.
    pub credential: Option<SealedCredential<'a>>,
}

impl Store {
    /// Changes a connection. Its next round of upkeep is due at once, because what the service knows of
    /// it may have to be made anew.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken.
    pub async fn change_connection(
        &self,
        tenant: &TenantId,
        actor: &str,
        connection: ConnectionId,
        change: &ConnectionChange<'_>,
    ) -> Result<(), StoreError> {
        let name = change.name.map(|name| shortened(name, 200));
        let host = change.credential.and_then(|credential| credential.host);
        let mut tx = self.scope(tenant).await?;
        let changed = sqlx::query!(
            "UPDATE connections SET
                 name = coalesce($3, name),
                 settings = coalesce($4::text::json, settings),
                 sealed_credential = coalesce($5, sealed_credential),
                 credential_host = CASE WHEN $5::bytea IS NULL THEN credential_host ELSE $6 END,
                 upkeep_due_at = now()
             WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL",
            tenant.as_str(),
            connection.0,
            name,
            change.settings.map(|settings| storable(&settings.to_string())),
            change.credential.map(|credential| credential.sealed),
            host.map(ToString::to_string),
        )
        .execute(&mut *tx)
        .await
        .map_err(|error| {
            if StoreError::breaks(&error, "connections_name_key") {
                let name = name.as_deref().unwrap_or_default();
                StoreError::Conflict(format!(
                    "there is a connection {name:?} already: choose another name"
                ))
            } else {
                error.into()
            }
        })?
        .rows_affected();
        found(changed, connection)?;
        let detail = json!({
            "name": name,
            "settings": change.settings,
            "credential": change.credential.is_some(),
        });
        audit::append(&mut tx, tenant, actor, "connection.change", connection, &detail).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Pauses a connection: it takes no deliveries, is not polled and nothing of it is renewed. What was
    /// acknowledged is still done. Repeating it changes nothing.
    pub async fn pause_connection(
        &self,
        tenant: &TenantId,
        actor: &str,
        connection: ConnectionId,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        if is_paused(&mut tx, tenant, connection).await? {
            return Ok(());
        }
        sqlx::query!(
            "UPDATE connections SET paused_at = now() WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            connection.0,
        )
        .execute(&mut *tx)
        .await?;
        audit::append(&mut tx, tenant, actor, "connection.pause", connection, &json!({})).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Resumes a paused connection. A notice about each of its repositories and spaces goes into the
    /// inbox: what was not announced meanwhile is looked for. Repeating it changes nothing.
    pub async fn resume_connection(
        &self,
        tenant: &TenantId,
        actor: &str,
        connection: ConnectionId,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        if !is_paused(&mut tx, tenant, connection).await? {
            return Ok(());
        }
        sqlx::query!(
            "UPDATE connections SET paused_at = NULL, upkeep_due_at = now(), unannounced = 0
             WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            connection.0,
        )
        .execute(&mut *tx)
        .await?;
        let spaces = sqlx::query_scalar!(
            "SELECT id FROM repositories
             WHERE tenant_id = $1 AND connection_id = $2 AND removed_at IS NULL ORDER BY id",
            tenant.as_str(),
            connection.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        for space in &spaces {
            notice(&mut tx, tenant, RepositoryId(*space), "resumed").await?;
        }
        let detail = json!({ "spaces": spaces.len() });
        audit::append(&mut tx, tenant, actor, "connection.resume", connection, &detail).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Removes a connection with its secrets and its credential.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] while a repository or space is followed through it.
    pub async fn remove_connection(
        &self,
        tenant: &TenantId,
        actor: &str,
        connection: ConnectionId,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        is_paused(&mut tx, tenant, connection).await?;
        let used = sqlx::query_scalar!(
            "SELECT name FROM repositories
             WHERE tenant_id = $1 AND connection_id = $2 AND removed_at IS NULL ORDER BY name",
            tenant.as_str(),
            connection.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        if !used.is_empty() {
            let more = if used.len() > 3 { ", …" } else { "" };
            return Err(StoreError::Conflict(format!(
                "the connection is still used: remove {}{more} first, or give them another connection",
                used.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ")
            )));
        }
        sqlx::query!(
            "UPDATE connections SET removed_at = now(), sealed_credential = NULL, credential_host = NULL,
                    upkeep_state = NULL
             WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            connection.0,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "DELETE FROM connection_secrets WHERE tenant_id = $1 AND connection_id = $2",
            tenant.as_str(),
            connection.0,
        )
        .execute(&mut *tx)
        .await?;
        // What was wrong with it is nobody's concern any more.
        for kind in ["source_silent", "source_failing", "channel_renewal_failing"] {
            crate::alert::resolve(&mut tx, tenant, &format!("{kind}/{connection}")).await?;
        }
        audit::append(&mut tx, tenant, actor, "connection.remove", connection, &json!({})).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Locks a connection and says whether it is paused.
async fn is_paused(
    tx: &mut PgConnection,
    tenant: &TenantId,
    connection: ConnectionId,
) -> Result<bool, StoreError> {
    // The whole row: adding a repository to it, which refers to its key, waits as well.
    sqlx::query_scalar!(
        r#"SELECT paused_at IS NOT NULL AS "paused!" FROM connections
           WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL FOR UPDATE"#,
        tenant.as_str(),
        connection.0,
    )
    .fetch_optional(tx)
    .await?
    .ok_or_else(|| StoreError::not_found("connection", connection))
}

fn found(rows: u64, connection: ConnectionId) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::not_found("connection", connection)) } else { Ok(()) }
}
