//! Effects as people see them, and what they decide about those whose outcome nobody knows.

use chrono::{DateTime, Utc};
use sbh_domain::{ChannelId, EffectId, TenantId};
use serde_json::json;

use crate::effect::{EffectState, tell_unknown};
use crate::text::shortened;
use crate::{Store, StoreError, audit};

/// An effect as people see it.
#[derive(Clone, Debug)]
pub struct Effect {
    /// Its id.
    pub id: EffectId,
    /// What it is: `slack`, `email`, `check_run`.
    pub kind: String,
    /// The same for the same effect.
    pub idempotency_key: String,
    /// To whom or what.
    pub target: String,
    /// The channel that it goes through.
    pub channel: Option<ChannelId>,
    /// What whoever sends it needs.
    pub payload: serde_json::Value,
    /// What became of it.
    pub state: EffectState,
    /// Sendings that were begun.
    pub attempt: i32,
    /// The service's own name for it.
    pub external_ref: Option<String>,
    /// Why it stands as it does.
    pub reason: Option<String>,
    /// When it was intended.
    pub created_at: DateTime<Utc>,
    /// When its state changed last.
    pub changed_at: DateTime<Utc>,
}

/// What somebody found out about, or wants done with, an effect that is unknown or failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// It arrived.
    Sent,
    /// It did not arrive, and is to be sent again.
    Resend,
    /// It is not to be sent.
    Dropped,
}

impl Resolution {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Resend => "resend",
            Self::Dropped => "dropped",
        }
    }

    const fn state(self) -> EffectState {
        match self {
            Self::Sent => EffectState::Sent,
            Self::Resend => EffectState::Intended,
            Self::Dropped => EffectState::Dropped,
        }
    }
}

struct Row {
    id: uuid::Uuid,
    kind: String,
    idempotency_key: String,
    target: String,
    channel_id: Option<uuid::Uuid>,
    payload: serde_json::Value,
    state: String,
    attempt: i32,
    external_ref: Option<String>,
    reason: Option<String>,
    created_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
}

impl Row {
    fn of(self) -> Result<Effect, StoreError> {
        Ok(Effect {
            id: EffectId(self.id),
            kind: self.kind,
            idempotency_key: self.idempotency_key,
            target: self.target,
            channel: self.channel_id.map(ChannelId),
            payload: self.payload,
            state: EffectState::read(&self.state)?,
            attempt: self.attempt,
            external_ref: self.external_ref,
            reason: self.reason,
            created_at: self.created_at,
            changed_at: self.changed_at,
        })
    }
}

impl Store {
    /// A page of a tenant's effects, newest first; `before` is the last id of the page before.
    pub async fn effects(
        &self,
        tenant: &TenantId,
        state: Option<EffectState>,
        kind: Option<&str>,
        before: Option<EffectId>,
        limit: i64,
    ) -> Result<Vec<Effect>, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let rows = sqlx::query_as!(
            Row,
            "SELECT id, kind, idempotency_key, target, channel_id, payload, state, attempt, external_ref,
                    reason, created_at, changed_at
             FROM effects
             WHERE tenant_id = $1 AND ($2::text IS NULL OR state = $2) AND ($3::text IS NULL OR kind = $3)
               AND ($4::uuid IS NULL OR id < $4)
             ORDER BY id DESC LIMIT $5",
            tenant.as_str(),
            state.map(EffectState::as_str),
            kind,
            before.map(|effect| effect.0),
            limit,
        )
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        rows.into_iter().map(Row::of).collect()
    }

    /// One effect.
    pub async fn effect(&self, tenant: &TenantId, effect: EffectId) -> Result<Effect, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let row = sqlx::query_as!(
            Row,
            "SELECT id, kind, idempotency_key, target, channel_id, payload, state, attempt, external_ref,
                    reason, created_at, changed_at
             FROM effects WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            effect.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("effect", effect))?;
        tx.commit().await?;
        row.of()
    }

    /// Notes what somebody found out or decided about an effect that is `unknown` or `failed`. With
    /// [`Resolution::Resend`] it is `intended` again, and whoever sends its kind takes it up.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when it is neither unknown nor failed.
    pub async fn resolve_effect(
        &self,
        tenant: &TenantId,
        actor: &str,
        effect: EffectId,
        resolution: Resolution,
        reason: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.scope(tenant).await?;
        let row = sqlx::query!(
            "SELECT kind, target, state FROM effects WHERE tenant_id = $1 AND id = $2
             FOR NO KEY UPDATE",
            tenant.as_str(),
            effect.0,
        )
        .fetch_optional(&mut *tx)
        .await?
        .ok_or_else(|| StoreError::not_found("effect", effect))?;
        if !matches!(row.state.as_str(), "unknown" | "failed") {
            return Err(StoreError::Conflict(format!(
                "the effect {effect} is {}: only one that is unknown or failed can be resolved",
                row.state
            )));
        }
        sqlx::query!(
            "UPDATE effects SET state = $3, reason = $4, changed_at = now()
             WHERE tenant_id = $1 AND id = $2",
            tenant.as_str(),
            effect.0,
            resolution.state().as_str(),
            shortened(&format!("{actor}: {reason}"), 2_000),
        )
        .execute(&mut *tx)
        .await?;
        let detail = json!({
            "kind": row.kind, "target": row.target, "was": row.state,
            "resolution": resolution.as_str(), "reason": shortened(reason, 1_000),
        });
        audit::append(&mut tx, tenant, actor, "effect.resolve", effect, &detail).await?;
        tell_unknown(&mut tx, tenant, &row.kind, &row.target).await?;
        tx.commit().await?;
        Ok(())
    }
}
