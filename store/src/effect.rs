//! Outgoing effects that cannot be undone and whose service takes no idempotency key.
//!
//! `intended → sending → sent | unknown | failed`. The intention is committed before anything is sent
//! and is the same one however often it is made. Only one sender begins it. A sending that is not ended
//! within its lease is `unknown`: it may have arrived, so it is never sent again by itself, but listed,
//! alerted, and resolved by a person or by a look-up at the service.

use std::time::Duration;

use sbh_domain::{AlertKind, ChannelId, EffectId, TenantId};
use serde_json::json;
use sqlx::PgConnection;

use crate::alert::{self, NewAlert};
use crate::text::{shortened, storable};
use crate::{Store, StoreError};

/// What became of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectState {
    /// Committed, not begun.
    Intended,
    /// Somebody sends it right now.
    Sending,
    /// It arrived.
    Sent,
    /// It may have arrived.
    Unknown,
    /// It did not arrive, and trying again would not help.
    Failed,
    /// Somebody decided that it is not to be sent.
    Dropped,
}

impl EffectState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Intended, Self::Sending, Self::Sent, Self::Unknown, Self::Failed, Self::Dropped];

    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }

    /// From a column, or from the wire.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn read(text: &str) -> Result<Self, StoreError> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| StoreError::Unreadable(format!("the state {text:?} of an effect")))
    }
}

/// An effect to be made.
#[derive(Clone, Debug)]
pub struct NewEffect {
    /// What it is: `slack`, `email`, `check_run`.
    pub kind: &'static str,
    /// The same for the same effect, at most 300 characters: a second intention is the first one.
    pub idempotency_key: String,
    /// To whom or what, for people.
    pub target: String,
    /// The channel that it goes through, for alerts.
    pub channel: Option<ChannelId>,
    /// What whoever sends it needs: small, without secrets.
    pub payload: serde_json::Value,
}

/// The answer to an intention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intended {
    /// It was not there.
    New(EffectId),
    /// It was there already, and stands like this.
    Already(EffectId, EffectState),
}

impl Intended {
    /// The effect.
    pub const fn id(self) -> EffectId {
        match self {
            Self::New(id) | Self::Already(id, _) => id,
        }
    }
}

/// A sending that was begun: to be ended with [`Store::end_effect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// The effect.
    pub id: EffectId,
    /// Which sending of it.
    pub attempt: i32,
}

/// The answer to a beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// The caller sends it now, and nobody else does.
    Yours(Sending),
    /// It is not to be sent by the caller: it is in this state.
    Not(EffectState),
}

/// How a sending ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It arrived; what the service calls it, if it says so.
    Sent {
        /// The service's own name for it.
        external_ref: Option<String>,
    },
    /// It may have arrived.
    Unknown {
        /// Why nobody knows.
        why: String,
    },
    /// It certainly did not arrive, and trying again would not help.
    Failed {
        /// What the service said.
        why: String,
    },
    /// It certainly did not arrive, and may be sent again: it is `intended` once more.
    NotSent {
        /// What came between.
        why: String,
    },
}

