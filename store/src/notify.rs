//! What channels are still to be told: found for the starter, and tied to messages for the workers.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sbh_domain::alert::Told;
use sbh_domain::{AlertId, AlertKind, ChannelId, EffectId, Severity, TenantId};
use serde_json::json;

use crate::alert::read;
use crate::alert_channel::{Channel, ChannelKind, channel_row};
use crate::effect::{self, EffectState, NewEffect, Outcome, Sending};
use crate::text::shortened;
use crate::{Store, StoreError};

/// Alerts that one message tells of at most; the rest comes with the next one.
const MOST: i64 = 500;

/// What a claim found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// There is nothing that may be told now.
    Nothing,
    /// The channel is to be left alone for so long.
    Wait(Duration),
    /// A message to be sent: an effect that is `intended`.
    Message(EffectId),
}

/// A message with everything that it is written from.
#[derive(Clone, Debug)]
pub struct Message {
    /// The effect.
    pub effect: EffectId,
    /// The channel, with its sealed secret.
    pub channel: Channel,
    /// What it is to be told, in no particular order.
    pub entries: Vec<Entry>,
}

/// An alert that a message tells of.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The alert.
    pub alert: AlertId,
    /// What is told of it.
    pub told: Told,
    /// How grave it is to this channel.
    pub severity: Severity,
    /// What it is about.
    pub kind: AlertKind,
    /// One sentence.
    pub title: String,
    /// More about it.
    pub detail: serde_json::Value,
    /// When it was raised.
    pub raised_at: DateTime<Utc>,
    /// When it was resolved.
    pub resolved_at: Option<DateTime<Utc>>,
    /// The repository's name and the document's path, as far as it concerns one.
    pub place: (Option<String>, Option<String>),
    /// The invariant that it concerns.
    pub invariant: Option<String>,
}

