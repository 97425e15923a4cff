//! A delivery's road: its connection is looked up, its body read, its signature checked, what it says
//! committed to the inbox. Then it is acknowledged.

use std::sync::Arc;
use std::time::SystemTime;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use sbh_api::repo_sync::Acknowledged;
use sbh_domain::{ConnectionId, TraceParent};
use sbh_sources::key_set::KeySet;
use sbh_sources::{Delivery, Event, Keys, Reading, Refused};
use sbh_store::inbox::{Accepted, NewNotice};
use serde_json::Value;

use super::Live;
use super::body;
use crate::problem::{Failure, Kind};
use crate::state::Shared;

/// Bodies above this are checked and read off the threads that serve others.
const LARGE: usize = 256 * 1024;

/// Seconds after which a paused connection may be tried again.
const PAUSED_S: u32 = 300;

/// Takes a delivery: verifies it, commits it to the inbox, then answers 202.
///
/// How a delivery is signed is its source's: `X-Hub-Signature-256` at GitHub, `X-Hub-Signature` or a
/// bearer token at Jira and Confluence, `X-Goog-Channel-Token` at Google Drive. What is about a tracked
/// space goes into the inbox; a greeting is answered 200; everything else is ignored and says why.
#[utoipa::path(post, path = "/webhooks/{source}/{connection}", tag = "webhooks", security(()),
    params(("source" = String, Path, description = "`github`, `jira`, `confluence`, `google_docs`"),
           ("connection" = uuid::Uuid, Path, description = "The connection's id")),
    request_body(content = serde_json::Value, description = "The source's event, at most 25 MB"),
    responses((status = 200, description = "A greeting", body = Acknowledged),
              (status = 202, description = "Committed to the inbox, or ignored", body = Acknowledged),
              (status = 400, body = sbh_api::Problem), (status = 401, body = sbh_api::Problem),
              (status = 404, body = sbh_api::Problem), (status = 413, body = sbh_api::Problem),
              (status = 503, body = sbh_api::Problem)))]
pub async fn receive(
    State(state): State<Shared>,
    Path((source, connection)): Path<(String, String)>,
    Extension(trace): Extension<TraceParent>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    // Only names that exist become a metric's label.
    let label = sbh_sources::by_name(&source).map_or("unknown", |source| source.name());
    let came = Came { trace, headers, body };
    let (outcome, response) = match deliver(&state, label, &connection, came).await {
        Ok((outcome, response)) => (outcome, response),
        Err(failure) => (outcome(failure.kind()), failure.into_response()),
    };
    state.metrics.webhooks.with_label_values(&[label, outcome]).inc();
    response
}

/// What came.
struct Came {
    trace: TraceParent,
    headers: HeaderMap,
    body: Body,
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
        Kind::Paused => "paused",
        _ => "failed",
    }
}

async fn deliver(
    state: &Shared,
    source: &str,
    connection: &str,
    came: Came,
) -> Result<(&'static str, Response), Failure> {
    // Looked up before anything of the body is read: strangers send theirs in vain.
    let id = connection.parse::<ConnectionId>().ok();
    let live = match id {
        Some(id) => state.webhooks.connections.get(id).await?,
        None => None,
    };
    let (Some(id), Some(live)) = (id, live.filter(|live| live.source.name() == source)) else {
        return Err(Failure::new(Kind::NotFound, "no such connection"));
    };
    if live.paused {
        // Not acknowledged: whatever it is about is looked for when the connection is resumed.
        return Err(Failure::new(Kind::Paused, "the connection is paused").retry_after(PAUSED_S));
    }
    let _share = state.webhooks.shares.take(id)?;
    let mut body = body::read(&state.webhooks.budget, &came.headers, came.body).await?;
    if sbh_sources::github::payload::is_form(
        came.headers.get("content-type").and_then(|value| value.to_str().ok()),
    ) {
        // Its text is a decoded copy.
        body.pay_for_a_copy(&state.webhooks.budget)?;
    }
    let delivery = Arc::new(Whole { headers: came.headers, body: body.bytes.clone() });
    let live = verified(state, id, live, &delivery).await?;

    let tenant = live.tenant.clone();
    let counted = |error: Option<&str>| state.webhooks.counts().delivered(&tenant, id, error);
    let reading = off_thread_if_large(&delivery, {
        let (live, delivery) = (Arc::clone(&live), Arc::clone(&delivery));
        move || live.source.parse(&delivery.borrowed(), &live.settings)
    });
    let reading = reading.await?.map_err(|malformed| {
        counted(Some(&malformed.0));
        Failure::new(Kind::Malformed, malformed.0)
    })?;
    let (dedup_key, hint, events) = match reading {
        Reading::Changed { dedup_key, hint, events } => (dedup_key, hint, events),
        Reading::Ignored("ping") => {
            counted(None);
            return Ok(("ping", ignored(StatusCode::OK, "ping")));
        }
        Reading::Ignored(why) => {
            counted(None);
            return Ok(("ignored", ignored(StatusCode::ACCEPTED, why)));
        }
    };
    let notice = Notice { connection: id, dedup_key, hint, events, trace: came.trace };
    let accepted = notice.accept(state, live).await?;
    counted(None);
    let (outcome, id, duplicate) = match accepted {
        None => {
            let why = "no tracked repository or space of this connection is named";
            return Ok(("ignored", ignored(StatusCode::ACCEPTED, why)));
        }
        Some(Accepted::New(id)) => ("accepted", id, false),
        Some(Accepted::Duplicate(id)) => ("duplicate", id, true),
    };
    let body = Acknowledged { id: Some(id.0), duplicate, ignored: None };
    Ok((outcome, (StatusCode::ACCEPTED, Json(body)).into_response()))
}

