//! What git's words mean: who is at fault, and whether trying again can help.

use super::command::CallError;
use crate::error::{Failure, FailureKind};

/// A failed call that talked to a remote.
#[derive(Debug)]
pub(super) enum RemoteFault {
    /// The remote, or the way to it.
    Remote(Failure),
    /// Something in the mirror: throw it away and fetch again.
    Mirror(String),
    /// The server has no shallow histories: fetch all of it.
    NoDepth,
}

/// Words by which git, curl and ssh (in the C locale) tell what is wrong.
const WORDS: &[(FailureKind, &[&str])] = &[
    (
        FailureKind::Authentication,
        &[
            "authentication failed",
            "could not read username",
            "could not read password",
            "permission denied",
            "host key verification failed",
            "terminal prompts disabled",
            "error: 401",
            "error: 403",
        ],
    ),
    (FailureKind::BranchMissing, &["couldn't find remote ref", "remote branch"]),
    (
        FailureKind::RepositoryMissing,
        &[
            "repository not found",
            "does not appear to be a git repository",
            "error: 404",
            "error: 410",
            "' not found",
            "does not exist",
            "not valid: is this a git repository",
        ],
    ),
    (
        FailureKind::Address,
        &[
            "unable to update url base from redirection",
            "error: 301",
            "error: 302",
            "error: 307",
            "error: 308",
            "not allowed",
        ],
    ),
    (
        FailureKind::Unreachable,
        &[
            "could not resolve",
            "connection refused",
            "connection timed out",
            "connection reset",
            "connection closed",
            "failed to connect",
            "couldn't connect",
            "no route to host",
            "network is unreachable",
            "operation timed out",
            "operation too slow",
            "ssl",
            "certificate",
            "tls",
            "the remote end hung up",
            "early eof",
            "unexpected disconnect",
            "error: 429",
            "error: 5",
            "rpc failed",
            "unable to access",
        ],
    ),
];

/// Judges a call to a remote; `target` is its address without credentials.
pub(super) fn remote_fault(target: &str, branch: Option<&str>, error: CallError) -> RemoteFault {
    let said = match error {
        CallError::Failed { stderr, .. } => stderr,
        CallError::TimedOut(after) => {
            let message = format!("{target} was not read within {} s", after.as_secs());
            return RemoteFault::Remote(Failure::new(FailureKind::TimedOut, message));
        }
        CallError::Stopped(why) => {
            return RemoteFault::Remote(Failure::new(
                FailureKind::Quota,
                format!("{target}: {why}"),
            ));
        }
        CallError::Start(why) => {
            let message = format!("git cannot be run here: {why}");
            return RemoteFault::Remote(Failure::new(FailureKind::Mirror, message));
        }
    };
    let lower = said.to_lowercase();
    if lower.contains("does not support shallow") {
        return RemoteFault::NoDepth;
    }
    let kind = WORDS
        .iter()
        .find(|(_, words)| words.iter().any(|word| lower.contains(word)))
        .map(|(kind, _)| *kind);
    let message = match kind {
        None => return RemoteFault::Mirror(said),
        Some(FailureKind::BranchMissing) => missing_branch(target, branch),
        Some(FailureKind::Authentication) => format!(
            "{target} refuses access: store a valid credential in the repository's connection ({said})"
        ),
        Some(FailureKind::RepositoryMissing) => {
            format!("{target} is no git repository, or the credential may not see it ({said})")
        }
        Some(FailureKind::Address) => {
            format!(
                "{target} points elsewhere, and redirects are not followed: give the final address ({said})"
            )
        }
        Some(_) => format!("{target} cannot be read now ({said})"),
    };
    RemoteFault::Remote(Failure::new(kind.unwrap_or(FailureKind::Unreachable), message))
}

/// What to say when the tracked branch is not there.
pub(super) fn missing_branch(target: &str, branch: Option<&str>) -> String {
    match branch {
        Some(branch) => format!(
            "{target} has no branch {branch}: it was deleted or renamed; track another branch or push it again"
        ),
        None => format!("{target} has no default branch with a commit: push one"),
    }
}
