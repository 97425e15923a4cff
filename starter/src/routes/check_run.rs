//! Check runs.

use axum::Json;
use axum::extract::State;
use sbh_api::check_run::CheckRun;
use sbh_api::page::PageQuery;
use sbh_api::{Page, Problem};
use sbh_domain::{CheckRunId, Permission, RepositoryId};

use crate::auth::Caller;
use crate::extract::{Id, Query};
use crate::paging;
use crate::problem::Failure;
use crate::state::Shared;

/// Lists a repository's check runs, newest first.
#[utoipa::path(get, path = "/api/repositories/{id}/check-runs", tag = "repositories",
    params(("id" = uuid::Uuid, Path), PageQuery),
    responses((status = 200, body = Page<CheckRun>), (status = 404, body = Problem)))]
pub async fn list(
    State(state): State<Shared>,
    caller: Caller,
    Id(repository): Id<RepositoryId>,
    Query(query): Query<PageQuery>,
) -> Result<Json<Page<CheckRun>>, Failure> {
    caller.may(Permission::Read)?;
    // Whose it is, or that there is none.
    state.store.repository(&caller.tenant, repository).await?;
    let limit = paging::limit(&query)?;
    let before = paging::after::<CheckRunId>(&query)?;
    let found = state.store.check_runs(&caller.tenant, repository, before, limit + 1).await?;
    Ok(Json(paging::page(found, limit, |run| run.id, shown)))
}

fn shown(run: sbh_store::check_run::CheckRun) -> CheckRun {
    let text = |name: &str| {
        let report = run.report.as_ref()?;
        report.get(name)?.as_str().map(str::to_owned)
    };
    CheckRun {
        id: run.id.0,
        conclusion: text("conclusion"),
        title: text("title"),
        commit: run.commit,
        pull_request: run.pull_number,
        outcome: run.outcome.map(|outcome| outcome.as_str().to_owned()),
        reason: run.reason,
        posted: run.posted,
        created_at: run.created_at,
        posted_at: run.posted_at,
    }
}
