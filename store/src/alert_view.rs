//! Alerts as people see them, and that somebody knows of one.

use chrono::{DateTime, Utc};
use sbh_domain::alert::Told;
use sbh_domain::{
    AlertId, AlertKind, ChannelId, ConnectionId, DocumentId, EffectId, RepositoryId, Severity,
    TenantId,
};
use serde_json::json;
use uuid::Uuid;

use crate::alert::read;
use crate::text::shortened;
use crate::{Store, StoreError, audit};

/// An alert as people see it.
#[derive(Clone, Debug)]
pub struct Alert {
    /// Its id.
    pub id: AlertId,
    /// The name of its condition.
    pub key: String,
    /// What it is about.
    pub kind: AlertKind,
    /// How grave it is.
    pub severity: Severity,
    /// One sentence.
    pub title: String,
    /// More about it.
    pub detail: serde_json::Value,
    /// The repository that it concerns.
    pub repository: Option<RepositoryId>,
    /// The document that it concerns.
    pub document: Option<DocumentId>,
    /// The connection that it concerns.
    pub connection: Option<ConnectionId>,
    /// The invariant that it concerns.
    pub invariant: Option<String>,
    /// `open`, `event` or `resolved`.
    pub state: String,
    /// When it was raised.
    pub raised_at: DateTime<Utc>,
    /// When it was found last.
    pub last_seen_at: DateTime<Utc>,
    /// How often it was found.
    pub times_seen: i64,
    /// When it was resolved.
    pub resolved_at: Option<DateTime<Utc>>,
    /// Who acknowledged it, when and why.
    pub acknowledged: Option<(String, DateTime<Utc>, String)>,
}

/// What a channel was or is to be told of an alert.
#[derive(Clone, Debug)]
pub struct Telling {
    /// The channel.
    pub channel: ChannelId,
    /// Its name.
    pub channel_name: String,
    /// What it is told.
    pub told: Told,
    /// From when on it may be told.
    pub due_at: DateTime<Utc>,
    /// `waiting`, `dropped`, or the state of the effect that tells it.
    pub state: String,
    /// The effect.
    pub effect: Option<EffectId>,
}

struct Row {
    id: Uuid,
    key: String,
    kind: String,
    severity: String,
    title: String,
    detail: serde_json::Value,
    repository_id: Option<Uuid>,
    document_id: Option<Uuid>,
    connection_id: Option<Uuid>,
    invariant: Option<String>,
    state: String,
    raised_at: DateTime<Utc>,
    last_seen_at: DateTime<Utc>,
    times_seen: i64,
    resolved_at: Option<DateTime<Utc>>,
    acknowledged_at: Option<DateTime<Utc>>,
    acknowledged_by: Option<String>,
    acknowledgement: Option<String>,
}

impl Row {
    fn of(self) -> Result<Alert, StoreError> {
        let acknowledged = self
            .acknowledged_by
            .zip(self.acknowledged_at)
            .map(|(who, at)| (who, at, self.acknowledgement.unwrap_or_default()));
        Ok(Alert {
            id: AlertId(self.id),
            key: self.key,
            kind: read(&self.kind)?,
            severity: read(&self.severity)?,
            title: self.title,
            detail: self.detail,
            repository: self.repository_id.map(RepositoryId),
            document: self.document_id.map(DocumentId),
            connection: self.connection_id.map(ConnectionId),
            invariant: self.invariant,
            state: self.state,
            raised_at: self.raised_at,
            last_seen_at: self.last_seen_at,
            times_seen: self.times_seen,
            resolved_at: self.resolved_at,
            acknowledged,
        })
    }
}

/// Which alerts are asked for.
#[derive(Clone, Debug, Default)]
pub struct AlertFilter {
    /// `open`, `event` or `resolved`; all when absent.
    pub state: Option<String>,
    /// One kind.
    pub kind: Option<AlertKind>,
    /// One severity.
    pub severity: Option<Severity>,
    /// What concerns one document.
    pub document: Option<DocumentId>,
}

