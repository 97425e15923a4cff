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
    let lower = without(target, &said.to_lowercase());
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

/// What was said apart from the address: its words are the author's, not git's.
fn without(target: &str, said: &str) -> String {
    let target = target.to_lowercase();
    let rest = target.split_once("://").map_or("", |(_, rest)| rest);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let server = authority.rsplit('@').next().unwrap_or_default();
    let host = server.rsplit_once(':').map_or(server, |(host, _)| host);
    let mut said = said.to_owned();
    for part in [
        target.as_str(),
        rest,
        path,
        path.trim_start_matches("/~").trim_start_matches('/'),
        server,
        host,
    ] {
        // A host `ssl` must not take the word from git.
        if part.len() > 1 && part.contains(['/', '.', ':']) {
            said = said.replace(part, " ");
        }
    }
    said
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

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(target: &str, said: &str) -> Option<FailureKind> {
        let error = CallError::Failed { code: Some(128), stderr: said.to_owned() };
        match remote_fault(target, Some("main"), error) {
            RemoteFault::Remote(failure) => Some(failure.kind),
            RemoteFault::Mirror(_) | RemoteFault::NoDepth => None,
        }
    }

    #[test]
    fn the_words_of_an_address_are_not_gits() {
        for (target, path) in [
            ("https://tls.example/ssl/certificate.git", "ssl/certificate.git"),
            ("ssh://git@tls.example:22/~/ssl/tls.git", "ssl/tls.git"),
        ] {
            for said in [
                format!("error: object file is empty while fetching {target}"),
                format!("fatal: bad object in {path}/"),
                format!("from {}: fatal: index-pack failed", target.to_uppercase()),
                "tls.example: fatal: pack is corrupted".to_owned(),
            ] {
                assert_eq!(kind(target, &said), None, "{target} {said}");
            }
            let said = format!("fatal: {target}: server certificate verification failed");
            assert_eq!(kind(target, &said), Some(FailureKind::Unreachable));
            let said = format!("fatal: Authentication failed for '{target}/'");
            assert_eq!(kind(target, &said), Some(FailureKind::Authentication));
        }
        let said = "gnutls_handshake() failed: a TLS packet with unexpected length";
        assert_eq!(kind("https://tls/a", said), Some(FailureKind::Unreachable));
    }
}