fn ignored(status: StatusCode, why: &str) -> Response {
    let body = Acknowledged { id: None, duplicate: false, ignored: Some(why.to_owned()) };
    (status, Json(body)).into_response()
}

/// A delivery, whole.
struct Whole {
    headers: HeaderMap,
    body: Bytes,
}

impl Whole {
    fn borrowed(&self) -> Delivery<'_> {
        Delivery { headers: &self.headers, body: &self.body }
    }
}

/// Runs what takes as long as the body is large.
async fn off_thread_if_large<T: Send + 'static>(
    delivery: &Whole,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    if delivery.body.len() <= LARGE {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| Failure::new(Kind::Internal, "the delivery could not be read"))
}

/// The connection with which the delivery is genuine: the one at hand, or a newer one, since a secret
/// may have been rotated on another replica a moment ago, and a key published.
async fn verified(
    state: &Shared,
    id: ConnectionId,
    live: Arc<Live>,
    delivery: &Arc<Whole>,
) -> Result<Arc<Live>, Failure> {
    let refused = |live: &Live, refused: &Refused| {
        state.webhooks.counts().refused(&live.tenant, id, &refused.why);
        Failure::new(
            Kind::BadSignature,
            "no live secret or key of the connection fits the delivery",
        )
    };
    let address = live.source.key_set(&live.settings, &state.bases);
    let keys = match &address {
        Some(address) => state.webhooks.key_sets.get(address).await,
        None => None,
    };
    let first = match verify(id, &live, keys, delivery).await? {
        Ok(()) => return Ok(live),
        Err(first) => first,
    };
    if !first.try_newer {
        return Err(refused(&live, &first));
    }
    let Some(newer) = state.webhooks.connections.newer(id).await? else {
        return Err(refused(&live, &first));
    };
    let keys = match newer.source.key_set(&newer.settings, &state.bases) {
        Some(address) => state.webhooks.key_sets.newer(&address).await,
        None => None,
    };
    match verify(id, &newer, keys, delivery).await? {
        Ok(()) => Ok(newer),
        Err(second) => Err(refused(&newer, &second)),
    }
}

async fn verify(
    id: ConnectionId,
    live: &Arc<Live>,
    key_set: Option<Arc<KeySet>>,
    delivery: &Arc<Whole>,
) -> Result<Result<(), Refused>, Failure> {
    let (live, whole) = (Arc::clone(live), Arc::clone(delivery));
    off_thread_if_large(delivery, move || {
        let keys = Keys {
            secrets: &live.secrets,
            key_set: key_set.as_deref(),
            settings: &live.settings,
            connection: id.0,
        };
        live.source.verify(&whole.borrowed(), &keys, SystemTime::now())
    })
    .await
}

/// What a delivery asks for.
struct Notice {
    connection: ConnectionId,
    dedup_key: String,
    hint: Value,
    events: Vec<Event>,
    trace: TraceParent,
}

impl Notice {
    /// Commits a notice for every tracked space that an event is about (a repository may be tracked
    /// twice, for two branches). The first names the delivery.
    async fn accept(
        &self,
        state: &Shared,
        mut live: Arc<Live>,
    ) -> Result<Option<Accepted>, Failure> {
        let about = |live: &Live, event: &Event| live.source.resolve(event, &live.spaces);
        if self.events.iter().all(|event| about(&live, event).is_empty())
            && let Some(newer) = state.webhooks.connections.newer(self.connection).await?
        {
            // The space may have been added on another replica a moment ago.
            live = newer;
        }
        let mut first = None;
        for event in &self.events {
            for index in about(&live, event) {
                crate::inbox_limit::check(state).await?;
                let notice = self.row(&live, event, index);
                // None: removed since the connection was read, so there is nothing to announce.
                let accepted = state.acceptor.accept(notice).await?;
                if matches!(accepted, Some(Accepted::New(_))) {
                    state.depth.accepted();
                    state.wake.ask();
                }
                first = first.or(accepted);
            }
        }
        Ok(first)
    }

    /// The inbox row of one event for one space. Events of one delivery are different notices.
    fn row(&self, live: &Live, event: &Event, index: usize) -> NewNotice {
        let dedup_key = match (&event.document, &event.pull_request) {
            (Some(document), _) => format!("{}#{document}", self.dedup_key),
            (None, Some(pull)) => format!("{}#pull/{}", self.dedup_key, pull.number),
            (None, None) => self.dedup_key.clone(),
        };
        NewNotice {
            tenant: live.tenant.clone(),
            repository: live.spaces[index].repository,
            source: live.source.name(),
            connection: Some(self.connection),
            dedup_key,
            document_key: event.document.clone(),
            pull_number: event
                .pull_request
                .as_ref()
                .and_then(|pull| i64::try_from(pull.number).ok()),
            hint: self.hint.clone(),
            trace: Some(self.trace),
        }
    }
}
