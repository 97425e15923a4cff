//! A remote whose address was checked, with all that a call to it needs.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::address::{Address, bracketed};
use super::command::{Call, CallError};
use super::credential::Credential;
use super::failure::{RemoteFault, missing_branch, remote_fault};
use super::{Git, is_branch};
use crate::error::{Failure, FailureKind};

/// A checked remote.
#[derive(Debug)]
pub struct Remote {
    url: String,
    settings: Vec<(String, String)>,
    variables: Vec<(String, String)>,
    secrets: Vec<String>,
    /// Files that a call reads: a private key, or git's settings. Deleted with this value.
    _files: Vec<NamedTempFile>,
}

impl Git {
    /// Checks an address and prepares calls to it.
    ///
    /// # Errors
    /// When the address, or where its host is, is not allowed; when the credential does not fit.
    pub async fn remote(
        &self,
        url: &str,
        credential: Option<Credential>,
    ) -> Result<Remote, Failure> {
        let address = Address::parse(url)?;
        let mut remote = Remote {
            url: address.url(),
            settings: Vec::new(),
            variables: Vec::new(),
            secrets: credential.as_ref().map(Credential::secrets).unwrap_or_default(),
            _files: Vec::new(),
        };
        match &address {
            Address::Https { host, port, .. } => {
                self.https(&mut remote, host, *port, credential.as_ref()).await?;
            }
            Address::Ssh { host, port, .. } => {
                self.ssh(&mut remote, host, *port, credential.as_ref()).await?;
            }
            Address::File(path) => self.file(&mut remote, path)?,
        }
        Ok(remote)
    }

    async fn https(
        &self,
        remote: &mut Remote,
        host: &str,
        port: u16,
        credential: Option<&Credential>,
    ) -> Result<(), Failure> {
        let addresses = self.resolve(host, port).await?;
        let addresses: Vec<String> =
            addresses.iter().map(|address| bracketed(&address.to_string())).collect();
        remote.set("protocol.https.allow", "always");
        // The checked addresses are the ones used: a second look-up could give others.
        if host.parse::<std::net::IpAddr>().is_err() {
            remote.set("http.curloptResolve", format!("{host}:{port}:{}", addresses.join(",")));
        }
        if let Some(file) = &self.0.certificates {
            remote.set("http.sslCAInfo", file.display().to_string());
        }
        if let Some(credential) = credential {
            let header = credential.header().ok_or_else(|| {
                let message = "the connection's credential is an SSH key, but the address is https";
                Failure::new(FailureKind::Credential, message)
            })?;
            remote.set(format!("http.https://{}:{port}/.extraHeader", bracketed(host)), header);
        }
        Ok(())
    }

    async fn ssh(
        &self,
        remote: &mut Remote,
        host: &str,
        port: u16,
        credential: Option<&Credential>,
    ) -> Result<(), Failure> {
        let addresses = self.resolve(host, port).await?;
        let alias = quoted(Path::new(&known_as(host, port)));
        let known_hosts = quoted(&self.0.mirrors.join("known_hosts"));
        let mut ssh = format!(
            "ssh -F /dev/null -o BatchMode=yes -o ConnectTimeout=15 -o IdentitiesOnly=yes \
             -o IdentityAgent=none -o ClearAllForwardings=yes -o PermitLocalCommand=no \
             -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile={known_hosts} \
             -o GlobalKnownHostsFile=/dev/null -o HostKeyAlias={alias}",
        );
        if let Some(address) = addresses.first() {
            ssh.push_str(&format!(" -o HostName={address}"));
        }
        match credential {
            Some(Credential::Key(key)) => {
                let file = private_file(key)?;
                ssh.push_str(&format!(" -i {}", quoted(file.path())));
                remote._files.push(file);
            }
            Some(Credential::Basic { .. }) => {
                let message = "the connection's credential is a token, but the address is ssh: store \
                               a private key";
                return Err(Failure::new(FailureKind::Credential, message));
            }
            None => ssh.push_str(" -o IdentityFile=none"),
        }
        remote.set("protocol.ssh.allow", "always");
        remote.variables.push(("GIT_SSH_COMMAND".into(), ssh));
        remote.variables.push(("GIT_SSH_VARIANT".into(), "ssh".into()));
        Ok(())
    }

    fn file(&self, remote: &mut Remote, path: &Path) -> Result<(), Failure> {
        let repository = self.allowed_folder(path)?;
        remote.url = repository.display().to_string();
        remote.set("protocol.file.allow", "always");
        // The repository may belong to another user. The settings of the environment do not reach
        // the program that reads it, so that they stand in a file.
        let shown = remote.url.replace('\\', "\\\\").replace('"', "\\\"");
        let file = private_file(&format!("[safe]\n\tdirectory = \"{shown}\"\n"))?;
        let name = file.path().display().to_string();
        remote.variables.push(("GIT_CONFIG_GLOBAL".into(), name));
        remote._files.push(file);
        Ok(())
    }