impl Store {
    /// A page of a tenant's alerts, newest first; `before` is the last id of the page before.
    pub async fn alerts(
        &self,
        tenant: &TenantId,
        filter: &AlertFilter,
        before: Option<AlertId>,
        limit: i64,
    ) -> Result<Vec<Alert>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, key, kind, severity, title, detail, repository_id, document_id, connection_id,
                    invariant, state, raised_at, last_seen_at, times_seen, resolved_at, acknowledged_at,
                    acknowledged_by, acknowledgement
             FROM alerts
             WHERE tenant_id = $1 AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR kind = $3)
               AND ($4::text IS NULL OR severity = $4) AND ($5::uuid IS NULL OR document_id = $5)
               AND ($6::uuid IS NULL OR id < $6)
             ORDER BY id DESC LIMIT $7",
            tenant.as_str(),
            filter.state.as_deref(),
            filter.kind.map(AlertKind::as_str),
            filter.severity.map(Severity::as_str),
            filter.document.map(|document| document.0),
            before.map(|alert| alert.0),
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter().map(Row::of).collect()
    }

    /// One alert, and what each channel was told of it.
    pub async fn alert(
        &self,
        tenant: &TenantId,
        alert: AlertId,
    ) -> Result<(Alert, Vec<Telling>), StoreError> {
        let mut tx = self.scope(tenant).await?;
        let row = sqlx::query_as!(
            Row,
            "SELECT id, key, kind, severity, title, detail, repository_id, document_id, connection_id,
                    invariant, state, raised_at, last_seen_at, times_seen, resolved_at, acknowledged_at,
                    acknowledged_by, acknowledgement
             FROM alerts WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            alert.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("alert", alert))?;
        let tellings = sqlx::query!(
            r#"SELECT delivery.channel_id, channel.name, delivery.told, delivery.due_at,
                      coalesce(effect.state, delivery.state) AS "state!", delivery.effect_id
               FROM alert_deliveries delivery
               JOIN alert_channels channel
                 ON channel.tenant_id = $1 AND channel.id = delivery.channel_id
               LEFT JOIN effects effect ON effect.tenant_id = $1 AND effect.id = delivery.effect_id
               WHERE delivery.tenant_id = $1 AND delivery.alert_id = $2 ORDER BY delivery.id"#,
            tenant.as_str(),
            alert.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let mut shown = Vec::with_capacity(tellings.len());
        for telling in tellings {
            shown.push(Telling {
                channel: ChannelId(telling.channel_id),
                channel_name: telling.name,
                told: read(&telling.told)?,
                due_at: telling.due_at,
                state: telling.state,
                effect: telling.effect_id.map(EffectId),
            });
        }
        Ok((row.of()?, shown))
    }

    /// Notes that somebody knows of an open alert: it is not escalated any more.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is not open.
    pub async fn acknowledge_alert(
        &self,
        tenant: &TenantId,
        actor: &str,
        alert: AlertId,
        reason: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        let known = sqlx::query!(
            "SELECT key, state FROM alerts WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE",
            tenant.as_str(),
            alert.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("alert", alert))?;
        if known.state != "open" {
            return Err(StoreError::Conflict(format!(
                "the alert {alert} is not open: there is nothing to acknowledge"
            )));
        }
        sqlx::query!(
            "UPDATE alerts SET acknowledged_at = now(), acknowledged_by = $3, acknowledgement = $4
             WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            alert.0,
            shortened(actor, 200),
            shortened(reason, 1_000),
        )
        .execute(&mut *tx)
        .await?;
        let detail = json!({ "key": known.key, "reason": shortened(reason, 1_000) });
        audit::append(&mut tx, tenant, actor, "alert.acknowledge", alert, &detail).await?;
        tx.commit().await?;
        Ok(())
    }
}
