//! Which channels are told of an alert, and when: decided in the transaction that raises or resolves it.

use chrono::{DateTime, Utc};
use sbh_domain::alert::{ChannelRules, QuietHours, Timing, Told};
use sbh_domain::{AlertId, AlertKind, ChannelId, Severity, TenantId};
use serde_json::json;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::alert::{NewAlert, raise, read};
use crate::alert_channel::channel_row;
use crate::{Store, StoreError, audit};

/// An alert of which channels are to be told.
pub(crate) struct News {
    pub id: AlertId,
    pub key: String,
    pub kind: AlertKind,
    pub severity: Severity,
    pub told: Told,
}

/// What is to be told when an alert is raised that was open with the severity `was` before.
pub(crate) fn told_of_raise(was: Option<Severity>, severity: Severity) -> Option<Told> {
    match was {
        None => Some(Told::Raised),
        Some(was) if was < severity => Some(Told::Escalated),
        Some(_) => None,
    }
}

/// A channel's rules, as routing needs them.
pub(crate) struct Route {
    pub channel: ChannelId,
    pub rules: ChannelRules,
    pub now: DateTime<Utc>,
}

/// The columns of a channel's rules.
pub(crate) struct RuleColumns {
    pub floor: String,
    pub kinds: Vec<String>,
    pub quiet_from_min: Option<i16>,
    pub quiet_to_min: Option<i16>,
    pub utc_offset_min: i16,
    pub dedup_window_s: i32,
    pub escalate_after_s: Option<i32>,
}

impl RuleColumns {
    /// The rules that they mean. A kind that this program does not know is one of a newer program, and
    /// is passed over.
    pub(crate) fn rules(self) -> Result<ChannelRules, StoreError> {
        let minute = |minute: i16| u16::try_from(minute).unwrap_or(0);
        let kinds: Vec<AlertKind> =
            self.kinds.iter().filter_map(|kind| kind.parse().ok()).collect();
        Ok(ChannelRules {
            floor: read(&self.floor)?,
            kinds,
            quiet: self
                .quiet_from_min
                .zip(self.quiet_to_min)
                .map(|(from, to)| QuietHours { from_min: minute(from), to_min: minute(to) }),
            utc_offset_min: self.utc_offset_min,
            dedup_window_s: u32::try_from(self.dedup_window_s).unwrap_or(0),
            escalate_after_s: self.escalate_after_s.and_then(|after| u32::try_from(after).ok()),
        })
    }
}

/// The channels of a tenant, with the transaction's time.
pub(crate) async fn routes(
    tx: &mut PgConnection,
    tenant: &TenantId,
) -> Result<Vec<Route>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, floor, kinds, quiet_from_min, quiet_to_min, utc_offset_min, dedup_window_s,
                  escalate_after_s, now() AS "now!"
           FROM alert_channels WHERE tenant_id = $1 AND removed_at IS NULL ORDER BY id"#,
        tenant.as_str(),
    )
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|row| {
            let columns = RuleColumns {
                floor: row.floor,
                kinds: row.kinds,
                quiet_from_min: row.quiet_from_min,
                quiet_to_min: row.quiet_to_min,
                utc_offset_min: row.utc_offset_min,
                dedup_window_s: row.dedup_window_s,
                escalate_after_s: row.escalate_after_s,
            };
            Ok(Route { channel: ChannelId(row.id), rules: columns.rules()?, now: row.now })
        })
        .collect()
}

/// Whether any channel of the tenant takes alerts of this kind and severity.
pub(crate) async fn anybody_takes(
    tx: &mut PgConnection,
    tenant: &TenantId,
    kind: AlertKind,
    severity: Severity,
) -> Result<bool, StoreError> {
    Ok(routes(tx, tenant).await?.iter().any(|route| route.rules.takes(kind, severity)))
}

/// Rows of `alert_deliveries` to be written.
#[derive(Default)]
struct Deliveries {
    ids: Vec<Uuid>,
    channels: Vec<Uuid>,
    alerts: Vec<Uuid>,
    told: Vec<&'static str>,
    severities: Vec<&'static str>,
    due: Vec<DateTime<Utc>>,
}

