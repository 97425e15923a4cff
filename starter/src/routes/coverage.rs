//! Coverage.

use axum::Json;
use axum::extract::State;
use sbh_api::Problem;
use sbh_api::coverage::{Coverage, CoverageTotals, RepositoryCoverage};
use sbh_domain::{Permission, RepositoryId, VerdictCounts};

use super::verdict;
use crate::auth::Caller;
use crate::extract::Id;
use crate::problem::{Failure, Kind};
use crate::state::Shared;

/// The tenant's coverage, in all and repository by repository.
#[utoipa::path(get, path = "/api/coverage", tag = "coverage",
    responses((status = 200, body = Coverage), (status = 401, body = Problem)))]
pub async fn tenant(
    State(state): State<Shared>,
    caller: Caller,
) -> Result<Json<Coverage>, Failure> {
    caller.may(Permission::Read)?;
    let repositories = state.store.coverage(&caller.tenant).await?;
    let mut sum = VerdictCounts::default();
    for repository in &repositories {
        sum += repository.counts;
    }
    Ok(Json(Coverage {
        tenant: caller.tenant.to_string(),
        totals: totals(sum),
        repositories: repositories.into_iter().map(shown).collect(),
    }))
}

/// The coverage of one repository, named by its id or its name.
#[utoipa::path(get, path = "/api/coverage/repository/{repo}", tag = "coverage",
    params(("repo" = String, Path, description = "The repository's id or name")),
    responses((status = 200, body = RepositoryCoverage), (status = 404, body = Problem)))]
pub async fn repository(
    State(state): State<Shared>,
    caller: Caller,
    Id(repo): Id<String>,
) -> Result<Json<RepositoryCoverage>, Failure> {
    caller.may(Permission::Read)?;
    if let Ok(id) = repo.parse::<RepositoryId>() {
        return Ok(Json(shown(state.store.coverage_of(&caller.tenant, id).await?)));
    }
    let all = state.store.coverage(&caller.tenant).await?;
    let found = all.into_iter().find(|repository| repository.name == repo);
    found
        .map(|repository| Json(shown(repository)))
        .ok_or_else(|| Failure::new(Kind::NotFound, format!("no repository {repo:?}")))
}

fn shown(coverage: sbh_store::coverage::RepositoryCoverage) -> RepositoryCoverage {
    RepositoryCoverage {
        repository: coverage.repository.0,
        name: coverage.name,
        totals: totals(coverage.counts),
        documents: coverage.documents,
        documents_without_invariants: coverage.documents_without_invariants,
        drifted: coverage.drifted,
    }
}

fn totals(counts: VerdictCounts) -> CoverageTotals {
    CoverageTotals {
        counts: verdict::counts(counts),
        total: counts.total(),
        percentage_proved: counts.percentage_proved(),
    }
}
