//! The local mirror of one repository: a bare repository with the tracked branch and, for a while, the
//! head of a pull request.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sbh_domain::{RepositoryId, TenantId};

use super::command::{Call, CallError};
use super::disk;
use super::failure::{RemoteFault, remote_fault};
use super::remote::reference;
use super::{Git, Remote};
use crate::error::{Failure, FailureKind};

/// The mirror's reference to the tracked branch.
const HEAD: &str = "refs/sbh/head";

/// Time for calls that only read the mirror.
pub(super) const LOCAL: Duration = Duration::from_secs(300);

/// Packs, or loose objects in one of 256 folders, above which a mirror is packed anew.
const MAX_PACKS: usize = 40;
const MAX_LOOSE: usize = 24;

/// What a killed git leaves locked.
const LOCKS: [&str; 7] = [
    "shallow.lock",
    "packed-refs.lock",
    "HEAD.lock",
    "config.lock",
    "refs/sbh/head.lock",
    "refs/sbh/pull.lock",
    "refs/sbh/branch.lock",
];

/// A mirror, held by this process alone until the value is dropped.
#[derive(Debug)]
pub struct Mirror {
    git: Git,
    path: PathBuf,
    /// Held locked. The system unlocks it when the process ends, however it ends.
    _lock: File,
}

impl Git {
    /// Waits for the mirror of a repository and takes it.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub async fn mirror(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Result<Mirror, Failure> {
        let folder = self.0.mirrors.join(tenant.as_str());
        let unusable = |error: io::Error| {
            let message = format!("the mirror of {repository} cannot be used: {error}");
            Failure::new(FailureKind::Mirror, message)
        };
        let lock = lock(&folder, repository).map_err(unusable)?;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {
                    tokio::time::sleep(Duration::from_millis(50)).await
                }
                Err(TryLockError::Error(error)) => return Err(unusable(error)),
            }
        }
        Ok(Mirror { git: self.clone(), path: folder.join(repository.to_string()), _lock: lock })
    }
}

impl Mirror {
    /// How long one fetch may take.
    pub(super) fn timeout(&self) -> Duration {
        self.git.0.timeout
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fetches the tracked branch (`None`: the default branch) and returns the commit it points
    /// to. A mirror that does not work is thrown away and made again.
    ///
    /// # Errors
    /// Why the remote cannot be read, or that the mirror would be larger than its quota.
    pub async fn fetch(&self, remote: &Remote, branch: Option<&str>) -> Result<String, Failure> {
        let reference = reference(branch)?;
        let existed = self.path.join("HEAD").exists();
        match self.fetch_once(remote, branch, &reference).await {
            Err(RemoteFault::Mirror(said)) if existed => {
                tracing::warn!(mirror = %self.path.display(), said, "the mirror is broken and is made again");
                self.discard().await?;
            }
            Err(fault) => return Err(self.failure(remote, fault).await),
            Ok(head) => return Ok(head),
        }
        match self.fetch_once(remote, branch, &reference).await {
            Err(fault) => Err(self.failure(remote, fault).await),
            Ok(head) => Ok(head),
        }
    }

    pub(super) async fn failure(&self, remote: &Remote, fault: RemoteFault) -> Failure {
        match fault {
            RemoteFault::Remote(failure) => {
                if failure.kind == FailureKind::Quota
                    && let Err(undeleted) = self.discard().await
                {
                    return undeleted;
                }
                failure
            }
            RemoteFault::Mirror(said) => {
                let message = format!("{} cannot be mirrored: {said}", remote.url());
                Failure::new(FailureKind::Mirror, message)
            }
            RemoteFault::NoDepth => {
                let message = format!("{} cannot be fetched", remote.url());
                Failure::new(FailureKind::Unreachable, message)
            }
        }
    }

    async fn fetch_once(
        &self,
        remote: &Remote,
        branch: Option<&str>,
        reference: &str,
    ) -> Result<String, RemoteFault> {
        self.prepare().await?;
        // Trees are compared, not histories, so that one commit is enough.
        match self.transfer(remote, branch, reference, &["--depth=1"]).await {
            Err(RemoteFault::NoDepth) => self.transfer(remote, branch, reference, &[]).await?,
            other => other?,
        }
        let head =
            self.commit(HEAD).await.map_err(|failure| RemoteFault::Mirror(failure.message))?;
        let head =
            head.ok_or_else(|| RemoteFault::Mirror("the fetched commit is not there".into()))?;
        self.tidy().await?;
        Ok(head)
    }

    pub(super) async fn prepare(&self) -> Result<(), RemoteFault> {
        if self.path.join("HEAD").exists() {
            // A fetch that was killed leaves its locks and half a pack. Nobody else works here now.
            for name in LOCKS {
                let _ = std::fs::remove_file(self.path.join(name));
            }
            for entry in
                std::fs::read_dir(self.path.join("objects/pack")).into_iter().flatten().flatten()
            {
                if entry.file_name().to_string_lossy().starts_with("tmp_") {
                    let _ = std::fs::remove_file(entry.path());
                }
            }
            return Ok(());
        }
        let call = Call::nowhere()
            .arguments(["init", "--bare", "--quiet", "--template=", "--initial-branch=none", "--"])
            .argument(&self.path);
        // `init` makes its own folder: the variable of `nowhere` would name another.
        let call = call.variable("GIT_DIR", self.path.as_os_str());
        call.run(LOCAL).await.map(drop).map_err(|error| RemoteFault::Mirror(error.to_string()))
    }

    async fn transfer(
        &self,
        remote: &Remote,
        branch: Option<&str>,
        reference: &str,
        depth: &[&str],
    ) -> Result<(), RemoteFault> {
        let refspec = format!("+{reference}:{HEAD}");
        let call = remote
            .prepare(Call::in_repository(&self.path))
            .arguments(["fetch", "--quiet", "--force", "--no-tags", "--no-recurse-submodules"])
            .arguments(["--no-write-fetch-head", "--no-auto-maintenance"])
            .arguments(depth.iter().copied())
            .arguments(["--", remote.url(), &refspec]);
        call.run_watched(self.git.0.timeout, self.over_quota())
            .await
            .map(drop)
            .map_err(|error| remote_fault(remote.url(), branch, error))
    }

    /// Ends when the mirror has outgrown its quota.
    pub(super) async fn over_quota(&self) -> String {
        let quota = self.git.0.quota_bytes;
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if let Some(why) = quota_reason(disk::size(&self.path).await, quota) {
                return why;
            }
        }
    }