impl Deliveries {
    fn add(&mut self, channel: ChannelId, alert: Uuid, told: Told, severity: Severity, due_s: i64) {
        self.ids.push(Uuid::now_v7());
        self.channels.push(channel.0);
        self.alerts.push(alert);
        self.told.push(told.as_str());
        self.severities.push(severity.as_str());
        self.due.push(DateTime::from_timestamp(due_s, 0).unwrap_or_default());
    }

    async fn write(self, tx: &mut PgConnection, tenant: &TenantId) -> Result<(), StoreError> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let told: Vec<_> = self.told.into_iter().map(str::to_owned).collect();
        let severities: Vec<_> = self.severities.into_iter().map(str::to_owned).collect();
        sqlx::query!(
            "INSERT INTO alert_deliveries (id, tenant_id, channel_id, alert_id, told, severity, due_at)
             SELECT id, $1, channel_id, alert_id, told, severity, due_at
             FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::timestamptz[])
                 AS news (id, channel_id, alert_id, told, severity, due_at)
             ON CONFLICT ON CONSTRAINT alert_deliveries_once DO NOTHING",
            tenant.as_str(),
            &self.ids,
            &self.channels,
            &self.alerts,
            &told,
            &severities,
            &self.due,
        )
        .execute(tx)
        .await?;
        Ok(())
    }
}

/// Writes down which channels are to be told of these alerts.
pub(crate) async fn route(
    tx: &mut PgConnection,
    tenant: &TenantId,
    news: &[News],
) -> Result<(), StoreError> {
    if news.is_empty() {
        return Ok(());
    }
    let routes = routes(tx, tenant).await?;
    if routes.is_empty() {
        return Ok(());
    }
    // When each channel was last told of the same condition, in an earlier alert with its key.
    let keys: Vec<_> = news.iter().map(|news| news.key.clone()).collect();
    let last = sqlx::query!(
        r#"SELECT alert.key, delivery.channel_id, max(delivery.due_at) AS "at!"
           FROM alerts alert
           JOIN alert_deliveries delivery
             ON delivery.tenant_id = $1 AND delivery.alert_id = alert.id
            AND delivery.told = 'raised' AND delivery.state = 'claimed'
           WHERE alert.tenant_id = $1 AND alert.key = ANY($2)
             AND alert.raised_at > now() - interval '2 days'
           GROUP BY alert.key, delivery.channel_id"#,
        tenant.as_str(),
        &keys,
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut deliveries = Deliveries::default();
    for news in news {
        for route in routes.iter().filter(|route| route.rules.takes(news.kind, news.severity)) {
            let last =
                last.iter().find(|last| last.key == news.key && last.channel_id == route.channel.0);
            let timing = Timing {
                now_s: route.now.timestamp(),
                told: news.told,
                severity: news.severity,
                last_raised_s: last.map(|last| last.at.timestamp()),
            };
            let due_s = route.rules.due(timing);
            deliveries.add(route.channel, news.id.0, news.told, news.severity, due_s);
        }
    }
    deliveries.write(tx, tenant).await
}

/// What is waiting to be told of these alerts comes to nothing; whoever was told that they are there is
/// to be told that they are gone.
pub(crate) async fn route_resolved(
    tx: &mut PgConnection,
    tenant: &TenantId,
    alerts: &[Uuid],
) -> Result<(), StoreError> {
    if alerts.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "UPDATE alert_deliveries SET state = 'dropped'
         WHERE tenant_id = $1 AND alert_id = ANY($2) AND state = 'waiting'",
        tenant.as_str(),
        alerts,
    )
    .execute(&mut *tx)
    .await?;
    let told = sqlx::query!(
        r#"SELECT DISTINCT delivery.alert_id, delivery.channel_id, alert.severity
           FROM alert_deliveries delivery
           JOIN alerts alert ON alert.tenant_id = $1 AND alert.id = delivery.alert_id
           WHERE delivery.tenant_id = $1 AND delivery.alert_id = ANY($2) AND delivery.state = 'claimed'"#,
        tenant.as_str(),
        alerts,
    )
    .fetch_all(&mut *tx)
    .await?;
    if told.is_empty() {
        return Ok(());
    }
    let routes = routes(tx, tenant).await?;
    let mut deliveries = Deliveries::default();
    for told in told {
        let Some(route) = routes.iter().find(|route| route.channel.0 == told.channel_id) else {
            continue;
        };
        let severity = read(&told.severity)?;
        let timing = Timing {
            now_s: route.now.timestamp(),
            told: Told::Resolved,
            severity,
            last_raised_s: None,
        };
        let due_s = route.rules.due(timing);
        deliveries.add(route.channel, told.alert_id, Told::Resolved, severity, due_s);
    }
    deliveries.write(tx, tenant).await
}

