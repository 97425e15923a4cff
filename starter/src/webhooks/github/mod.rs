//! GitHub's webhooks.

mod payload;
mod push;
mod signature;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use sbh_api::repo_sync::Acknowledged;
use sbh_domain::{ConnectionId, Digest, TraceParent};
use sbh_store::StoreError;
use sbh_store::inbox::{Accepted, NewNotice};

use super::Live;
use super::body;
use crate::problem::{Failure, Kind};
use crate::state::Shared;
use push::Push;

/// The source's name in metrics and the inbox.
const SOURCE: &str = "github";
/// Bodies above this are digested off the threads that serve others.
const LARGE: usize = 256 * 1024;

/// Takes a delivery: verifies it, commits it to the inbox, then answers 202.
///
/// `X-Hub-Signature-256` must sign the raw body with one of the connection's live secrets. Pushes
/// to a tracked repository go into the inbox; `ping` is answered; other events are ignored.
#[utoipa::path(post, path = "/webhooks/github/{connection}", tag = "webhooks", security(()),
    params(("connection" = uuid::Uuid, Path, description = "The connection's id"),
           ("X-Hub-Signature-256" = String, Header, description = "`sha256=` and the HMAC in hex"),
           ("X-GitHub-Event" = String, Header, description = "`push`, `ping`, …")),
    request_body(content = serde_json::Value, description = "GitHub's event, at most 25 MB"),
    responses((status = 200, description = "A ping", body = Acknowledged),
              (status = 202, description = "Committed to the inbox, or ignored", body = Acknowledged),
              (status = 400, body = sbh_api::Problem), (status = 401, body = sbh_api::Problem),
              (status = 404, body = sbh_api::Problem), (status = 413, body = sbh_api::Problem),
              (status = 503, body = sbh_api::Problem)))]
pub async fn receive(
    State(state): State<Shared>,
    Path(connection): Path<String>,
    Extension(trace): Extension<TraceParent>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let (outcome, response) = match deliver(&state, &connection, trace, &headers, body).await {
        Ok((outcome, response)) => (outcome, response),
        Err(failure) => (outcome(failure.kind()), failure.into_response()),
    };
    state.metrics.webhooks.with_label_values(&[SOURCE, outcome]).inc();
    response
}

/// The metric's word for a failure.
fn outcome(kind: Kind) -> &'static str {
    match kind {
        Kind::BadSignature => "bad_signature",
        Kind::NotFound => "unknown_connection",
        Kind::TooLarge => "too_large",
        Kind::Malformed => "malformed",
        Kind::RequestTimeout => "too_slow",
        Kind::Overloaded => "overloaded",
        _ => "failed",
    }
}

