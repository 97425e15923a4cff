//! Connections as whoever looks after them, or fetches through them, needs them.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sbh_domain::{ConnectionId, RepositoryId, TenantId};
use serde_json::Value;

use crate::tenant::known;
use crate::text::{shortened, storable};
use crate::{Store, StoreError};

/// A connection in use: with its sealed secrets.
#[derive(Clone, Debug)]
pub struct ConnectionInUse {
    /// Its id.
    pub id: ConnectionId,
    /// What people call it.
    pub name: String,
    /// The kind of source.
    pub source: String,
    /// The source's own settings.
    pub settings: Value,
    /// The newest secret, sealed.
    pub sealed_secret: Vec<u8>,
    /// The credential, sealed.
    pub sealed_credential: Option<Vec<u8>>,
    /// Whether it is paused.
    pub paused: bool,
    /// What the last round of upkeep left for the next one.
    pub upkeep_state: Option<Value>,
    /// When the last round was.
    pub upkept_at: Option<DateTime<Utc>>,
    /// What went wrong in it.
    pub upkeep_problem: Option<String>,
    /// When the last verified delivery came.
    pub last_delivery_at: Option<DateTime<Utc>>,
    /// Polls in succession that found changes which no delivery had announced.
    pub unannounced: i32,
}

/// A followed repository or space of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowedSpace {
    /// The repository.
    pub repository: RepositoryId,
    /// Its address or space.
    pub space: String,
    /// Its commit or cursor.
    pub baseline: Option<String>,
    /// Whether it is a hosted space.
    pub hosted: bool,
}

/// What a round of upkeep leaves.
#[derive(Clone, Debug, Default)]
pub struct UpkeepDone {
    /// For the next round; `None` leaves what is there.
    pub state: Option<Value>,
    /// When the next round is due.
    pub due_in: Duration,
    /// What it did, in one line.
    pub summary: String,
    /// What went wrong.
    pub problem: Option<String>,
    /// Whether it found changes that no delivery had announced.
    pub found_unannounced: bool,
}

impl Store {
    /// Connections of all tenants whose upkeep is due, the longest due first; paused and removed ones
    /// never are (as `sbh_dispatch`).
    pub async fn connections_due(
        &self,
        limit: i64,
    ) -> Result<Vec<(TenantId, ConnectionId)>, StoreError> {
        let rows = sqlx::query!(
            "SELECT tenant_id, id FROM connections
             WHERE removed_at IS NULL AND paused_at IS NULL
               AND (upkeep_due_at IS NULL OR upkeep_due_at <= now())
             ORDER BY upkeep_due_at NULLS FIRST, id LIMIT $1",
            limit,
        )
        .fetch_all(&self.dispatch)
        .await?;
        rows.into_iter().map(|row| Ok((known(row.tenant_id)?, ConnectionId(row.id)))).collect()
    }

    /// A connection to be used, paused or not.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] also for a removed one.
    pub async fn connection_in_use(
        &self,
        tenant: &TenantId,
        connection: ConnectionId,
    ) -> Result<ConnectionInUse, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let row = sqlx::query!(
            r#"SELECT name, source, settings, sealed_credential, paused_at IS NOT NULL AS "paused!",
                      upkeep_state, upkept_at, upkeep_problem, last_delivery_at, unannounced,
                      (SELECT sealed FROM connection_secrets secret
                       WHERE secret.tenant_id = $1 AND secret.connection_id = $2
                       ORDER BY secret.id DESC LIMIT 1) AS "secret!"
               FROM connections WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL"#,
            tenant.as_str(),
            connection.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("connection", connection))?;
        tx.commit().await?;
        Ok(ConnectionInUse {
            id: connection,
            name: row.name,
            source: row.source,
            settings: row.settings,
            sealed_secret: row.secret,
            sealed_credential: row.sealed_credential,
            paused: row.paused,
            upkeep_state: row.upkeep_state,
            upkept_at: row.upkept_at,
            upkeep_problem: row.upkeep_problem,
            last_delivery_at: row.last_delivery_at,
            unannounced: row.unannounced,
        })
    }

    /// The repositories and spaces that are followed through a connection.
    pub async fn spaces_of(
        &self,
        tenant: &TenantId,
        connection: ConnectionId,
    ) -> Result<Vec<FollowedSpace>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let rows = sqlx::query!(
            r#"SELECT id, coalesce(space, url) AS "space!", baseline, space IS NOT NULL AS "hosted!"
               FROM repositories
               WHERE tenant_id = $1 AND connection_id = $2 AND removed_at IS NULL ORDER BY id"#,
            tenant.as_str(),
            connection.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(rows
            .into_iter()
            .map(|row| FollowedSpace {
                repository: RepositoryId(row.id),
                space: row.space,
                baseline: row.baseline,
                hosted: row.hosted,
            })
            .collect())
    }

    /// Notes a round of upkeep, and returns how many polls in succession have found changes that no
    /// delivery announced. A connection that was changed meanwhile stays due.
    pub async fn note_upkeep(
        &self,
        tenant: &TenantId,
        connection: ConnectionId,
        began: DateTime<Utc>,
        done: &UpkeepDone,
    ) -> Result<i32, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let unannounced = sqlx::query_scalar!(
            "UPDATE connections SET
                 upkeep_state = coalesce($3::text::json, upkeep_state),
                 upkeep_due_at = CASE WHEN upkeep_due_at > $8 AND upkeep_due_at <= now() THEN upkeep_due_at
                                      ELSE now() + make_interval(secs => $4) END,
                 upkept_at = now(),
                 upkeep_summary = $5,
                 upkeep_problem = $6,
                 unannounced = unannounced + CASE WHEN $7 THEN 1 ELSE 0 END
             WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL
             RETURNING unannounced",
            tenant.as_str(),
            connection.0,
            done.state.as_ref().map(|state| storable(&state.to_string())),
            done.due_in.as_secs_f64(),
            shortened(&done.summary, 500),
            done.problem.as_deref().map(|problem| shortened(problem, 2_000)),
            done.found_unannounced,
            began,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("connection", connection))?;
        tx.commit().await?;
        Ok(unannounced)
    }

    /// Keeps what a round left for the next one, before the round has ended.
    pub async fn note_upkeep_state(
        &self,
        tenant: &TenantId,
        connection: ConnectionId,
        state: &Value,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        let noted = sqlx::query!(
            "UPDATE connections SET upkeep_state = $3::text::json
             WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL",
            tenant.as_str(),
            connection.0,
            storable(&state.to_string()),
        )
        .execute(&mut *tx)
        .await?
        .rows_affected();
        tx.commit().await?;
        if noted == 0 { Err(StoreError::not_found("connection", connection)) } else { Ok(()) }
    }

    /// Counts a poll of a repository that found what no delivery had announced since `since`. Returns
    /// how many there were in succession; 0 where a delivery came.
    pub async fn count_unannounced(
        &self,
        tenant: &TenantId,
        connection: ConnectionId,
        since: DateTime<Utc>,
    ) -> Result<i32, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let unannounced = sqlx::query_scalar!(
            "UPDATE connections SET
                 unannounced = CASE WHEN last_delivery_at > $3 THEN 0 ELSE unannounced + 1 END
             WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL RETURNING unannounced",
            tenant.as_str(),
            connection.0,
            since,
        )
        .fetch_optional(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(unannounced.unwrap_or_default())
    }
}