impl Store {
    /// Commits the intention of an effect, once per tenant, kind and key.
    pub async fn intend_effect(
        &self,
        tenant: &TenantId,
        effect: &NewEffect,
    ) -> Result<Intended, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let intended = intend(&mut tx, tenant, effect).await?;
        tx.commit().await?;
        Ok(intended)
    }

    /// Begins to send an effect: only one caller gets it. It must be ended within `lease`, which should
    /// be longer than the time-outs of the request. One whose lease is over becomes `unknown` here.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the tenant has no such effect.
    pub async fn begin_effect(
        &self,
        tenant: &TenantId,
        effect: EffectId,
        lease: Duration,
    ) -> Result<Begun, StoreError> {
        let mut tx = self.scope(tenant).await?;
        expire(&mut tx, tenant, Some(effect)).await?;
        let attempt = sqlx::query_scalar!(
            "UPDATE effects SET state = 'sending', attempt = attempt + 1, changed_at = now(),
                 lease_until = now() + make_interval(secs => $3)
             WHERE tenant_id = $1 AND id = $2 AND state = 'intended' RETURNING attempt",
            tenant.as_str(),
            effect.0,
            lease.as_secs_f64(),
        )
        .fetch_optional(&mut *tx)
        .await?;
        let begun = match attempt {
            Some(attempt) => Begun::Yours(Sending { id: effect, attempt }),
            None => Begun::Not(state(&mut tx, tenant, effect).await?),
        };
        tx.commit().await?;
        Ok(begun)
    }

    /// Ends a sending. What is known overrides what is not: an effect that became `unknown` meanwhile
    /// takes the outcome; one that was resolved by a person, or is being sent anew, does not. Returns
    /// the state in which it is now.
    pub async fn end_effect(
        &self,
        tenant: &TenantId,
        sending: Sending,
        outcome: &Outcome,
    ) -> Result<EffectState, StoreError> {
        let mut tx = self.scope(tenant).await?;
        let (next, external_ref, reason) = match outcome {
            Outcome::Sent { external_ref } => (EffectState::Sent, external_ref.as_deref(), None),
            Outcome::Unknown { why } => (EffectState::Unknown, None, Some(why)),
            Outcome::Failed { why } => (EffectState::Failed, None, Some(why)),
            Outcome::NotSent { why } => (EffectState::Intended, None, Some(why)),
        };
        let row = sqlx::query!(
            "UPDATE effects SET state = $4, external_ref = $5, reason = $6, lease_until = NULL,
                 changed_at = now()
             WHERE tenant_id = $1 AND id = $2 AND attempt = $3 AND state IN ('sending', 'unknown')
             RETURNING kind, target",
            tenant.as_str(),
            sending.id.0,
            sending.attempt,
            next.as_str(),
            external_ref.map(|text| shortened(text, 500)),
            reason.map(|text| shortened(text, 2_000)),
        )
        .fetch_optional(&mut *tx)
        .await?;
        let now = match row {
            Some(row) => {
                tell_unknown(&mut tx, tenant, &row.kind, &row.target).await?;
                next
            }
            None => state(&mut tx, tenant, sending.id).await?,
        };
        tx.commit().await?;
        Ok(now)
    }

    /// Makes every sending whose lease is over `unknown`, for every tenant, and raises the alerts.
    /// Returns how many there were.
    pub async fn expire_effects(&self) -> Result<u64, StoreError> {
        let tenants = sqlx::query_scalar!(
            "SELECT DISTINCT tenant_id FROM effects WHERE state = 'sending' AND lease_until < now()"
        )
        .fetch_all(&self.dispatch)
        .await?;
        let mut expired = 0;
        for tenant in tenants {
            let tenant = crate::tenant::known(tenant)?;
            let mut tx = self.scope(&tenant).await?;
            expired += expire(&mut tx, &tenant, None).await?;
            tx.commit().await?;
        }
        Ok(expired)
    }

    /// Effects of a kind that were intended longer ago than `age` and that nobody began, for whoever
    /// sends them: a worker died between, or a person wants them sent again.
    pub async fn intended_effects(
        &self,
        kind: &str,
        age: Duration,
        limit: i64,
    ) -> Result<Vec<(TenantId, EffectId)>, StoreError> {
        let rows = sqlx::query!(
            "SELECT tenant_id, id FROM effects
             WHERE kind = $1 AND state = 'intended' AND changed_at < now() - make_interval(secs => $2)
             ORDER BY id LIMIT $3",
            kind,
            age.as_secs_f64(),
            limit,
        )
        .fetch_all(&self.dispatch)
        .await?;
        rows.into_iter()
            .map(|row| Ok((crate::tenant::known(row.tenant_id)?, EffectId(row.id))))
            .collect()
    }
}

