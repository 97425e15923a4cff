//! Why an activity failed, and whether trying again can help.

use sbh_store::StoreError;
use temporalio_common::error::ApplicationFailure;
use temporalio_sdk::activities::ActivityError;

/// A failed activity. The message is for people and holds no secret.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// What happened, to what, and what to do.
    pub message: String,
}

/// Attempts of one run after which a failure that is not final counts all the same, for those whose
/// rows wait in the inbox. They come back with the next signal, and are parked when that goes on.
pub(crate) const PATIENCE: u32 = 5;

/// The kinds of failure. Their names are the failure types that Temporal stores: frozen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The database did not answer.
    Database,
    /// The database refused, or holds something unexpected.
    Refused,
    /// What was asked for is not there.
    NotFound,
    /// The repository's address, branch or globs are not allowed.
    Address,
    /// The connection's credential cannot be used.
    Credential,
    /// The remote asks for a credential, or refuses the one it got.
    Authentication,
    /// The remote has no such repository.
    RepositoryMissing,
    /// The remote has no such branch.
    BranchMissing,
    /// The remote cannot be reached now.
    Unreachable,
    /// The remote took too long.
    TimedOut,
    /// The mirror would take more room than its quota.
    Quota,
    /// The mirror, or git itself, does not work here.
    Mirror,
    /// Temporal took no signal.
    Signal,
    /// The source has no such space.
    SpaceMissing,
    /// The source answered something that cannot be understood.
    Unexpected,
}

impl FailureKind {
    /// The failure type in Temporal.
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Database => "Database",
            Self::Refused => "DatabaseRefused",
            Self::NotFound => "NotFound",
            Self::Address => "AddressRefused",
            Self::Credential => "CredentialUnusable",
            Self::Authentication => "AuthenticationFailed",
            Self::RepositoryMissing => "RepositoryMissing",
            Self::BranchMissing => "BranchMissing",
            Self::Unreachable => "RemoteUnreachable",
            Self::TimedOut => "RemoteTimedOut",
            Self::Quota => "MirrorQuota",
            Self::Mirror => "MirrorUnusable",
            Self::Signal => "SignalFailed",
            Self::SpaceMissing => "SpaceMissing",
            Self::Unexpected => "SourceUnexpected",
        }
    }

    /// Whether trying again at once cannot help.
    pub const fn is_final(self) -> bool {
        match self {
            Self::Database
            | Self::Unreachable
            | Self::TimedOut
            | Self::Mirror
            | Self::Signal
            | Self::Unexpected => false,
            Self::Refused
            | Self::NotFound
            | Self::Address
            | Self::Credential
            | Self::Authentication
            | Self::RepositoryMissing
            | Self::BranchMissing
            | Self::SpaceMissing
            | Self::Quota => true,
        }
    }

    /// Whether only a change of the repository's settings, or of what this installation allows, can
    /// help.
    pub const fn needs_a_person(self) -> bool {
        matches!(self, Self::Address)
    }

    /// Whether the repository is at fault rather than a part of this installation: such failures
    /// are noted on the repository.
    pub const fn is_about_repository(self) -> bool {
        !matches!(self, Self::Database | Self::Refused | Self::NotFound | Self::Signal)
    }
}

impl Failure {
    /// A failure of a kind.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The failure as Temporal gets it: with its type and whether it is final. (A plain `?` would
    /// lose both.)
    pub fn into_activity(self) -> ActivityError {
        let kind = self.kind;
        ActivityError::application(
            ApplicationFailure::builder(self)
                .type_name(kind.type_name().to_owned())
                .non_retryable(kind.is_final())
                .build(),
        )
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            _ if error.is_retryable() => FailureKind::Database,
            StoreError::NotFound { .. } => FailureKind::NotFound,
            _ => FailureKind::Refused,
        };
        Self::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_temporal(kind: FailureKind) -> (String, bool) {
        match Failure::new(kind, "why").into_activity() {
            ActivityError::Application(failure) => {
                assert_eq!(failure.to_string(), "why");
                (failure.type_name().unwrap().to_owned(), failure.is_non_retryable())
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn temporal_learns_the_type_and_whether_to_retry() {
        assert_eq!(in_temporal(FailureKind::Unreachable), ("RemoteUnreachable".to_owned(), false));
        assert_eq!(in_temporal(FailureKind::Address), ("AddressRefused".to_owned(), true));
    }

    #[test]
    fn a_refusal_is_final() {
        let refused = Failure::from(StoreError::Setup("no".into()));
        assert!(refused.kind.is_final());
        let missing = Failure::from(StoreError::NotFound { kind: "document", id: "1".into() });
        assert_eq!(missing.to_string(), "no document 1");
    }
}