impl Store {
    /// Tells a channel, and no other, that somebody tries it: whatever its rules.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is paused.
    pub async fn test_alert_channel(
        &self,
        tenant: &TenantId,
        actor: &str,
        channel: ChannelId,
    ) -> Result<AlertId, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let known = channel_row(&mut tx, tenant, channel).await?;
        if known.paused {
            return Err(StoreError::Conflict(format!(
                "the alert channel {:?} is paused: resume it first",
                known.name
            )));
        }
        let key = format!("test/{channel}/{}", Uuid::now_v7());
        let title = format!("{actor} tries the alert channel {}", known.name);
        let raised = raise(&mut tx, tenant, &NewAlert::new(AlertKind::Test, key, title)).await?;
        let mut deliveries = Deliveries::default();
        deliveries.add(channel, raised.id.0, Told::Raised, Severity::Info, Utc::now().timestamp());
        deliveries.write(&mut tx, tenant).await?;
        audit::append(&mut tx, tenant, actor, "alert_channel.test", channel, &json!({})).await?;
        tx.commit().await?;
        Ok(raised.id)
    }

    /// Tells channels anew, one step graver, of what is open for longer than they wait and that nobody
    /// acknowledged; for every tenant. Returns how many messages that makes.
    pub async fn escalate_alerts(&self) -> Result<u64, StoreError> {
        let tenants = sqlx::query_scalar!(
            "SELECT DISTINCT tenant_id FROM alert_channels
             WHERE removed_at IS NULL AND escalate_after_s IS NOT NULL"
        )
        .fetch_all(&self.dispatch)
        .await?;
        let mut escalated = 0;
        for tenant in tenants {
            let tenant = crate::tenant::known(tenant)?;
            let mut tx = self.scope(&tenant).await?;
            escalated += escalate(&mut tx, &tenant).await?;
            tx.commit().await?;
        }
        Ok(escalated)
    }
}

async fn escalate(tx: &mut PgConnection, tenant: &TenantId) -> Result<u64, StoreError> {
    let routes = routes(tx, tenant).await?;
    let rows = sqlx::query!(
        "SELECT alert.id, alert.kind, alert.severity, channel.id AS channel_id
         FROM alerts alert
         JOIN alert_channels channel
           ON channel.tenant_id = $1 AND channel.removed_at IS NULL AND NOT channel.paused
          AND alert.raised_at < now() - make_interval(secs => channel.escalate_after_s)
         WHERE alert.tenant_id = $1 AND alert.state = 'open' AND alert.acknowledged_at IS NULL
           AND alert.severity <> 'info'
           AND NOT EXISTS (
               SELECT FROM alert_deliveries delivery
               WHERE delivery.tenant_id = $1 AND delivery.alert_id = alert.id
                 AND delivery.channel_id = channel.id AND delivery.told = 'escalated')
         ORDER BY alert.id LIMIT 500",
        tenant.as_str(),
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut deliveries = Deliveries::default();
    for row in rows {
        let severity = read::<Severity>(&row.severity)?.escalated();
        let Some(route) = routes.iter().find(|route| route.channel.0 == row.channel_id) else {
            continue;
        };
        if route.rules.takes(read(&row.kind)?, severity) {
            let told = Told::Escalated;
            let now_s = route.now.timestamp();
            let timing = Timing { now_s, told, severity, last_raised_s: None };
            deliveries.add(route.channel, row.id, told, severity, route.rules.due(timing));
        }
    }
    let made = deliveries.ids.len() as u64;
    deliveries.write(tx, tenant).await?;
    Ok(made)
}
