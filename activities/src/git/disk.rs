//! Mirrors on the disk: walks over many files, which block and so have threads of their own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use sbh_domain::{RepositoryId, TenantId};
use tokio::task::spawn_blocking;

use super::Git;
use super::mirror::lock;
use crate::error::{Failure, FailureKind};

impl Git {
    /// The repositories of a tenant that have a mirror here.
    pub async fn mirrored(&self, tenant: &TenantId) -> Vec<RepositoryId> {
        let folder = self.0.mirrors.join(tenant.as_str());
        let names = spawn_blocking(move || {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect::<Vec<_>>()
        });
        let names = names.await.unwrap_or_default();
        let mut found: Vec<RepositoryId> =
            names.iter().filter_map(|name| name.parse().ok()).collect();
        found.sort_unstable();
        found
    }

    /// Deletes the mirror of a repository that is not tracked any more, unless somebody is using
    /// it; whether it did. It can be fetched again.
    ///
    /// # Errors
    /// When its files cannot be deleted.
    pub async fn forget(
        &self,
        tenant: &TenantId,
        repository: RepositoryId,
    ) -> Result<bool, Failure> {
        let folder = self.0.mirrors.join(tenant.as_str());
        let failure = |error: io::Error| {
            let message = format!("the mirror of {repository} cannot be deleted: {error}");
            Failure::new(FailureKind::Mirror, message)
        };
        // The lock's file stays: who waits for it and who comes later must mean the same.
        let lock = lock(&folder, repository).map_err(failure)?;
        if lock.try_lock().is_err() {
            return Ok(false);
        }
        remove(folder.join(repository.to_string())).await.map_err(failure)?;
        Ok(true)
    }
}

/// Deletes a folder with all that is in it. One that is not there is no error.
pub(super) async fn remove(folder: PathBuf) -> io::Result<()> {
    let removed = spawn_blocking(move || fs::remove_dir_all(folder)).await;
    match removed.map_err(io::Error::other)? {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Bytes of all files below a folder. Files that vanish meanwhile do not count.
pub(super) async fn size(folder: &Path) -> u64 {
    let folder = folder.to_owned();
    // It does not panic; a process that ends needs no sizes.
    spawn_blocking(move || walk(&folder)).await.unwrap_or(0)
}

fn walk(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => walk(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
