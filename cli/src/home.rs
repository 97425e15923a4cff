//! Where everything lives: `.sbh` in the project, or where `SBH_HOME` says.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The folders of one local stack. Nothing exists before it is needed.
#[derive(Debug, Clone)]
pub struct Home {
    root: PathBuf,
    tools: PathBuf,
}

impl Home {
    /// `SBH_HOME`; else `.sbh` of the project (`SBH_PROJECT`, set by `./sbh`); else the nearest
    /// `.sbh` above the current folder; else a new one in it.
    ///
    /// Tools belong to the project, so that stacks with a home of their own share them; without one
    /// they belong to the user: `sbh prove` from an editor leaves nothing in the folder that it is
    /// called in. `SBH_TOOLS` names other ones.
    pub fn find() -> Result<Self> {
        let folder = |name| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let current = std::env::current_dir().context("the current folder is gone")?;
        let project = folder("SBH_PROJECT").map(|project| project.join(".sbh")).or_else(|| {
            current.ancestors().map(|above| above.join(".sbh")).find(|found| is_own(found))
        });
        let tools = folder("SBH_TOOLS")
            .or_else(|| project.as_ref().map(|project| project.join("tools")))
            .or_else(|| folder("XDG_CACHE_HOME").map(|cache| cache.join("sbh/tools")))
            .or_else(|| folder("HOME").map(|home| home.join(".cache/sbh/tools")))
            .unwrap_or_else(|| current.join(".sbh/tools"));
        let root = folder("SBH_HOME").or(project).unwrap_or_else(|| current.join(".sbh"));
        Ok(Self { root: current.join(root), tools: current.join(tools) })
    }

    /// A home in a folder, for tests.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), tools: root.join("tools") }
    }

    /// A home in a folder that shares its tools with others.
    pub fn with_tools(root: &Path, tools: &Path) -> Self {
        Self { root: root.to_owned(), tools: tools.to_owned() }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The installed tools: a Python virtual environment.
    pub fn tools(&self) -> &Path {
        &self.tools
    }

    /// Data that `reset` deletes.
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// Keys and passwords, which `reset` deletes with the data that they seal.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The parts' logs.
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// Locks, state and requests of the running stack.
    pub fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    /// The demo's repository and state.
    pub fn demo(&self) -> PathBuf {
        self.root.join("demo")
    }

    /// Git mirrors.
    pub fn mirrors(&self) -> PathBuf {
        self.root.join("mirrors")
    }

    /// A part's log.
    pub fn log(&self, part: &str) -> PathBuf {
        self.logs().join(format!("{part}.log"))
    }
}

/// Whether it is a folder of this user. In another's, programs wait that this user would start.
fn is_own(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let about = fs::metadata(folder);
    about.is_ok_and(|about| about.is_dir() && about.uid() == rustix::process::geteuid().as_raw())
}

/// Makes a folder that only its owner may enter.
pub fn private_folder(path: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("cannot make the folder {}", path.display()))
}

/// Writes a whole file or nothing: into a neighbour, then renamed. Only its owner may read it.
pub fn write_private(path: &Path, content: &[u8]) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(content)?;
        fs::rename(&beside, path)
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// Reads a JSON file; `None` when it is not there.
pub fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        Ok(content) => serde_json::from_slice(&content)
            .map(Some)
            .with_context(|| format!("cannot read {}: it is not what sbh wrote", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_is_private_and_whole() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write_private(&path, b"[1]").unwrap();
        write_private(&path, b"[1,2]").unwrap();
        assert_eq!(read_json::<Vec<u8>>(&path).unwrap(), Some(vec![1, 2]));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
