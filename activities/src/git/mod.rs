//! Git repositories, read with the `git` program.
//!
//! A remote is hostile until shown otherwise: its address is checked part by part
//! ([`address`]), its host is resolved, checked and pinned ([`network`]), `git` runs with an empty
//! environment, without hooks, submodules, helpers and redirects ([`command`]), and a mirror has a
//! quota ([`mirror`]). Nothing is ever checked out.

pub mod address;
pub mod blobs;
pub mod command;
pub mod credential;
mod disk;
mod failure;
pub mod mirror;
mod network;
pub mod pull;
pub mod remote;
pub mod tree;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sbh_runtime::config::GitConfig;

pub use credential::Credential;
pub use mirror::Mirror;
pub use remote::Remote;

/// Git with the limits of this installation. Clones share them.
#[derive(Debug, Clone)]
pub struct Git(Arc<Limits>);

#[derive(Debug)]
struct Limits {
    mirrors: PathBuf,
    file_roots: Vec<PathBuf>,
    allowed: Vec<sbh_outbound::Range>,
    quota_bytes: u64,
    timeout: Duration,
    max_document_bytes: u64,
    certificates: Option<PathBuf>,
}

impl Git {
    /// Checks the configuration.
    ///
    /// # Errors
    /// Names the entry of `git.allow_addresses` that is no address or range.
    pub fn new(config: &GitConfig) -> anyhow::Result<Self> {
        let allowed = config
            .allow_addresses
            .iter()
            .map(|entry| entry.parse())
            .collect::<Result<Vec<sbh_outbound::Range>, _>>()
            .map_err(|error| anyhow::anyhow!("git.allow_addresses is not usable: {error}"))?;
        std::fs::create_dir_all(&config.mirrors).map_err(|error| {
            let path = config.mirrors.display();
            anyhow::anyhow!("git.mirrors: the folder {path} cannot be made: {error}")
        })?;
        // Git runs in other folders than this process, so that relative paths would mislead it.
        let mirrors = config.mirrors.canonicalize()?;
        Ok(Self(Arc::new(Limits {
            mirrors,
            file_roots: config.file_roots.clone(),
            allowed,
            quota_bytes: config.mirror_quota_mb.saturating_mul(1 << 20),
            timeout: Duration::from_secs(config.fetch_timeout_s),
            max_document_bytes: config.max_document_bytes,
            // The system's way to name a private certificate authority, as curl and git have it.
            certificates: std::env::var_os("GIT_SSL_CAINFO").map(PathBuf::from),
        })))
    }

    /// Trusts the certificate authorities of this file for `https` remotes, instead of the
    /// system's (or those that the variable `GIT_SSL_CAINFO` names).
    #[must_use]
    pub fn with_certificates(self, file: PathBuf) -> Self {
        let Limits { mirrors, file_roots, allowed, .. } = &*self.0;
        Self(Arc::new(Limits {
            mirrors: mirrors.clone(),
            file_roots: file_roots.clone(),
            allowed: allowed.clone(),
            certificates: Some(file),
            ..*self.0
        }))
    }

    /// Bytes of a document at most.
    pub fn max_document_bytes(&self) -> u64 {
        self.0.max_document_bytes
    }
}

/// Whether a branch name is one that git allows, and harmless in a refspec.
pub fn is_branch(name: &str) -> bool {
    let forbidden = |c: char| c.is_ascii_control() || " ~^:?*[\\".contains(c);
    !name.is_empty()
        && name.len() <= 255
        && !name.contains(forbidden)
        && !name.contains("..")
        && !name.contains("@{")
        && !name.starts_with('-')
        && !name.ends_with('.')
        && name != "@"
        && name
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock"))
}

#[cfg(test)]
mod tests {
    use super::is_branch;

    #[test]
    fn branches_are_names_and_nothing_else() {
        for good in ["main", "release/1.2", "ada/fix-#12", "ä"] {
            assert!(is_branch(good), "{good}");
        }
        for bad in [
            "",
            "-f",
            "a b",
            "a:b",
            "+a:refs/heads/b",
            "a..b",
            "a~1",
            "a^",
            "*",
            "a[b",
            "@{u}",
            "@",
            "/a",
            "a/",
            "a//b",
            ".a",
            "a/.b",
            "a.lock",
            "a.",
            "a\nb",
            "a\\b",
        ] {
            assert!(!is_branch(bad), "{bad}");
        }
    }
}
