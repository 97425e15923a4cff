//! Search attributes of every run, all of type keyword. Frozen names.

use temporalio_common::search_attributes::SearchAttributeKey;

/// The tenant.
pub const TENANT: &str = "SbhTenant";
/// The concern, for example `spec_drift`.
pub const CONCERN: &str = "SbhConcern";
/// The worst verdict of the run's document, or `no_invariants`.
pub const VERDICT: &str = "SbhVerdict";
/// The repository's name.
pub const REPOSITORY: &str = "SbhRepository";

/// All of them, for registration.
pub const ALL: [&str; 4] = [TENANT, CONCERN, VERDICT, REPOSITORY];

/// [`TENANT`] with its type.
pub const TENANT_KEY: SearchAttributeKey<String> = SearchAttributeKey::keyword(TENANT);
/// [`CONCERN`] with its type.
pub const CONCERN_KEY: SearchAttributeKey<String> = SearchAttributeKey::keyword(CONCERN);
/// [`VERDICT`] with its type.
pub const VERDICT_KEY: SearchAttributeKey<String> = SearchAttributeKey::keyword(VERDICT);
/// [`REPOSITORY`] with its type.
pub const REPOSITORY_KEY: SearchAttributeKey<String> = SearchAttributeKey::keyword(REPOSITORY);
