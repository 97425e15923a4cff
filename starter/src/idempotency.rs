//! `Idempotency-Key` on mutating calls: the same request has one effect and one answer for 24 hours.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sbh_domain::Digest;
use sbh_store::idempotency::{Answer, Idempotency, MAX_BODY as KEPT};

use crate::auth::Caller;
use crate::extract::MAX_BODY;
use crate::problem::{Failure, Kind};
use crate::state::Shared;

/// The header's name.
pub const HEADER: &str = sbh_api::routes::IDEMPOTENCY_KEY;
/// The longest key.
const MAX_KEY: usize = 255;

/// The status that is kept in place of an answer that is too large. Only successes are kept, so that
/// it means nothing else.
const TOO_LARGE: u16 = 410;

/// Put into a response's extensions by handlers that show a secret once: the answer is not kept,
/// only the id of what was made.
#[derive(Debug, Clone)]
pub struct ShowsSecret(pub String);

/// The key of a request, if it has a usable one.
///
/// # Errors
/// [`Kind::Invalid`] for one that is empty, too long or not printable ASCII.
pub fn key(headers: &axum::http::HeaderMap) -> Result<Option<String>, Failure> {
    let Some(value) = headers.get(HEADER) else { return Ok(None) };
    match value.to_str() {
        Ok(key) if (1..=MAX_KEY).contains(&key.len()) => Ok(Some(key.to_owned())),
        _ => Err(Failure::new(
            Kind::Invalid,
            format!("Idempotency-Key must have 1 to {MAX_KEY} printable ASCII characters"),
        )),
    }
}

/// Layer of `/api`, inside of authentication.
pub async fn once(
    State(state): State<Shared>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let mutates =
        matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH | Method::DELETE);
    let caller = request.extensions().get::<Caller>().cloned();
    let (Some(key), Some(caller), true) = (key(request.headers())?, caller, mutates) else {
        return Ok(next.run(request).await);
    };
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY).await.map_err(|_| {
        Failure::new(Kind::TooLarge, format!("a request may have {MAX_BODY} bytes"))
    })?;
    let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
    // The caller belongs to the request: another's answer is not to be had with a guessed key.
    let fingerprint = Digest::of_fields([
        parts.method.as_str().as_bytes(),
        target.as_bytes(),
        caller.subject.as_bytes(),
        caller.role.as_str().as_bytes(),
        &body,
    ]);
    match state.store.begin_idempotent(&caller.tenant, &key, fingerprint).await? {
        Idempotency::Replay { status: TOO_LARGE, .. } => {
            return Err(Failure::new(
                Kind::AnswerNotKept,
                format!("the answer had more than {KEPT} bytes; the request was done, once"),
            ));
        }
        Idempotency::Replay { status, body } => return Ok(replay(status, &body)),
        Idempotency::Withheld { id } => {
            return Err(Failure::new(
                Kind::SecretWithheld,
                "the answer held a secret and was not kept",
            )
            .about(id));
        }
        Idempotency::Mismatch => {
            return Err(Failure::new(
                Kind::KeyMismatch,
                "this key came with another request before",
            ));
        }
        Idempotency::InProgress => {
            return Err(
                Failure::new(Kind::InProgress, "repeat the request in a moment").retry_after(1)
            );
        }
        Idempotency::Started => {}
    }
    let request = Request::from_parts(parts, Body::from(body));
    // In a task of its own: a caller that goes away must not leave the key held and the answer lost.
    let task = tokio::spawn(async move {
        let answer = tokio::spawn(next.run(request)).await;
        let answer = answer.unwrap_or_else(|_| {
            Failure::new(Kind::Internal, "the request could not be answered").into_response()
        });
        keep(&state, &caller, &key, answer).await
    });
    Ok(task.await.unwrap_or_else(|_| {
        Failure::new(Kind::Internal, "the request could not be answered").into_response()
    }))
}

/// Keeps a success; frees the key of anything else, which may be repeated.
async fn keep(state: &Shared, caller: &Caller, key: &str, response: Response) -> Response {
    let (parts, body) = response.into_parts();
    // Answers are made here and are complete: only a handler's own fault stops one.
    let body = match to_bytes(body, usize::MAX).await {
        Ok(body) => body,
        Err(error) => {
            tracing::error!(%error, "an answer broke off");
            Bytes::new()
        }
    };
    let json = serde_json::from_slice(&body).unwrap_or(serde_json::Value::Null);
    let answer = match parts.extensions.get::<ShowsSecret>() {
        Some(ShowsSecret(id)) => Some(Answer::Secret { id }),
        None if parts.status.is_success() && body.len() > KEPT => {
            Some(Answer::Body { status: TOO_LARGE, body: &serde_json::Value::Null })
        }
        None if parts.status.is_success() => {
            Some(Answer::Body { status: parts.status.as_u16(), body: &json })
        }
        None => None,
    };
    if let Err(error) = state.store.finish_idempotent(&caller.tenant, key, answer).await {
        // The work is done and so is the answer; only its replay is lost.
        tracing::error!(%error, "the answer could not be kept for its Idempotency-Key");
    }
    Response::from_parts(parts, Body::from(body))
}

fn replay(status: u16, body: &serde_json::Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let mut response = (status, body.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}
