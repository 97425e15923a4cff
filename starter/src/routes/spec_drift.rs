//! Spec documents, their invariants, and asking for proofs.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::{Extension, Json};
use sbh_api::page::PageQuery;
use sbh_api::spec_drift::{
    Assignment, Assumption, Document, DocumentStatus, DocumentWithInvariants, DocumentsQuery,
    Invariant, Reprove, ReproveAnswer, SpecDriftPhase,
};
use sbh_api::{Page, Problem};
use sbh_domain::{DocumentId, Permission, RepositoryId, TraceParent};
use sbh_store::reprove::NewReprove;
use sbh_workflows::spec_drift;

use super::verdict;
use crate::auth::Caller;
use crate::extract::{Id, OptionalBody, Query};
use crate::paging;
use crate::problem::Failure;
use crate::state::Shared;

/// How long a caller waits for the workflow to take a request up.
const DEADLINE: Duration = Duration::from_secs(2);

/// Lists a repository's documents by path.
#[utoipa::path(get, path = "/api/specs", tag = "specs", params(DocumentsQuery, PageQuery),
    responses((status = 200, body = Page<Document>), (status = 404, body = Problem)))]
pub async fn list(
    state: State<Shared>,
    caller: Caller,
    Query(which): Query<DocumentsQuery>,
    query: Query<PageQuery>,
) -> Result<Json<Page<Document>>, Failure> {
    list_of(state, caller, Id(RepositoryId(which.repository)), query).await
}

/// Lists a repository's documents by path.
#[utoipa::path(get, path = "/api/repositories/{id}/specs", tag = "specs",
    params(("id" = uuid::Uuid, Path), PageQuery),
    responses((status = 200, body = Page<Document>), (status = 404, body = Problem)))]
pub async fn list_of(
    State(state): State<Shared>,
    caller: Caller,
    Id(repository): Id<RepositoryId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Document>>, Failure> {
    caller.may(Permission::Read)?;
    let limit = paging::limit(&query)?;
    let after: Option<String> = paging::after(&query)?;
    state.store.repository(&caller.tenant, repository).await?;
    let documents =
        state.store.documents(&caller.tenant, repository, after.as_deref(), limit + 1).await?;
    let shown = |document| shown(&state, document);
    Ok(Json(paging::page(documents, limit, |document| document.path.clone(), shown)))
}

/// A document with a page of its invariants.
#[utoipa::path(get, path = "/api/specs/{document}", tag = "specs",
    params(("document" = uuid::Uuid, Path), PageQuery),
    responses((status = 200, body = DocumentWithInvariants), (status = 404, body = Problem)))]
pub async fn show(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<DocumentId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<DocumentWithInvariants>, Failure> {
    caller.may(Permission::Read)?;
    let document = state.store.document(&caller.tenant, id).await?;
    let invariants = page(&state, &caller, id, &query).await?;
    Ok(Json(DocumentWithInvariants { document: shown(&state, document), invariants }))
}

/// A page of a document's invariants, in their order.
#[utoipa::path(get, path = "/api/specs/{document}/invariants", tag = "specs",
    params(("document" = uuid::Uuid, Path), PageQuery),
    responses((status = 200, body = Page<Invariant>), (status = 404, body = Problem)))]
pub async fn invariants(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<DocumentId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<Invariant>>, Failure> {
    caller.may(Permission::Read)?;
    state.store.document(&caller.tenant, id).await?;
    Ok(Json(page(&state, &caller, id, &query).await?))
}

/// How a document stands: from the database, and from its workflow if it runs.
#[utoipa::path(get, path = "/api/specs/{document}/status", tag = "specs",
    params(("document" = uuid::Uuid, Path)),
    responses((status = 200, body = DocumentStatus), (status = 404, body = Problem)))]
pub async fn status(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<DocumentId>,
) -> Result<Json<DocumentStatus>, Failure> {
    caller.may(Permission::Read)?;
    let document = state.store.document(&caller.tenant, id).await?;
    let live = state.engine.spec_drift_status(&caller.tenant, id).await;
    let workflow_id = spec_drift::workflow_id(&caller.tenant, id);
    let running = live.as_ref().filter(|live| live.phase != spec_drift::SpecDriftPhase::Idle);
    Ok(Json(DocumentStatus {
        phase: live.as_ref().map_or(SpecDriftPhase::Idle, |live| phase(live.phase)),
        live: live.is_some(),
        // Verdicts are staged one by one, while the workflow hears of whole chunks.
        done: running.map_or(0, |live| document.staged.max(live.done.into())),
        of: running.map(|live| i64::from(live.total)).filter(|total| *total > 0),
        pending: live.as_ref().is_some_and(|live| live.pending),
        last_error: live.and_then(|live| live.last_error),
        workflow_url: state.engine.page(&workflow_id, None),
        workflow_id,
        document: shown(&state, document),
    }))
}

/// Asks for a document to be proved again.
///
/// The request is an inbox row, which is closed when the proof is recorded. 200 when the document's
/// workflow has taken it up; 202 when it did not answer in time: it will hear of it when it can.
#[utoipa::path(post, path = "/api/specs/{document}/reprove", tag = "specs", request_body = Reprove,
    params(("document" = uuid::Uuid, Path), ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = ReproveAnswer), (status = 202, body = ReproveAnswer),
              (status = 403, body = Problem), (status = 404, body = Problem),
              (status = 503, body = Problem)))]