    /// Packs what many small fetches left, and checks the quota.
    pub(super) async fn tidy(&self) -> Result<(), RemoteFault> {
        let entries =
            |name: &str| std::fs::read_dir(self.path.join(name)).map_or(0, Iterator::count);
        if entries("objects/pack") > 3 * MAX_PACKS || entries("objects/17") > MAX_LOOSE {
            let call = Call::in_repository(&self.path);
            let call = call.arguments(["gc", "--quiet", "--prune=1.hour.ago"]);
            call.run(LOCAL).await.map_err(|error| RemoteFault::Mirror(error.to_string()))?;
        }
        match quota_reason(disk::size(&self.path).await, self.git.0.quota_bytes) {
            None => Ok(()),
            Some(why) => Err(RemoteFault::Remote(Failure::new(FailureKind::Quota, why))),
        }
    }

    /// The id of the commit that a name stands for, or `None` where the mirror has it not.
    ///
    /// # Errors
    /// When git fails.
    pub async fn commit(&self, name: &str) -> Result<Option<String>, Failure> {
        let call = Call::in_repository(&self.path)
            .arguments(["rev-parse", "--quiet", "--verify", "--end-of-options"])
            .argument(format!("{name}^{{commit}}"));
        match call.run(LOCAL).await {
            Ok(output) => Ok(Some(String::from_utf8_lossy(&output).trim().to_owned())),
            Err(CallError::Failed { code: Some(1 | 128), .. }) => Ok(None),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    /// Runs a call that reads the mirror.
    pub(super) async fn read(&self, call: Call) -> Result<Vec<u8>, Failure> {
        call.run(LOCAL).await.map_err(|error| self.unreadable(&error))
    }

    /// A failure to read the mirror.
    pub(super) fn unreadable(&self, error: &dyn std::fmt::Display) -> Failure {
        Failure::new(FailureKind::Mirror, format!("the mirror cannot be read: {error}"))
    }

    /// Throws the mirror away. The next fetch makes it again.
    ///
    /// # Errors
    /// When its files cannot be deleted.
    pub async fn discard(&self) -> Result<(), Failure> {
        disk::remove(self.path.clone()).await.map_err(|error| {
            let path = self.path.display();
            let message = format!("the broken mirror {path} cannot be deleted: {error}");
            Failure::new(FailureKind::Mirror, message)
        })
    }
}

/// The file whose lock goes with a mirror, in the tenant's folder.
pub(super) fn lock(folder: &Path, repository: RepositoryId) -> io::Result<File> {
    std::fs::create_dir_all(folder)?;
    File::create(folder.join(format!("{repository}.lock")))
}

fn quota_reason(size: u64, quota: u64) -> Option<String> {
    (size > quota).then(|| {
        format!(
            "its mirror would take more than git.mirror_quota_mb = {} MB; the operator can raise it",
            quota >> 20
        )
    })
}
