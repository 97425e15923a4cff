//! Channels: where a tenant's alerts are told. Their secrets arrive sealed.

use chrono::{DateTime, Utc};
use sbh_domain::alert::ChannelRules;
use sbh_domain::{ChannelId, TenantId};
use serde_json::{Value, json};
use sqlx::PgConnection;

use crate::alert_routing::RuleColumns;
use crate::text::shortened;
use crate::{Store, StoreError, audit};

/// How a channel is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelKind {
    /// Slack's incoming webhooks: the secret is the webhook's address.
    SlackWebhook,
    /// Slack's `chat.postMessage`: the secret is a bot's token, the target names the channel.
    SlackBot,
    /// E-mail: the target names the addresses.
    Email,
}

impl ChannelKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::SlackWebhook, Self::SlackBot, Self::Email];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SlackWebhook => "slack_webhook",
            Self::SlackBot => "slack_bot",
            Self::Email => "email",
        }
    }

    /// From a column, or from the wire.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn read(text: &str) -> Result<Self, StoreError> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| StoreError::Unreadable(format!("the kind {text:?} of a channel")))
    }
}

/// A channel.
#[derive(Clone, Debug)]
pub struct Channel {
    /// Its id.
    pub id: ChannelId,
    /// How it is reached.
    pub kind: ChannelKind,
    /// What people call it; unique in a tenant.
    pub name: String,
    /// What is no secret of where it leads: `{"channel": "C…"}` or `{"to": ["…"]}`.
    pub target: Value,
    /// The secret, sealed: not for people.
    pub sealed_secret: Option<Vec<u8>>,
    /// What it is told, and when.
    pub rules: ChannelRules,
    /// Whether nothing is sent for now. What it misses is kept.
    pub paused: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When the last message arrived.
    pub last_sent_at: Option<DateTime<Utc>>,
    /// Why the last message did not arrive.
    pub last_error: Option<String>,
    /// Messages that arrived.
    pub sent: i64,
    /// Alerts that wait to be told.
    pub waiting: i64,
}

/// A channel to be made.
#[derive(Clone, Debug)]
pub struct NewChannel {
    /// How it is reached.
    pub kind: ChannelKind,
    /// What people call it.
    pub name: String,
    /// Where it leads; see [`Channel::target`].
    pub target: Value,
    /// The secret, sealed.
    pub sealed_secret: Option<Vec<u8>>,
    /// What it is told, and when.
    pub rules: ChannelRules,
}

struct Row {
    id: uuid::Uuid,
    kind: String,
    name: String,
    target: Value,
    sealed_secret: Option<Vec<u8>>,
    floor: String,
    kinds: Vec<String>,
    quiet_from_min: Option<i16>,
    quiet_to_min: Option<i16>,
    utc_offset_min: i16,
    dedup_window_s: i32,
    escalate_after_s: Option<i32>,
    paused: bool,
    created_at: DateTime<Utc>,
    last_sent_at: Option<DateTime<Utc>>,
    last_error: Option<String>,
    sent: i64,
    waiting: i64,
}

impl Row {
    fn of(self) -> Result<Channel, StoreError> {
        let columns = RuleColumns {
            floor: self.floor,
            kinds: self.kinds,
            quiet_from_min: self.quiet_from_min,
            quiet_to_min: self.quiet_to_min,
            utc_offset_min: self.utc_offset_min,
            dedup_window_s: self.dedup_window_s,
            escalate_after_s: self.escalate_after_s,
        };
        Ok(Channel {
            id: ChannelId(self.id),
            kind: ChannelKind::read(&self.kind)?,
            name: self.name,
            target: self.target,
            sealed_secret: self.sealed_secret,
            rules: columns.rules()?,
            paused: self.paused,
            created_at: self.created_at,
            last_sent_at: self.last_sent_at,
            last_error: self.last_error,
            sent: self.sent,
            waiting: self.waiting,
        })
    }
}

/// The rules as the database has them.
struct Columns {
    kinds: Vec<String>,
    from: Option<i16>,
    to: Option<i16>,
    dedup: i32,
    escalate: Option<i32>,
}