    /// The folder of a repository on this machine, with no link left in its path, when all of it
    /// lies below an allowed folder.
    fn allowed_folder(&self, path: &Path) -> Result<PathBuf, Failure> {
        let missing = || {
            let message = format!("{} is no git repository", path.display());
            Failure::new(FailureKind::RepositoryMissing, message)
        };
        let refuse = |why: &str| {
            Failure::new(FailureKind::Address, format!("{} is not allowed: {why}", path.display()))
        };
        let roots: Vec<PathBuf> =
            self.0.file_roots.iter().filter_map(|root| root.canonicalize().ok()).collect();
        let inside = |path: &Path| roots.iter().any(|root| path.starts_with(root));
        let outside = || refuse("file addresses must lie below a folder of git.file_roots");
        let resolved = |path: &Path| path.canonicalize().map_err(|_| missing());
        // Whether a forbidden path exists is not told.
        let named_inside = !path.components().any(|part| part == std::path::Component::ParentDir)
            && self.0.file_roots.iter().chain(&roots).any(|root| path.starts_with(root));
        let folder =
            path.canonicalize().map_err(|_| if named_inside { missing() } else { outside() });
        let folder = match folder {
            Ok(folder) if inside(&folder) => folder,
            Ok(_) => return Err(outside()),
            Err(failure) => return Err(failure),
        };
        let folder =
            if folder.join(".git").exists() { resolved(&folder.join(".git"))? } else { folder };
        for part in ["HEAD", "objects", "refs"] {
            if !inside(&resolved(&folder.join(part))?) {
                return Err(outside());
            }
        }
        if folder.join("commondir").exists() {
            return Err(refuse("it is a work tree: name its main repository"));
        }
        if let Ok(alternates) = std::fs::read_to_string(folder.join("objects/info/alternates")) {
            for line in alternates.lines().filter(|line| !line.is_empty() && !line.starts_with('#'))
            {
                if !inside(&resolved(&folder.join("objects").join(line))?) {
                    return Err(refuse("it borrows objects from outside git.file_roots"));
                }
            }
        }
        Ok(folder)
    }

    /// The commit that a branch (`None`: the default branch) of a remote points to.
    ///
    /// # Errors
    /// Why the remote cannot be read, or that it has no such branch.
    pub async fn head(&self, remote: &Remote, branch: Option<&str>) -> Result<String, Failure> {
        let reference = reference(branch)?;
        let call = remote
            .prepare(Call::nowhere())
            .arguments(["ls-remote", "--quiet", "--exit-code", "--"])
            .arguments([remote.url.as_str(), reference.as_str()]);
        let gone = || Failure::new(FailureKind::BranchMissing, missing_branch(&remote.url, branch));
        let output = match call.run(self.0.timeout.min(std::time::Duration::from_secs(60))).await {
            Ok(output) => output,
            Err(CallError::Failed { code: Some(2), .. }) => return Err(gone()),
            Err(error) => {
                return Err(match remote_fault(&remote.url, branch, error) {
                    RemoteFault::Remote(failure) => failure,
                    RemoteFault::Mirror(said) => {
                        let message = format!("{} cannot be read now ({said})", remote.url);
                        Failure::new(FailureKind::Unreachable, message)
                    }
                    RemoteFault::NoDepth => gone(),
                });
            }
        };
        String::from_utf8_lossy(&output)
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .find(|(_, name)| *name == reference)
            .map(|(commit, _)| commit.to_owned())
            .ok_or_else(gone)
    }
}

impl Remote {
    /// The address as git gets it, without credentials.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Gives a call what it needs to reach this remote.
    pub(super) fn prepare(&self, call: Call) -> Call {
        let mut call = call.without(self.secrets.clone());
        for (key, value) in &self.settings {
            call = call.setting(key, value);
        }
        for (name, value) in &self.variables {
            call = call.variable(name, value);
        }
        call
    }

    fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.settings.push((key.into(), value.into()));
    }
}

/// The full name of a branch at the remote.
pub(super) fn reference(branch: Option<&str>) -> Result<String, Failure> {
    match branch {
        None => Ok("HEAD".to_owned()),
        Some(branch) if is_branch(branch) => Ok(format!("refs/heads/{branch}")),
        Some(branch) => {
            let shown: String = branch.chars().take(80).collect();
            let message = format!("{shown:?} is not the name of a branch");
            Err(Failure::new(FailureKind::Address, message))
        }
    }
}

/// The name under which ssh keeps a host's key where nothing overrides it: servers on other ports of
/// one host are other servers.
fn known_as(host: &str, port: u16) -> String {
    if port == 22 { host.to_owned() } else { format!("[{host}]:{port}") }
}

/// A path as one word for the shell that runs `GIT_SSH_COMMAND`.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

/// A file that only this user can read.
fn private_file(text: &str) -> Result<NamedTempFile, Failure> {
    let unusable = |error: std::io::Error| {
        let message = format!("a file for git cannot be written: {error}");
        Failure::new(FailureKind::Mirror, message)
    };
    let mut file = NamedTempFile::new().map_err(unusable)?;
    file.write_all(text.as_bytes()).map_err(unusable)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::known_as;

    #[test]
    fn hosts_are_known_by_their_port() {
        assert_eq!(known_as("git.example", 22), "git.example");
        assert_eq!(known_as("git.example", 2222), "[git.example]:2222");
        assert_eq!(known_as("::1", 2222), "[::1]:2222");
    }
}
