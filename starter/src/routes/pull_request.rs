//! Pull requests.

use axum::Json;
use axum::extract::{Path, State};
use sbh_api::page::PageQuery;
use sbh_api::pull_request::{PullRequest, PullRequestProof, PullRequestWithProofs};
use sbh_api::{Page, Problem};
use sbh_domain::{Permission, RepositoryId, TenantId};
use sbh_workflows::pull_request::{self, PullRequestPhase};

use super::verdict;
use crate::auth::Caller;
use crate::extract::{Id, Query};
use crate::paging;
use crate::problem::{Failure, Kind};
use crate::state::Shared;

/// Verdicts that are shown of one pull request.
const PROOFS: i64 = 500;

/// Lists a repository's judged pull requests, highest number first.
#[utoipa::path(get, path = "/api/repositories/{id}/pull-requests", tag = "repositories",
    params(("id" = uuid::Uuid, Path), PageQuery),
    responses((status = 200, body = Page<PullRequest>), (status = 404, body = Problem)))]
pub async fn list(
    State(state): State<Shared>,
    caller: Caller,
    Id(repository): Id<RepositoryId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<PullRequest>>, Failure> {
    caller.may(Permission::Read)?;
    // Whose it is, or that there is none.
    state.store.repository(&caller.tenant, repository).await?;
    let limit = paging::limit(&query)?;
    let before = paging::after::<i64>(&query)?;
    let found = state.store.pull_requests(&caller.tenant, repository, before, limit + 1).await?;
    let item = |pull| shown(&state, &caller.tenant, repository, pull);
    Ok(Json(paging::page(found, limit, |pull| pull.number, item)))
}

/// What one pull request would do to coverage, with the verdicts on what it changes.
#[utoipa::path(get, path = "/api/repositories/{id}/pull-requests/{number}", tag = "repositories",
    params(("id" = uuid::Uuid, Path), ("number" = i64, Path)),
    responses((status = 200, body = PullRequestWithProofs), (status = 404, body = Problem)))]
pub async fn show(
    State(state): State<Shared>,
    caller: Caller,
    Path((repository, number)): Path<(String, String)>,
) -> Result<Json<PullRequestWithProofs>, Failure> {
    caller.may(Permission::Read)?;
    let missing = || Failure::new(Kind::NotFound, "no such pull request was judged");
    let repository: RepositoryId = repository.parse().map_err(|_| missing())?;
    let number: i64 = number.parse().map_err(|_| missing())?;
    let found = state.store.pull_request(&caller.tenant, repository, number, PROOFS);
    let live = state.engine.pull_request_status(&caller.tenant, repository, number);
    let (found, live) = tokio::join!(found, live);
    let (pull, proofs) = found?;
    let phase = match live.map(|live| live.phase).unwrap_or_default() {
        PullRequestPhase::Idle => "idle",
        PullRequestPhase::Debouncing => "debouncing",
        PullRequestPhase::Proving => "proving",
    };
    let proofs = proofs.into_iter().map(|proof| PullRequestProof {
        path: proof.path,
        name: proof.name,
        title: proof.title,
        line: proof.line,
        end_line: proof.end_line,
        verdict: verdict::shown(proof.verdict),
        was: proof.was.map(verdict::shown),
        counterexample: proof.counterexample,
        reason: proof.reason,
        origin: proof.origin,
    });
    Ok(Json(PullRequestWithProofs {
        pull_request: shown(&state, &caller.tenant, repository, pull),
        phase: phase.to_owned(),
        proofs: proofs.collect(),
    }))
}

fn shown(
    state: &Shared,
    tenant: &TenantId,
    repository: RepositoryId,
    pull: sbh_store::pull_request::PullRequest,
) -> PullRequest {
    let workflow_id = pull_request::workflow_id(tenant, repository, pull.number);
    PullRequest {
        number: pull.number,
        head: pull.head,
        base: pull.base,
        compared_with: pull.compared_with,
        baseline: pull.baseline,
        documents: pull.documents,
        before: verdict::counts(pull.before),
        after: verdict::counts(pull.after),
        proved_at: pull.proved_at,
        last_error: pull.last_error,
        workflow_url: state.engine.page(&workflow_id, None),
        workflow_id,
    }
}