impl Columns {
    fn of(rules: &ChannelRules) -> Self {
        let minute = |minute: u16| i16::try_from(minute).unwrap_or(0);
        Self {
            kinds: rules.kinds.iter().map(ToString::to_string).collect(),
            from: rules.quiet.map(|quiet| minute(quiet.from_min)),
            to: rules.quiet.map(|quiet| minute(quiet.to_min)),
            dedup: i32::try_from(rules.dedup_window_s).unwrap_or(i32::MAX),
            escalate: rules.escalate_after_s.map(|after| i32::try_from(after).unwrap_or(i32::MAX)),
        }
    }
}

fn rules_detail(rules: &ChannelRules) -> Value {
    json!({
        "floor": rules.floor, "kinds": rules.kinds,
        "quiet": rules.quiet.map(|quiet| quiet.to_string()), "utc_offset": rules.offset_text(),
        "dedup_window_s": rules.dedup_window_s, "escalate_after_s": rules.escalate_after_s,
    })
}

/// What a broken constraint means.
fn taken(name: &str) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| {
        if StoreError::breaks(&error, "alert_channels_name_key") {
            StoreError::Conflict(format!(
                "there is an alert channel {name:?} already: choose another name"
            ))
        } else {
            error.into()
        }
    }
}

impl Store {
    /// Makes a channel.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken.
    pub async fn add_alert_channel(
        &self,
        tenant: &TenantId,
        actor: &str,
        new: &NewChannel,
    ) -> Result<Channel, StoreError> {
        let id = ChannelId(uuid::Uuid::now_v7());
        let name = shortened(&new.name, 100);
        let columns = Columns::of(&new.rules);
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "INSERT INTO alert_channels
                 (id, tenant_id, kind, name, target, sealed_secret, floor, kinds, quiet_from_min,
                  quiet_to_min, utc_offset_min, dedup_window_s, escalate_after_s)
             VALUES ($2, $1, $3, $4, $5::text::json, $6, $7, $8, $9, $10, $11, $12, $13)",
            tenant.as_str(),
            id.0,
            new.kind.as_str(),
            name,
            new.target.to_string(),
            new.sealed_secret.as_deref(),
            new.rules.floor.as_str(),
            &columns.kinds,
            columns.from,
            columns.to,
            new.rules.utc_offset_min,
            columns.dedup,
            columns.escalate,
        )
        .execute(&mut *tx)
        .await
        .map_err(taken(&name))?;
        let detail = json!({
            "name": name, "kind": new.kind.as_str(), "target": new.target,
            "rules": rules_detail(&new.rules),
        });
        audit::append(&mut tx, tenant, actor, "alert_channel.create", id, &detail).await?;
        let channel = channel_row(&mut tx, tenant, id).await?;
        tx.commit().await?;
        Ok(channel)
    }

    /// All channels of a tenant, by name.
    pub async fn alert_channels(&self, tenant: &TenantId) -> Result<Vec<Channel>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let rows = sqlx::query_as!(
            Row,
            r#"SELECT id, kind, name, target, sealed_secret, floor, kinds, quiet_from_min, quiet_to_min,
                      utc_offset_min, dedup_window_s, escalate_after_s, paused, created_at, last_sent_at,
                      last_error, sent,
                      (SELECT count(*) FROM alert_deliveries delivery
                       WHERE delivery.tenant_id = $1 AND delivery.channel_id = channel.id
                         AND delivery.state = 'waiting') AS "waiting!"
               FROM alert_channels channel
               WHERE tenant_id = $1 AND removed_at IS NULL ORDER BY name"#,
            tenant.as_str(),
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter().map(Row::of).collect()
    }

    /// One channel.
    pub async fn alert_channel(
        &self,
        tenant: &TenantId,
        channel: ChannelId,
    ) -> Result<Channel, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let channel = channel_row(&mut tx, tenant, channel).await?;
        tx.commit().await?;
        Ok(channel)
    }

    /// Changes a channel's name, rules and whether it is paused; its secret as well where one is given.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the name is taken.
    pub async fn change_alert_channel(
        &self,
        tenant: &TenantId,
        actor: &str,
        channel: &Channel,
        sealed_secret: Option<&[u8]>,
    ) -> Result<Channel, StoreError> {
        let name = shortened(&channel.name, 100);
        let columns = Columns::of(&channel.rules);
        let mut tx = self.scope(tenant).await?;
        let changed = sqlx::query!(
            "UPDATE alert_channels SET
                 name = $3, target = $4::text::json, sealed_secret = coalesce($5, sealed_secret),
                 floor = $6, kinds = $7, quiet_from_min = $8, quiet_to_min = $9, utc_offset_min = $10,
                 dedup_window_s = $11, escalate_after_s = $12, paused = $13
             WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL",
            tenant.as_str(),
            channel.id.0,
            name,
            channel.target.to_string(),
            sealed_secret,
            channel.rules.floor.as_str(),
            &columns.kinds,
            columns.from,
            columns.to,
            channel.rules.utc_offset_min,
            columns.dedup,
            columns.escalate,
            channel.paused,
        )
        .execute(&mut *tx)
        .await
        .map_err(taken(&name))?
        .rows_affected();
        if changed == 0 {
            return Err(StoreError::not_found("alert channel", channel.id));
        }
        let detail = json!({
            "name": name, "target": channel.target, "rules": rules_detail(&channel.rules),
            "paused": channel.paused, "new_secret": sealed_secret.is_some(),
        });
        audit::append(&mut tx, tenant, actor, "alert_channel.change", channel.id, &detail).await?;
        let channel = channel_row(&mut tx, tenant, channel.id).await?;
        tx.commit().await?;
        Ok(channel)
    }

    /// Removes a channel. What it was still to be told is dropped, its secret is deleted; what was sent
    /// stays as history.
    pub async fn remove_alert_channel(
        &self,
        tenant: &TenantId,
        actor: &str,
        channel: ChannelId,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        let name = sqlx::query_scalar!(
            "UPDATE alert_channels SET removed_at = now(), sealed_secret = NULL
             WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL RETURNING name",
            tenant.as_str(),
            channel.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("alert channel", channel))?;
        sqlx::query!(
            "UPDATE alert_deliveries SET state = 'dropped'
             WHERE tenant_id = $1 AND channel_id = $2 AND state = 'waiting'",
            tenant.as_str(),
            channel.0,
        )
        .execute(&mut *tx)
        .await?;
        sqlx::query!(
            "UPDATE effects SET state = 'dropped', reason = 'its channel was removed', changed_at = now()
             WHERE tenant_id = $1 AND channel_id = $2 AND state = 'intended'",
            tenant.as_str(),
            channel.0,
        )
        .execute(&mut *tx)
        .await?;
        let detail = json!({ "name": name });
        audit::append(&mut tx, tenant, actor, "alert_channel.remove", channel, &detail).await?;
        crate::alert::resolve(&mut tx, tenant, &format!("notify_failing/{channel}")).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// One channel, unless it was removed.
pub(crate) async fn channel_row(
    tx: &mut PgConnection,
    tenant: &TenantId,
    channel: ChannelId,
) -> Result<Channel, StoreError> {
    sqlx::query_as!(
        Row,
        r#"SELECT id, kind, name, target, sealed_secret, floor, kinds, quiet_from_min, quiet_to_min,
                  utc_offset_min, dedup_window_s, escalate_after_s, paused, created_at, last_sent_at,
                  last_error, sent,
                  (SELECT count(*) FROM alert_deliveries delivery
                   WHERE delivery.tenant_id = $1 AND delivery.channel_id = channel.id
                     AND delivery.state = 'waiting') AS "waiting!"
           FROM alert_channels channel WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL"#,
        tenant.as_str(),
        channel.0,
    )
    .fetch_optional(tx)
    .await?
    .ok_or_else(|| StoreError::not_found("alert channel", channel))?
    .of()
}
