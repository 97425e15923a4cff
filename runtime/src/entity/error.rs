//! Why an entity was not reached, and whether a later try can help.

use temporalio_client::errors::{
    WorkflowStartError, WorkflowUpdateError, WorkflowUpdateWithStartError,
};
use temporalio_client::tonic::{Code, Status};

/// An entity's workflow was not reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntityError {
    /// Temporal is away, is not set up yet, has too much to do, or no worker answers: try later.
    #[error("{workflow} cannot be reached now: {reason}")]
    Away {
        /// The workflow's id.
        workflow: String,
        /// Why.
        reason: String,
    },
    /// The same call will never be taken.
    #[error("{workflow} was refused: {reason}")]
    Refused {
        /// The workflow's id.
        workflow: String,
        /// Why.
        reason: String,
    },
}

impl EntityError {
    /// Whether a later try can help.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Away { .. })
    }

    pub(super) fn start(workflow: &str, error: WorkflowStartError) -> Self {
        match error {
            WorkflowStartError::Rpc(status)
            | WorkflowStartError::AlreadyStarted { source: status, .. } => {
                Self::status(workflow, &status)
            }
            other => Self::refused(workflow, other.to_string()),
        }
    }

    pub(super) fn update(workflow: &str, error: WorkflowUpdateWithStartError) -> Self {
        match error {
            WorkflowUpdateWithStartError::Start(error) => Self::start(workflow, error),
            WorkflowUpdateWithStartError::Rpc(status)
            | WorkflowUpdateWithStartError::Update(
                WorkflowUpdateError::Rpc(status) | WorkflowUpdateError::NotFound(status),
            ) => Self::status(workflow, &status),
            other => Self::refused(workflow, other.to_string()),
        }
    }

    /// Only what is wrong with the call itself is final. Among the rest is much that sounds final
    /// and is not: a namespace that is not found and search attributes that are not known come
    /// back when they are applied again, and too many signals end with the run.
    fn status(workflow: &str, status: &Status) -> Self {
        let about_call = matches!(status.code(), Code::InvalidArgument | Code::OutOfRange);
        let about_set_up = status.message().to_lowercase().contains("search attribute");
        if about_call && !about_set_up {
            return Self::refused(workflow, status.message().to_owned());
        }
        let reason = format!("{:?}: {}", status.code(), status.message());
        Self::Away { workflow: workflow.to_owned(), reason }
    }

    fn refused(workflow: &str, reason: String) -> Self {
        Self::Refused { workflow: workflow.to_owned(), reason }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_wrong_call_is_final() {
        let away = |status: Status| EntityError::status("w", &status).is_away();
        assert!(away(Status::unavailable("connection refused")));
        assert!(away(Status::deadline_exceeded("slow")));
        assert!(away(Status::resource_exhausted("busy")));
        assert!(away(Status::not_found("Namespace sbh is not found.")));
        assert!(away(Status::invalid_argument(
            "Namespace sbh has no mapping defined for search attribute SbhTenant"
        )));
        assert!(!away(Status::invalid_argument("WorkflowId length exceeds limit.")));
    }
}
