//! Connections and their secrets.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sbh_api::connection::{
    Connection, ConnectionChange, ConnectionMade, ConnectionTested, NewConnection, Rotate, Rotated,
    Upkeep,
};
use sbh_api::page::PageQuery;
use sbh_api::{Page, Problem};
use sbh_domain::{ConnectionId, Permission};
use sbh_sources::Session;
use sbh_store::connection;
use serde_json::Value;

use super::connection_given::{Credential, hosts, name, secret, settings, source};
use crate::auth::Caller;
use crate::extract::{Body, Id, OptionalBody, Query};
use crate::idempotency::ShowsSecret;
use crate::paging;
use crate::problem::{Failure, Kind};
use crate::state::Shared;
use crate::webhooks::{CREDENTIAL_PURPOSE, SECRET_PURPOSE};

/// How long a test of a connection may take.
const PROBE: Duration = Duration::from_secs(10);

/// Lists the tenant's connections by name.
#[utoipa::path(get, path = "/api/connections", tag = "connections", params(PageQuery),
    responses((status = 200, body = Page<Connection>), (status = 401, body = Problem)))]
pub async fn list(
    State(state): State<Shared>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Connection>>, Failure> {
    caller.may(Permission::Read)?;
    let connections = state.store.connections(&caller.tenant).await?;
    let shown = |connection| shown(&state, connection);
    Ok(Json(paging::slice(connections, &query, |connection| connection.name.clone(), shown)?))
}

/// One connection.
#[utoipa::path(get, path = "/api/connections/{id}", tag = "connections",
    params(("id" = uuid::Uuid, Path)),
    responses((status = 200, body = Connection), (status = 404, body = Problem)))]
pub async fn show(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
) -> Result<Json<Connection>, Failure> {
    caller.may(Permission::Read)?;
    Ok(Json(shown(&state, state.store.connection(&caller.tenant, id).await?)))
}

/// Makes a connection. The answer shows its secret, once.
#[utoipa::path(post, path = "/api/connections", tag = "connections", request_body = NewConnection,
    params(("Idempotency-Key" = Option<String>, Header)),
    responses((status = 201, body = ConnectionMade), (status = 400, body = Problem),
              (status = 403, body = Problem), (status = 409, body = Problem)))]
pub async fn create(
    State(state): State<Shared>,
    caller: Caller,
    Body(new): Body<NewConnection>,
) -> Result<Response, Failure> {
    caller.may(Permission::EditConnections)?;
    let source = source(new.source.as_deref().unwrap_or("github"))?;
    let name = name(&new.name)?;
    let settings = settings(source, new.settings.as_ref().unwrap_or(&Value::Null))?;
    let secret = secret(new.secret)?;
    let sealed = state.keyring.seal(SECRET_PURPOSE, secret.as_bytes());
    let (credential, host) = (new.credential.as_deref(), new.credential_host.as_deref());
    let credential = Credential::read(&state, source, credential, host)?;
    let made = connection::NewConnection {
        source: source.name(),
        name,
        settings: &settings,
        sealed_secret: &sealed,
        credential: credential.as_ref().map(Credential::sealed),
    };
    let id = state.store.create_connection(&caller.tenant, &caller.subject, &made).await?;
    let made = ConnectionMade {
        id: id.0,
        source: source.name().to_owned(),
        name: name.to_owned(),
        webhook_url: webhook_url(&state, source.name(), id),
        secret,
    };
    Ok(secret_shown(id, (StatusCode::CREATED, Json(made)).into_response()))
}

/// Changes a connection's name, settings or credential.
///
/// Settings that name another host need the credential again: whoever may change a connection must
/// not be able to have its credential sent elsewhere.
#[utoipa::path(patch, path = "/api/connections/{id}", tag = "connections",
    request_body = ConnectionChange,
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Connection), (status = 400, body = Problem),
              (status = 403, body = Problem), (status = 404, body = Problem),
              (status = 409, body = Problem), (status = 422, body = Problem)))]
pub async fn change(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
    Body(change): Body<ConnectionChange>,
) -> Result<Json<Connection>, Failure> {
    caller.may(Permission::EditConnections)?;
    let before = state.store.connection(&caller.tenant, id).await?;
    let source = source(&before.source)?;
    let name = change.name.as_deref().map(name).transpose()?;
    let settings = match &change.settings {
        Some(given) => Some(settings(source, given)?),
        None => None,
    };
    let (credential, host) = (change.credential.as_deref(), change.credential_host.as_deref());
    let credential = Credential::read(&state, source, credential, host)?;
    if let Some(settings) = &settings
        && credential.is_none()
        && before.has_credential
        && !hosts(settings).is_subset(&hosts(&before.settings))
    {
        let what = "the settings name another host: give the credential again";
        return Err(Failure::new(Kind::CredentialHost, what));
    }
    let changed = connection::ConnectionChange {
        name,
        settings: settings.as_ref(),
        credential: credential.as_ref().map(Credential::sealed),
    };
    state.store.change_connection(&caller.tenant, &caller.subject, id, &changed).await?;
    state.webhooks.connections.forget(id).await;
    Ok(Json(shown(&state, state.store.connection(&caller.tenant, id).await?)))
}

