//! Alerts: conditions that somebody should know of.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use sbh_api::alert::{Alert, AlertState, AlertWithTellings, AlertsQuery, Severity, Telling};
use sbh_api::drift::{Acknowledge, Acknowledgement};
use sbh_api::page::PageQuery;
use sbh_api::{Page, Problem};
use sbh_domain::{AlertId, DocumentId, Permission};
use sbh_store::alert_view::{self, AlertFilter};
use serde_json::Value;

use super::reason;
use crate::auth::Caller;
use crate::extract::{Body, Id, Query};
use crate::paging;
use crate::problem::{Failure, Kind};
use crate::state::Shared;

/// Lists the tenant's alerts, newest first.
#[utoipa::path(get, path = "/api/alerts", tag = "alerts", params(AlertsQuery, PageQuery),
    responses((status = 200, body = Page<Alert>), (status = 403, body = Problem)))]
pub async fn list(
    State(state): State<Shared>,
    caller: Caller,
    Query(which): Query<AlertsQuery>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Alert>>, Failure> {
    caller.may(Permission::Read)?;
    let limit = paging::limit(&query)?;
    let kind = which.kind.as_deref().filter(|kind| !kind.is_empty());
    let filter = AlertFilter {
        state: which.state.map(|state| state.as_str().to_owned()),
        kind: kind
            .map(str::parse)
            .transpose()
            .map_err(|error| Failure::new(Kind::Invalid, format!("kind: {error}")))?,
        severity: which.severity.map(severity_meant),
        document: which.document.map(DocumentId),
    };
    let before = paging::after(&query)?;
    let found = state.store.alerts(&caller.tenant, &filter, before, limit + 1).await?;
    Ok(Json(paging::page(found, limit, |alert| alert.id, |alert| shown(&state, alert))))
}

/// One alert, and what each channel was told of it.
#[utoipa::path(get, path = "/api/alerts/{id}", tag = "alerts", params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = AlertWithTellings), (status = 404, body = Problem)))]
pub async fn show(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<AlertId>,
) -> Result<Json<AlertWithTellings>, Failure> {
    caller.may(Permission::Read)?;
    let (alert, tellings) = state.store.alert(&caller.tenant, id).await?;
    let telling = |telling: alert_view::Telling| Telling {
        channel: telling.channel.0,
        channel_name: telling.channel_name,
        told: telling.told.to_string(),
        due_at: telling.due_at,
        state: telling.state,
        effect: telling.effect.map(|effect| effect.0),
    };
    let tellings = tellings.into_iter().map(telling).collect();
    Ok(Json(AlertWithTellings { alert: shown(&state, alert), tellings }))
}

/// Says that somebody knows of an open alert: it is not escalated any more.
#[utoipa::path(post, path = "/api/alerts/{id}/acknowledge", tag = "alerts", request_body = Acknowledge,
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 204), (status = 400, body = Problem), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn acknowledge(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<AlertId>,
    Body(acknowledge): Body<Acknowledge>,
) -> Result<StatusCode, Failure> {
    caller.may(Permission::Acknowledge)?;
    let why = reason(&acknowledge.reason)?;
    state.store.acknowledge_alert(&caller.tenant, &caller.subject, id, why).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(state: &Shared, alert: alert_view::Alert) -> Alert {
    let text = |name: &str| alert.detail.get(name).and_then(Value::as_str);
    let run_url = text("workflow_id").map(|id| state.engine.page(id, text("run_id")));
    Alert {
        id: alert.id.0,
        key: alert.key,
        kind: alert.kind.to_string(),
        severity: severity_shown(alert.severity),
        title: alert.title,
        run_url,
        detail: alert.detail,
        repository: alert.repository.map(|id| id.0),
        document: alert.document.map(|id| id.0),
        connection: alert.connection.map(|id| id.0),
        invariant: alert.invariant,
        state: match alert.state.as_str() {
            "open" => AlertState::Open,
            "resolved" => AlertState::Resolved,
            _ => AlertState::Event,
        },
        raised_at: alert.raised_at,
        last_seen_at: alert.last_seen_at,
        times_seen: alert.times_seen,
        resolved_at: alert.resolved_at,
        acknowledged: alert.acknowledged.map(|(by, at, reason)| Acknowledgement { by, at, reason }),
    }
}

pub(super) fn severity_meant(severity: Severity) -> sbh_domain::Severity {
    match severity {
        Severity::Info => sbh_domain::Severity::Info,
        Severity::Warning => sbh_domain::Severity::Warning,
        Severity::Critical => sbh_domain::Severity::Critical,
    }
}

pub(super) fn severity_shown(severity: sbh_domain::Severity) -> Severity {
    match severity {
        sbh_domain::Severity::Info => Severity::Info,
        sbh_domain::Severity::Warning => Severity::Warning,
        sbh_domain::Severity::Critical => Severity::Critical,
    }
}
