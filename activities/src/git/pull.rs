//! The head of a pull request in the mirror, beside the tracked branch. Only its number is used: names
//! of branches are whatever their author likes.

use super::Mirror;
use super::Remote;
use super::command::{Call, CallError};
use super::failure::{RemoteFault, remote_fault};
use super::mirror::LOCAL;
use super::remote::reference;
use crate::error::{Failure, FailureKind};

/// The mirror's references for a look at one pull request.
const HEAD: &str = "refs/sbh/pull";
const BRANCH: &str = "refs/sbh/branch";

/// How many commits of both sides are fetched, one after the other, until they meet.
const DEPTHS: [u32; 3] = [25, 250, 2_500];

/// What a pull request is to be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparedWith {
    /// The commit at which it left the tracked branch.
    MergeBase,
    /// What is recorded: the two have no commit in common within reach.
    Baseline,
}

impl ComparedWith {
    /// The wire name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MergeBase => "merge_base",
            Self::Baseline => "baseline",
        }
    }
}

/// A pull request as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullHead {
    /// The commit at its head.
    pub head: String,
    /// The commit at which it left the tracked branch, where that was found.
    pub merge_base: Option<String>,
}

impl Mirror {
    /// Fetches the head of a pull request, and as much of it and of the tracked branch (`None`: the
    /// default branch) as shows where the two parted.
    ///
    /// # Errors
    /// Why the remote cannot be read, or that it has no such pull request.
    pub async fn fetch_pull(
        &self,
        remote: &Remote,
        branch: Option<&str>,
        number: i64,
    ) -> Result<PullHead, Failure> {
        let branch = reference(branch)?;
        let existed = self.path().join("HEAD").exists();
        match self.look(remote, &branch, number).await {
            Err(RemoteFault::Mirror(said)) if existed => {
                tracing::warn!(mirror = %self.path().display(), said, "the mirror is broken and is made again");
                self.discard().await?;
            }
            Err(fault) => return Err(self.failure(remote, fault).await),
            Ok(found) => return Ok(found),
        }
        match self.look(remote, &branch, number).await {
            Err(fault) => Err(self.failure(remote, fault).await),
            Ok(found) => Ok(found),
        }
    }

    async fn look(
        &self,
        remote: &Remote,
        branch: &str,
        number: i64,
    ) -> Result<PullHead, RemoteFault> {
        self.prepare().await?;
        let mut merge_base = None;
        for depth in DEPTHS {
            let arguments = [format!("--depth={depth}")];
            let whole = match self.take(remote, branch, number, &arguments).await {
                // The server has no shallow histories.
                Err(RemoteFault::NoDepth) => {
                    self.take(remote, branch, number, &[]).await?;
                    true
                }
                other => other.map(|()| false)?,
            };
            merge_base = self.merge_base().await?;
            if merge_base.is_some() || whole {
                break;
            }
        }
        let head = self.commit(HEAD).await.map_err(broken)?;
        let head =
            head.ok_or_else(|| RemoteFault::Mirror("the fetched head is not there".into()))?;
        self.tidy().await?;
        Ok(PullHead { head, merge_base })
    }

    async fn take(
        &self,
        remote: &Remote,
        branch: &str,
        number: i64,
        depth: &[String],
    ) -> Result<(), RemoteFault> {
        let head = format!("+refs/pull/{number}/head:{HEAD}");
        let branch = format!("+{branch}:{BRANCH}");
        let call = remote
            .prepare(Call::in_repository(self.path()))
            .arguments(["fetch", "--quiet", "--force", "--no-tags", "--no-recurse-submodules"])
            .arguments(["--no-write-fetch-head", "--no-auto-maintenance"])
            .arguments(depth.iter().map(String::as_str))
            .arguments(["--", remote.url(), &head, &branch]);
        let shown = format!("pull request {number}");
        call.run_watched(self.timeout(), self.over_quota())
            .await
            .map(drop)
            .map_err(|error| remote_fault(remote.url(), Some(&shown), error))
    }

    async fn merge_base(&self) -> Result<Option<String>, RemoteFault> {
        let call = Call::in_repository(self.path()).arguments(["merge-base", BRANCH, HEAD]);
        match call.run(LOCAL).await {
            Ok(output) => {
                let base = String::from_utf8_lossy(&output).trim().to_owned();
                Ok((!base.is_empty()).then_some(base))
            }
            Err(CallError::Failed { code: Some(1), .. }) => Ok(None),
            Err(error) => Err(RemoteFault::Mirror(error.to_string())),
        }
    }
}

fn broken(failure: Failure) -> RemoteFault {
    match failure.kind {
        FailureKind::Mirror => RemoteFault::Mirror(failure.message),
        _ => RemoteFault::Remote(failure),
    }
}