pub async fn reprove(
    State(state): State<Shared>,
    caller: Caller,
    Id(id): Id<DocumentId>,
    Extension(trace): Extension<TraceParent>,
    headers: HeaderMap,
    OptionalBody(wanted): OptionalBody<Reprove>,
) -> Result<(StatusCode, Json<ReproveAnswer>), Failure> {
    caller.may(Permission::Reprove)?;
    let key = crate::idempotency::key(&headers)?;
    crate::inbox_limit::check(&state).await?;
    let request = NewReprove {
        tenant: caller.tenant.clone(),
        document: id,
        actor: caller.subject.clone(),
        force: wanted.force,
        trace: Some(trace),
    };
    // Committed before anything else: whatever happens from here on, it will be done.
    let inbox_id = state.store.request_reprove(&request).await?;
    state.depth.accepted();
    let update_id = key.unwrap_or_else(|| inbox_id.to_string());
    let workflow_id = spec_drift::workflow_id(&caller.tenant, id);
    let mut answer = ReproveAnswer {
        accepted: false,
        queued_behind: false,
        workflow_url: state.engine.page(&workflow_id, None),
        workflow_id,
        inbox_id: Some(inbox_id.0),
    };
    let (engine, tenant) = (state.engine.clone(), caller.tenant.clone());
    let task = tokio::spawn(async move {
        engine.reprove(&tenant, id, wanted.force, &update_id, [trace].into_iter().collect()).await
    });
    let why = match tokio::time::timeout(DEADLINE, task).await {
        Ok(Ok(Ok(taken))) => {
            answer.accepted = true;
            answer.queued_behind = taken.queued_behind;
            return Ok((StatusCode::OK, Json(answer)));
        }
        Ok(Ok(Err(error))) => error.to_string(),
        Ok(Err(error)) => error.to_string(),
        // The call goes on; should it be taken after all, the proof answers the same row.
        Err(_) => format!("no answer within {} s", DEADLINE.as_secs()),
    };
    tracing::warn!(document = %id, inbox = %inbox_id, why, "a proof waits in the inbox");
    if let Err(error) = state.store.release_reprove(&caller.tenant, inbox_id).await {
        // It stays marked as signalled and is claimed after `reconcile_after_s`.
        tracing::warn!(inbox = %inbox_id, %error, "a request could not be given back");
    }
    state.wake.ask();
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

async fn page(
    state: &Shared,
    caller: &Caller,
    id: DocumentId,
    query: &PageQuery,
) -> Result<Page<Invariant>, Failure> {
    let limit = paging::limit(query)?;
    let found =
        state.store.invariants(&caller.tenant, id, paging::after(query)?, limit + 1).await?;
    Ok(paging::page(
        found,
        limit,
        |(ordinal, _)| *ordinal,
        |(_, invariant)| invariant_shown(invariant),
    ))
}

fn shown(state: &Shared, document: sbh_store::spec_drift::Document) -> Document {
    let (workflow_id, run_id) = document.run.unzip();
    Document {
        id: document.id.0,
        repository: document.repository.0,
        path: document.path,
        title: document.title,
        source_url: document.source_url,
        observed: document.observed.map(|hash| hash.short()),
        recorded: document.recorded.map(|hash| hash.short()),
        drifted_at: document.drifted_at,
        recorded_at: document.recorded_at,
        counts: verdict::counts(document.counts),
        total: document.counts.total(),
        run_url: workflow_id.as_deref().map(|id| state.engine.page(id, run_id.as_deref())),
        workflow_id,
        run_id,
    }
}

fn invariant_shown(invariant: sbh_store::spec_drift::Invariant) -> Invariant {
    Invariant {
        name: invariant.name,
        story: invariant.story,
        title: invariant.title,
        line: invariant.line,
        form: invariant.form.map(|form| form.to_string()),
        statement: invariant.statement,
        verdict: verdict::shown(invariant.verdict),
        duration_ms: invariant.duration_ms,
        counterexample: invariant.counterexample.and_then(assignments),
        reason: invariant.reason,
        language: invariant.detail.language,
        prover: invariant.detail.prover,
        assumptions: invariant.detail.assumptions.map(assumptions),
        unstable: invariant.detail.unstable,
        recorded_at: invariant.recorded_at,
    }
}

fn assumptions(assumptions: Vec<sbh_domain::Assumption>) -> Vec<Assumption> {
    let shown = |assumption: sbh_domain::Assumption| Assumption {
        text: assumption.text,
        used: assumption.used,
    };
    assumptions.into_iter().map(shown).collect()
}

fn assignments(json: serde_json::Value) -> Option<Vec<Assignment>> {
    serde_json::from_value(json).ok()
}

fn phase(phase: spec_drift::SpecDriftPhase) -> SpecDriftPhase {
    use spec_drift::SpecDriftPhase as P;
    match phase {
        P::Idle => SpecDriftPhase::Idle,
        P::Proving => SpecDriftPhase::Proving,
        P::Recording => SpecDriftPhase::Recording,
    }
}
