//! The prover's binary: found, identified by its digest, and watched for a change.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use sbh_domain::Digest;
use sha2::{Digest as _, Sha256};

use super::config::PoolError;

/// Where `setpriv` (util-linux) is. Through it the system kills a solver when the thread that
/// started it ends, however that happens.
const SETPRIV: &[&str] = &["/usr/bin/setpriv", "/bin/setpriv"];

/// A checked binary.
#[derive(Debug)]
pub(crate) struct Binary {
    path: PathBuf,
    /// `z3` and its version.
    pub(crate) name: String,
    /// The digest of the file's bytes, once it is asked for: tens of megabytes that only the keys
    /// of a cache need.
    digest: OnceLock<Digest>,
    /// Device, inode, size and time of change when it was checked.
    identity: [i128; 4],
    wrapper: Option<&'static str>,
}

impl Binary {
    /// Finds and checks the binary. Blocks.
    pub(crate) fn open(given: &Path) -> Result<Self, PoolError> {
        let unreadable = |source| PoolError::Unreadable { path: given.to_owned(), source };
        let not_z3 = |answer: String| PoolError::NotZ3 { path: given.to_owned(), answer };
        let path = find(given).map_err(unreadable)?;
        let identity = identity(&fs::metadata(&path).map_err(unreadable)?);
        if is_script(&path).map_err(unreadable)? {
            return Err(not_z3(
                "a script, whose digest says nothing about what it runs".to_owned(),
            ));
        }
        let (name, digest) = (String::new(), OnceLock::new());
        let mut binary = Self { path, name, digest, identity, wrapper: None };
        let answer = version(binary.command()).map_err(unreadable)?;
        let number = answer
            .strip_prefix("Z3 version ")
            .and_then(|rest| rest.split_whitespace().next())
            .filter(|number| number.len() <= 40)
            .ok_or_else(|| not_z3(format!("--version answers {:?}", cut(&answer))))?;
        binary.name = format!("z3 {number}");
        for setpriv in SETPRIV {
            binary.wrapper = Some(setpriv);
            if version(binary.command()).is_ok_and(|wrapped| wrapped == answer) {
                return Ok(binary);
            }
        }
        binary.wrapper = None;
        tracing::warn!(
            "setpriv is missing: solvers that are busy when this process is killed end at their \
             time limit rather than at once"
        );
        Ok(binary)
    }

    /// A command that runs the binary, with nothing of our environment.
    pub(crate) fn command(&self) -> Command {
        let mut command = match self.wrapper {
            None => Command::new(&self.path),
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "KILL", "--no-new-privs", "--"]).arg(&self.path);
                command
            }
        };
        command.env_clear().current_dir("/");
        command
    }

    /// The digest of the file's bytes. Reads the file at the first call.
    ///
    /// Of a file that is gone or another by now, which cannot prove anything any more, it is a
    /// random one: the key of nothing.
    pub(crate) fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| match digest(&self.path) {
            Ok(digest) if self.check_unchanged().is_ok() => digest,
            _ => Digest(rand::random()),
        })
    }

    /// Fails when the file is no longer the one that was checked.
    pub(crate) fn check_unchanged(&self) -> io::Result<()> {
        if identity(&fs::metadata(&self.path)?) == self.identity {
            return Ok(());
        }
        Err(io::Error::other("the z3 binary changed since start-up; restart to use the new one"))
    }
}

fn find(given: &Path) -> io::Result<PathBuf> {
    if given.components().count() > 1 {
        return given.canonicalize();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|folder| folder.join(given))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "it is not in PATH"))?
        .canonicalize()
}

fn identity(metadata: &Metadata) -> [i128; 4] {
    let changed = i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec());
    [metadata.dev().into(), metadata.ino().into(), metadata.len().into(), changed]
}

fn is_script(path: &Path) -> io::Result<bool> {
    let mut start = [0; 2];
    let length = File::open(path)?.read(&mut start)?;
    Ok(start.get(..length) == Some(b"#!"))
}

fn digest(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut buffer)?;
        let Some(read) = buffer.get(..length).filter(|read| !read.is_empty()) else {
            break;
        };
        hasher.update(read);
    }
    Ok(Digest(hasher.finalize().into()))
}

fn version(mut command: Command) -> io::Result<String> {
    let output = command.arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}