/// Commits the intention of an effect in the caller's transaction.
pub(crate) async fn intend(
    tx: &mut PgConnection,
    tenant: &TenantId,
    effect: &NewEffect,
) -> Result<Intended, StoreError> {
    let id = EffectId(uuid::Uuid::now_v7());
    let key = shortened(&effect.idempotency_key, 300);
    let added = sqlx::query!(
        "INSERT INTO effects (id, tenant_id, kind, idempotency_key, target, channel_id, payload)
         VALUES ($2, $1, $3, $4, $5, $6, $7::text::json)
         ON CONFLICT (tenant_id, kind, idempotency_key) DO NOTHING",
        tenant.as_str(),
        id.0,
        effect.kind,
        key,
        shortened(&effect.target, 300),
        effect.channel.map(|channel| channel.0),
        storable(&effect.payload.to_string()),
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if added > 0 {
        return Ok(Intended::New(id));
    }
    let row = sqlx::query!(
        "SELECT id, state FROM effects WHERE tenant_id = $1 AND kind = $2 AND idempotency_key = $3",
        tenant.as_str(),
        effect.kind,
        key,
    )
    .fetch_one(tx)
    .await?;
    Ok(Intended::Already(EffectId(row.id), EffectState::read(&row.state)?))
}

async fn state(
    tx: &mut PgConnection,
    tenant: &TenantId,
    effect: EffectId,
) -> Result<EffectState, StoreError> {
    let state = sqlx::query_scalar!(
        "SELECT state FROM effects WHERE tenant_id = $1 AND id = $2",
        tenant.as_str(),
        effect.0,
    )
    .fetch_optional(tx)
    .await?
    .ok_or_else(|| StoreError::not_found("effect", effect))?;
    EffectState::read(&state)
}

/// Makes sendings whose lease is over `unknown`.
async fn expire(
    tx: &mut PgConnection,
    tenant: &TenantId,
    only: Option<EffectId>,
) -> Result<u64, StoreError> {
    let rows = sqlx::query!(
        "UPDATE effects SET state = 'unknown', lease_until = NULL, changed_at = now(),
             reason = 'whoever sent it did not say what became of it: it stopped in between'
         WHERE tenant_id = $1 AND state = 'sending' AND lease_until < now()
           AND ($2::uuid IS NULL OR id = $2)
         RETURNING kind, target",
        tenant.as_str(),
        only.map(|effect| effect.0),
    )
    .fetch_all(&mut *tx)
    .await?;
    for row in &rows {
        tell_unknown(tx, tenant, &row.kind, &row.target).await?;
    }
    Ok(rows.len() as u64)
}

/// One alert per kind and target of unknown effects: raised while there is one, resolved after.
pub(crate) async fn tell_unknown(
    tx: &mut PgConnection,
    tenant: &TenantId,
    kind: &str,
    target: &str,
) -> Result<(), StoreError> {
    let key = format!("effect_unknown/{kind}/{target}");
    let unknown = sqlx::query!(
        r#"SELECT count(*) AS "count!", (array_agg(reason ORDER BY changed_at DESC))[1] AS reason
           FROM effects WHERE tenant_id = $1 AND kind = $2 AND target = $3 AND state = 'unknown'"#,
        tenant.as_str(),
        kind,
        target,
    )
    .fetch_one(&mut *tx)
    .await?;
    if unknown.count == 0 {
        alert::resolve(tx, tenant, &key).await?;
        return Ok(());
    }
    let title = format!("{} {kind} to {target} may or may not have arrived", unknown.count);
    let mut found = NewAlert::new(AlertKind::EffectUnknown, key, title);
    found.detail = json!({
        "reason": unknown.reason,
        "what_to_do": "look at the receiver, then say what is so: sbh effect list --state unknown, sbh effect resolve",
    });
    alert::raise(tx, tenant, &found).await?;
    Ok(())
}
