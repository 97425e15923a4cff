//! Coverage: how much of what is claimed is proved.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::verdict::Counts;

/// Counts with their sum and the share that is proved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CoverageTotals {
    /// Invariants by verdict.
    #[serde(flatten)]
    pub counts: Counts,
    /// All invariants.
    pub total: i64,
    /// The share proved in percent, 0 to 100; `null` where there is no invariant.
    pub percentage_proved: Option<f64>,
}

/// The coverage of a tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Coverage {
    /// The tenant.
    pub tenant: String,
    /// Over all its repositories.
    pub totals: CoverageTotals,
    /// Repository by repository, by name.
    pub repositories: Vec<RepositoryCoverage>,
}

/// The coverage of one repository.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RepositoryCoverage {
    /// The repository's id.
    pub repository: Uuid,
    /// Its name.
    pub name: String,
    /// Its invariants.
    #[serde(flatten)]
    pub totals: CoverageTotals,
    /// Its documents.
    pub documents: i64,
    /// Those without any invariant.
    pub documents_without_invariants: i64,
    /// Those whose verdicts are not those of the content seen last.
    pub drifted: i64,
}
