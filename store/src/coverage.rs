//! Coverage: counts per verdict from appended deltas.
//!
//! The recording transaction only appends deltas; [`Store::fold_coverage`] merges them into totals
//! afterwards, and reads add what is not folded yet. Shared totals updated in the transaction would
//! make writers wait for each other.

use sbh_domain::{RepositoryId, TenantId, VerdictCounts};

use crate::{Store, StoreError};

/// The coverage of one repository.
#[derive(Clone, Debug)]
pub struct RepositoryCoverage {
    /// The repository.
    pub repository: RepositoryId,
    /// Its name.
    pub name: String,
    /// Its invariants by verdict.
    pub counts: VerdictCounts,
    /// Its documents.
    pub documents: i64,
    /// Those without any invariant.
    pub documents_without_invariants: i64,
    /// Those whose observed content is not the recorded one.
    pub drifted: i64,
}

impl Store {
    /// The coverage of every repository of a tenant that is not removed, by name.
    pub async fn coverage(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<RepositoryCoverage>, StoreError> {
        let _ = tenant;
        todo!()
    }

    /// The coverage of one repository.
    pub async fn coverage_of(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Result<RepositoryCoverage, StoreError> {
        let _ = (tenant, repository);
        todo!()
    }

    /// Merges deltas of every tenant into totals, a bounded number at a time. Returns how many deltas were
    /// merged; several programs may do it at once.
    pub async fn fold_coverage(&self) -> Result<u64, StoreError> {
        todo!()
    }

    /// Counts the invariants of a tenant anew, for comparison with the deltas.
    pub async fn recount_coverage(
        &self,
        tenant: &TenantId,
    ) -> Result<Vec<(RepositoryId, VerdictCounts)>, StoreError> {
        let _ = tenant;
        todo!()
    }
}
