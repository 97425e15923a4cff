//! Connections and their secrets.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sbh_api::connection::{Connection, ConnectionMade, NewConnection, Rotate, Rotated};
use sbh_api::page::PageQuery;
use sbh_api::{Page, Problem};
use sbh_domain::{ConnectionId, GitHost, Permission};
use sbh_store::connection::SealedCredential;

use crate::auth::Caller;
use crate::extract::{Body, Id, OptionalBody, Query};
use crate::idempotency::ShowsSecret;
use crate::paging;
use crate::problem::{Failure, Kind};
use crate::state::Shared;
use crate::webhooks::{CREDENTIAL_PURPOSE, SECRET_PURPOSE};

/// Where credentials are for, when nothing is said.
const GITHUB: &str = "github.com";

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
    let source = new.source.unwrap_or_else(|| "github".to_owned());
    if source != "github" {
        return Err(Failure::new(Kind::Invalid, "source: use github"));
    }
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
        return Err(Failure::new(Kind::Invalid, "name: use 1 to 200 printable characters"));
    }
    let secret = secret(new.secret)?;
    let sealed = state.keyring.seal(SECRET_PURPOSE, secret.as_bytes());
    let credential = match new.credential.as_deref().filter(|credential| !credential.is_empty()) {
        Some(credential) if credential.len() > 16 * 1024 => {
            return Err(Failure::new(Kind::Invalid, "credential: use at most 16 KB"));
        }
        credential => credential
            .map(|credential| state.keyring.seal(CREDENTIAL_PURPOSE, credential.as_bytes())),
    };
    // Whoever may point a repository at an address must not choose where the credential goes.
    let host: GitHost =
        match (&credential, new.credential_host.as_deref()) {
            (None, Some(_)) => {
                return Err(Failure::new(Kind::Invalid, "credential_host: there is no credential"));
            }
            (_, host) => host.unwrap_or(GITHUB).trim().parse().map_err(|error| {
                Failure::new(Kind::Invalid, format!("credential_host: {error}"))
            })?,
        };
    let credential = credential.as_deref().map(|sealed| SealedCredential { sealed, host: &host });
    let id = state
        .store
        .create_connection(&caller.tenant, &caller.subject, &source, name, &sealed, credential)
        .await?;
    let made = ConnectionMade {
        id: id.0,
        source,
        name: name.to_owned(),
        webhook_url: webhook_url(&state, id),
        secret,
    };
    Ok(secret_shown(id, (StatusCode::CREATED, Json(made)).into_response()))
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

/// The given secret, or a random one: 32 bytes in hex.
fn secret(given: Option<String>) -> Result<String, Failure> {
    match given {
        Some(secret) if (16..=256).contains(&secret.len()) => Ok(secret),
        Some(_) => Err(Failure::new(Kind::Invalid, "secret: use 16 to 256 characters")),
        None => Ok(hex::encode(rand::random::<[u8; 32]>())),
    }
}

fn secret_shown(id: ConnectionId, mut response: Response) -> Response {
    response.extensions_mut().insert(ShowsSecret(id.to_string()));
    response
}

fn webhook_url(state: &Shared, id: ConnectionId) -> String {
    format!("{}/webhooks/github/{id}", state.config.starter.public_url.trim_end_matches('/'))
}

fn shown(state: &Shared, connection: sbh_store::connection::Connection) -> Connection {
    Connection {
        id: connection.id.0,
        webhook_url: webhook_url(state, connection.id),
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
    }
}
