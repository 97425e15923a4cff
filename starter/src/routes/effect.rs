//! Effects: what was sent outside and cannot be undone.

use axum::Json;
use axum::extract::State;
use sbh_api::effect::{Effect, EffectResolution, EffectState, EffectsQuery, ResolveEffect};
use sbh_api::page::PageQuery;
use sbh_api::{Page, Problem};
use sbh_domain::{EffectId, Permission};
use sbh_store::effect;
use sbh_store::effect_view::Resolution;

use super::reason;
use crate::auth::Caller;
use crate::extract::{Body, Id, Query};
use crate::paging;
use crate::problem::Failure;
use crate::state::Shared;

/// Lists the tenant's effects, newest first.
#[utoipa::path(get, path = "/api/effects", tag = "alerts", params(EffectsQuery, PageQuery),
    responses((status = 200, body = Page<Effect>), (status = 403, body = Problem)))]
pub async fn list(
    State(state): State<Shared>,
    caller: Caller,
    Query(which): Query<EffectsQuery>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Effect>>, Failure> {
    caller.may(Permission::Read)?;
    let limit = paging::limit(&query)?;
    let found = state
        .store
        .effects(
            &caller.tenant,
            which.state.map(stored),
            which.kind.as_deref(),
            paging::after(&query)?,
            limit + 1,
        )
        .await?;
    Ok(Json(paging::page(found, limit, |effect| effect.id, shown)))
}

/// One effect.
#[utoipa::path(get, path = "/api/effects/{id}", tag = "alerts", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = Effect), (status = 404, body = Problem)))]
pub async fn show(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<EffectId>,
) -> Result<Json<Effect>, Failure> {
    caller.may(Permission::Read)?;
    Ok(Json(shown(state.store.effect(&caller.tenant, id).await?)))
}

/// Says what is so of an effect that is unknown or failed, or sends it again.
#[utoipa::path(post, path = "/api/effects/{id}/resolve", tag = "alerts", request_body = ResolveEffect,
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Effect), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn resolve(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<EffectId>,
    Body(resolve): Body<ResolveEffect>,
) -> Result<Json<Effect>, Failure> {
    caller.may(Permission::ResolveEffects)?;
    let resolution = match resolve.resolution {
        EffectResolution::Sent => Resolution::Sent,
        EffectResolution::Resend => Resolution::Resend,
        EffectResolution::Dropped => Resolution::Dropped,
    };
    let why = reason(&resolve.reason)?;
    state.store.resolve_effect(&caller.tenant, &caller.subject, id, resolution, why).await?;
    Ok(Json(shown(state.store.effect(&caller.tenant, id).await?)))
}

fn stored(state: EffectState) -> effect::EffectState {
    match state {
        EffectState::Intended => effect::EffectState::Intended,
        EffectState::Sending => effect::EffectState::Sending,
        EffectState::Sent => effect::EffectState::Sent,
        EffectState::Unknown => effect::EffectState::Unknown,
        EffectState::Failed => effect::EffectState::Failed,
        EffectState::Dropped => effect::EffectState::Dropped,
    }
}

fn shown(effect: sbh_store::effect_view::Effect) -> Effect {
    use sbh_store::effect::EffectState as S;
    Effect {
        id: effect.id.0,
        kind: effect.kind,
        idempotency_key: effect.idempotency_key,
        target: effect.target,
        channel: effect.channel.map(|channel| channel.0),
        state: match effect.state {
            S::Intended => EffectState::Intended,
            S::Sending => EffectState::Sending,
            S::Sent => EffectState::Sent,
            S::Unknown => EffectState::Unknown,
            S::Failed => EffectState::Failed,
            S::Dropped => EffectState::Dropped,
        },
        attempts: effect.attempt,
        external_ref: effect.external_ref,
        reason: effect.reason,
        created_at: effect.created_at,
        changed_at: effect.changed_at,
    }
}