async fn deliver(
    state: &Shared,
    connection: &str,
    trace: TraceParent,
    headers: &HeaderMap,
    body: Body,
) -> Result<(&'static str, Response), Failure> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // Looked up before anything of the body is read: strangers send theirs in vain.
    let id = connection.parse::<ConnectionId>().ok();
    let mut live = match id {
        Some(id) => state.webhooks.connections.get(id).await?,
        None => None,
    };
    live = live.filter(|live| live.source == SOURCE);
    let (Some(id), Some(mut live)) = (id, live) else {
        return Err(Failure::new(Kind::NotFound, "no such connection"));
    };
    let refused = |live: &Live, why: &str| {
        state.webhooks.counts().refused(&live.tenant, id, why);
        let detail = "no live secret of the connection gives this signature";
        Failure::new(Kind::BadSignature, detail)
    };
    let Some(signature) = text("x-hub-signature-256") else {
        let why = "a delivery had no signature: enter the secret at the source";
        return Err(refused(&live, why));
    };
    let _share = state.webhooks.shares.take(id)?;
    let mut body = body::read(&state.webhooks.budget, headers, body).await?;
    let bytes = body.bytes.clone();
    if !verify(&live.secrets, signature, &bytes).await {
        // The secret may have been rotated on another replica a moment ago.
        match state.webhooks.connections.newer(id).await? {
            Some(newer) if verify(&newer.secrets, signature, &bytes).await => live = newer,
            _ => {
                let why = "a delivery had a wrong signature: is the secret right at the source?";
                return Err(refused(&live, why));
            }
        }
    }

    let tenant = live.tenant.clone();
    let counted = |error: Option<&str>| state.webhooks.counts().delivered(&tenant, id, error);
    let ignored = |why: &str| {
        let body = Acknowledged { id: None, duplicate: false, ignored: Some(why.to_owned()) };
        (StatusCode::ACCEPTED, Json(body)).into_response()
    };
    match text("x-github-event") {
        Some("push") => {}
        Some("ping") => {
            counted(None);
            let body =
                Acknowledged { id: None, duplicate: false, ignored: Some("ping".to_owned()) };
            return Ok(("ping", Json(body).into_response()));
        }
        _ => {
            counted(None);
            return Ok(("ignored", ignored("only pushes are used")));
        }
    }
    let malformed = |why: String| {
        counted(Some(&why));
        Failure::new(Kind::Malformed, why)
    };
    let content_type = text(header::CONTENT_TYPE.as_str());
    if payload::is_form(content_type) {
        body.pay_for_a_copy(&state.webhooks.budget)?;
    }
    let push = payload::json(content_type, &bytes)
        .map_err(str::to_owned)
        .and_then(|text| Push::parse(&text));
    let push = push.map_err(malformed)?;
    if push.is_tag() {
        counted(None);
        return Ok(("ignored", ignored("a tag moves no branch")));
    }
    if tracked(&live, &push).next().is_none()
        && let Some(newer) = state.webhooks.connections.newer(id).await?
    {
        // The repository may have been added on another replica a moment ago.
        live = newer;
    }
    let accepted = accept(state, id, &live, &push, &bytes, trace).await?;
    counted(None);
    let (outcome, id, duplicate) = match accepted {
        None => {
            return Ok((
                "ignored",
                ignored("no tracked repository of this connection has this address"),
            ));
        }
        Some(Accepted::New(id)) => ("accepted", id, false),
        Some(Accepted::Duplicate(id)) => ("duplicate", id, true),
    };
    let body = Acknowledged { id: Some(id.0), duplicate, ignored: None };
    Ok((outcome, (StatusCode::ACCEPTED, Json(body)).into_response()))
}

fn tracked<'a>(
    live: &'a Live,
    push: &'a Push,
) -> impl Iterator<Item = sbh_domain::RepositoryId> + 'a {
    live.repositories.iter().filter(|(_, address)| push.is_about(address)).map(|(id, _)| *id)
}

/// Commits the notice for every tracked repository that it is about (one may be tracked twice, for
/// two branches). The first names the delivery.
async fn accept(
    state: &Shared,
    connection: ConnectionId,
    live: &Live,
    push: &Push,
    body: &[u8],
    trace: TraceParent,
) -> Result<Option<Accepted>, Failure> {
    let mut first = None;
    let key = format!("github:{}", Digest::of(body));
    for repository in tracked(live, push) {
        crate::inbox_limit::check(state).await?;
        let notice = NewNotice {
            tenant: live.tenant.clone(),
            repository,
            source: SOURCE,
            connection: Some(connection),
            dedup_key: key.clone(),
            hint: push.hint(),
            trace: Some(trace),
        };
        match state.store.accept(&notice).await {
            Ok(accepted) => {
                if matches!(accepted, Accepted::New(_)) {
                    state.depth.accepted();
                    state.wake.ask();
                }
                first = first.or(Some(accepted));
            }
            // Removed since the connection was read: nothing to announce.
            Err(StoreError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(first)
}

async fn verify(secrets: &[Vec<u8>], signature: &str, body: &Bytes) -> bool {
    if body.len() <= LARGE {
        return signature::verify(secrets, Some(signature), body);
    }
    let (secrets, signature, body) = (secrets.to_vec(), signature.to_owned(), body.clone());
    let task =
        tokio::task::spawn_blocking(move || signature::verify(&secrets, Some(&signature), &body));
    task.await.unwrap_or(false)
}