/// Adds a new secret to a connection. The answer shows it, once.
///
/// The secret before it stays live until the next rotation.
#[utoipa::path(post, path = "/api/connections/{id}/rotate", tag = "connections", request_body = Rotate,
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Rotated), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn rotate(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
    OptionalBody(rotate): OptionalBody<Rotate>,
) -> Result<Response, Failure> {
    caller.may(Permission::EditConnections)?;
    let secret = secret(rotate.secret)?;
    let sealed = state.keyring.seal(SECRET_PURPOSE, secret.as_bytes());
    state.store.rotate_connection(&caller.tenant, &caller.subject, id, &sealed).await?;
    state.webhooks.connections.forget(id).await;
    Ok(secret_shown(id, Json(Rotated { id: id.0, secret }).into_response()))
}

/// Removes a connection with its secrets. Its webhook address is gone for good.
#[utoipa::path(delete, path = "/api/connections/{id}", tag = "connections",
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Connection), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn remove(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
) -> Result<Json<Connection>, Failure> {
    caller.may(Permission::EditConnections)?;
    let before = state.store.connection(&caller.tenant, id).await?;
    state.store.remove_connection(&caller.tenant, &caller.subject, id).await?;
    state.webhooks.connections.forget(id).await;
    Ok(Json(shown(&state, before)))
}

/// Pauses a connection: it takes no deliveries (503) and is not looked after.
#[utoipa::path(post, path = "/api/connections/{id}/pause", tag = "connections",
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Connection), (status = 403, body = Problem),
              (status = 404, body = Problem)))]
pub async fn pause(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
) -> Result<Json<Connection>, Failure> {
    caller.may(Permission::EditConnections)?;
    state.store.pause_connection(&caller.tenant, &caller.subject, id).await?;
    state.webhooks.connections.forget(id).await;
    Ok(Json(shown(&state, state.store.connection(&caller.tenant, id).await?)))
}

/// Resumes a paused connection. All that it is for is looked at: nothing of the pause is missed.
#[utoipa::path(post, path = "/api/connections/{id}/resume", tag = "connections",
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Connection), (status = 403, body = Problem),
              (status = 404, body = Problem)))]
pub async fn resume(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
) -> Result<Json<Connection>, Failure> {
    caller.may(Permission::EditConnections)?;
    crate::inbox_limit::check(&state).await?;
    state.store.resume_connection(&caller.tenant, &caller.subject, id).await?;
    state.webhooks.connections.forget(id).await;
    state.wake.ask();
    Ok(Json(shown(&state, state.store.connection(&caller.tenant, id).await?)))
}

/// Asks the connection's service something, with its credential.
#[utoipa::path(post, path = "/api/connections/{id}/test", tag = "connections",
    params(("id" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ConnectionTested), (status = 403, body = Problem),
              (status = 404, body = Problem)))]
pub async fn test(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<ConnectionId>,
) -> Result<Json<ConnectionTested>, Failure> {
    caller.may(Permission::EditConnections)?;
    let held = state.store.connection_in_use(&caller.tenant, id).await?;
    let source = source(&held.source)?;
    let open = |purpose: &str, sealed: &[u8]| {
        state.keyring.open(purpose, sealed).map_err(|error| {
            tracing::error!(connection = %id, %error, "a secret cannot be opened: is the keyring complete?");
            Failure::new(Kind::Internal, "the connection's secrets cannot be opened")
        })
    };
    let secret = open(SECRET_PURPOSE, &held.sealed_secret)?;
    let credential = match &held.sealed_credential {
        Some(sealed) => Some(open(CREDENTIAL_PURPOSE, sealed)?),
        None => None,
    };
    let credential = credential.as_deref().map(String::from_utf8_lossy);
    let webhook_url = webhook_url(&state, source.name(), id);
    let session = Session {
        http: &state.outbound,
        bases: &state.bases,
        settings: &held.settings,
        credential: credential.as_deref(),
        secret: &secret,
        connection: id.0,
        webhook_url: &webhook_url,
        now: std::time::SystemTime::now(),
    };
    // Within the time that a request may take: a service that is slower counts as away.
    let probed = tokio::time::timeout(PROBE, source.probe(&session)).await;
    let (ok, seen) = match probed {
        Ok(Ok(seen)) => (true, seen),
        Ok(Err(error)) => (false, error.to_string()),
        Err(_) => (false, format!("the service did not answer within {} s", PROBE.as_secs())),
    };
    Ok(Json(ConnectionTested { ok, seen }))
}

fn secret_shown(id: ConnectionId, mut response: Response) -> Response {
    response.extensions_mut().insert(ShowsSecret(id.to_string()));
    response
}

fn webhook_url(state: &Shared, source: &str, id: ConnectionId) -> String {
    format!("{}/webhooks/{source}/{id}", state.config.starter.public_url.trim_end_matches('/'))
}

fn shown(state: &Shared, connection: sbh_store::connection::Connection) -> Connection {
    Connection {
        id: connection.id.0,
        webhook_url: webhook_url(state, &connection.source, connection.id),
        source: connection.source,
        name: connection.name,
        live_secrets: connection.live_secrets,
        has_credential: connection.has_credential,
        credential_host: connection.credential_host.map(|host| host.to_string()),
        created_at: connection.created_at,
        last_delivery_at: connection.last_delivery_at,
        last_error: connection.last_error,
        deliveries: connection.deliveries,
        refused: connection.refused,
        settings: connection.settings,
        paused_at: connection.paused_at,
        spaces: connection.spaces,
        upkeep: Upkeep {
            due_at: connection.upkeep.due_at,
            done_at: connection.upkeep.done_at,
            summary: connection.upkeep.summary,
            problem: connection.upkeep.problem,
            state: connection.upkeep.state,
            unannounced: connection.upkeep.unannounced,
        },
    }
}