impl Store {
    /// Channels with something due, for the starter, which gives their workflows notice. Each is marked:
    /// it comes again when something else became due, or after `again_after`.
    pub async fn claim_due_channels(
        &self,
        again_after: Duration,
        limit: i64,
    ) -> Result<Vec<(TenantId, ChannelId)>, StoreError> {
        let rows = sqlx::query!(
            "UPDATE alert_channels channel SET nudged_at = now() FROM (
                 SELECT one.id FROM alert_channels one
                 WHERE one.removed_at IS NULL AND NOT one.paused AND one.not_before <= now()
                   AND (EXISTS (
                            SELECT FROM alert_deliveries delivery
                            WHERE delivery.channel_id = one.id AND delivery.state = 'waiting'
                              AND delivery.due_at <= now()
                              AND (one.nudged_at < now() - make_interval(secs => $1)
                                   OR greatest(delivery.created_at, delivery.due_at) > one.nudged_at))
                        OR (one.nudged_at < now() - make_interval(secs => $1) AND EXISTS (
                                SELECT FROM effects effect
                                WHERE effect.channel_id = one.id AND effect.state = 'intended')))
                 LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED) AS due
             WHERE channel.id = due.id AND channel.removed_at IS NULL
             RETURNING channel.tenant_id, channel.id",
            again_after.as_secs_f64(),
            limit,
        )
        .fetch_all(&self.dispatch)
        .await?;
        rows.into_iter()
            .map(|row| Ok((crate::tenant::known(row.tenant_id)?, ChannelId(row.id))))
            .collect()
    }

    /// Gives a channel back that could not be told, so that it comes again with the next look.
    pub async fn release_due_channel(
        &self,
        tenant: &TenantId,
        channel: ChannelId,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "UPDATE alert_channels SET nudged_at = '-infinity' WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            channel.0,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The next message of a channel: one that was tied together before and not begun, or a new one of
    /// everything that is due, in one transaction. What the channel's quiet hours hold back is put off
    /// to their end.
    pub async fn claim_message(
        &self,
        tenant: &TenantId,
        channel: ChannelId,
    ) -> Result<Claim, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let Some(row) = sqlx::query!(
            r#"SELECT paused, removed_at IS NOT NULL AS "removed!",
                      extract(epoch FROM not_before - now())::float8 AS "wait_s!", now() AS "now!"
               FROM alert_channels WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"#,
            tenant.as_str(),
            channel.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        else {
            return Ok(Claim::Nothing);
        };
        if row.paused || row.removed {
            return Ok(Claim::Nothing);
        }
        if row.wait_s > 0.0 {
            return Ok(Claim::Wait(Duration::from_secs_f64(row.wait_s.min(86_400.0))));
        }
        let waiting = sqlx::query_scalar!(
            "SELECT id FROM effects
             WHERE channel_id = $2 AND tenant_id = $1 AND state = 'intended'
               AND kind IN ('slack', 'email')
             ORDER BY id LIMIT 1",
            tenant.as_str(),
            channel.0,
        )
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(effect) = waiting {
            return Ok(Claim::Message(EffectId(effect)));
        }
        let shown = channel_row(&mut tx, tenant, channel).await?;
        let due = sqlx::query!(
            "SELECT id, told, severity FROM alert_deliveries
             WHERE tenant_id = $1 AND channel_id = $2 AND state = 'waiting' AND due_at <= now()
             ORDER BY array_position(ARRAY['critical', 'warning', 'info'], severity), id
             LIMIT $3 FOR UPDATE SKIP LOCKED",
            tenant.as_str(),
            channel.0,
            MOST,
        )
        .fetch_all(&mut *tx)
        .await?;
        let (mut told, mut held, mut until) = (Vec::new(), Vec::new(), Vec::new());
        for delivery in due {
            let rules = &shown.rules;
            let (what, severity) = (read(&delivery.told)?, read(&delivery.severity)?);
            match rules.quiet_end(row.now.timestamp(), what, severity) {
                None => told.push(delivery.id),
                Some(end) => {
                    held.push(delivery.id);
                    until.push(DateTime::from_timestamp(end, 0).unwrap_or_default());
                }
            }
        }
        if !held.is_empty() {
            sqlx::query!(
                "UPDATE alert_deliveries delivery SET due_at = held.until
                 FROM unnest($2::uuid[], $3::timestamptz[]) AS held (id, until)
                 WHERE delivery.tenant_id = $1 AND delivery.id = held.id",
                tenant.as_str(),
                &held,
                &until,
            )
            .execute(&mut *tx)
            .await?;
        }
        // The first row is in no other message, so it names this one.
        let Some(first) = told.iter().min() else {
            tx.commit().await?;
            return Ok(Claim::Nothing);
        };
        let new = NewEffect {
            kind: shown.kind.effect(),
            idempotency_key: format!("{channel}/{first}"),
            target: shown.name.clone(),
            channel: Some(channel),
            payload: json!({ "alerts": told.len() }),
        };
        let effect = effect::intend(&mut tx, tenant, &new).await?.id();
        sqlx::query!(
            "UPDATE alert_deliveries SET state = 'claimed', effect_id = $3
             WHERE tenant_id = $1 AND id = ANY($2)",
            tenant.as_str(),
            &told,
            effect.0,
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(Claim::Message(effect))
    }

    /// What a message is written from.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for an effect that is no message.
    pub async fn message(
        &self,
        tenant: &TenantId,
        effect: EffectId,
    ) -> Result<Message, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let channel = sqlx::query_scalar!(
            "SELECT channel_id FROM effects WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            effect.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .flatten()
        .ok_or_else(|| StoreError::not_found("message", effect))?;
        let channel = channel_row(&mut tx, tenant, ChannelId(channel)).await?;
        let rows = sqlx::query!(
            r#"SELECT delivery.told, delivery.severity, alert.id, alert.kind, alert.title, alert.detail,
                      alert.raised_at, alert.resolved_at, alert.invariant,
                      repository.name AS "repository?", document.path AS "path?"
               FROM alert_deliveries delivery
               JOIN alerts alert ON alert.tenant_id = $1 AND alert.id = delivery.alert_id
               LEFT JOIN documents document
                 ON document.tenant_id = $1 AND document.id = alert.document_id
               LEFT JOIN repositories repository
                 ON repository.tenant_id = $1
                AND repository.id = coalesce(alert.repository_id, document.repository_id)
               WHERE delivery.tenant_id = $1 AND delivery.effect_id = $2 ORDER BY delivery.id"#,
            tenant.as_str(),
            effect.0,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        let mut entries = Vec::with_capacity(rows.len());
        for row in rows {
            entries.push(Entry {
                alert: AlertId(row.id),
                told: read(&row.told)?,
                severity: read(&row.severity)?,
                kind: read(&row.kind)?,
                title: row.title,
                detail: row.detail,
                raised_at: row.raised_at,
                resolved_at: row.resolved_at,
                place: (row.repository, row.path),
                invariant: row.invariant,
            });
        }
        Ok(Message { effect, channel, entries })
    }

    /// Ends the sending of a message, and notes at its channel how that went and how long it is to be
    /// left alone. Answers the effect's state.
    pub async fn end_message(
        &self,
        tenant: &TenantId,
        channel: ChannelId,
        sending: Sending,
        outcome: &Outcome,
        pause: Duration,
    ) -> Result<EffectState, StoreError> {
        let state = self.end_effect(tenant, sending, outcome).await?;
        let error = match outcome {
            Outcome::Sent { .. } => None,
            Outcome::Unknown { why } | Outcome::Failed { why } | Outcome::NotSent { why } => {
                Some(shortened(why, 2_000))
            }
        };
        let mut tx = self.scope(tenant).await?;
        sqlx::query!(
            "UPDATE alert_channels SET last_error = $3, not_before = now() + make_interval(secs => $4),
                 last_sent_at = CASE WHEN $3::text IS NULL THEN now() ELSE last_sent_at END,
                 sent = sent + CASE WHEN $3::text IS NULL THEN 1 ELSE 0 END
             WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            channel.0,
            error,
            pause.as_secs_f64(),
        )
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(state)
    }
}

impl ChannelKind {
    /// The kind of its effects.
    pub const fn effect(self) -> &'static str {
        match self {
            Self::SlackWebhook | Self::SlackBot => "slack",
            Self::Email => "email",
        }
    }
}
