//! A git repository on disk, reached by a `file` address like any remote.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository with a work tree and the branch `main`.
#[derive(Debug)]
pub struct GitRepo {
    path: PathBuf,
}

impl GitRepo {
    /// Makes an empty repository in a new folder below `root`, called `name` with something
    /// unique behind it.
    pub fn create(root: &Path, name: &str) -> Self {
        let path = root.join(format!("{name}-{}", uuid::Uuid::new_v4().simple()));
        std::fs::create_dir_all(&path).expect("a folder for the repository");
        let repo = Self { path };
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The address under which it is tracked.
    pub fn url(&self) -> String {
        format!("file://{}", self.path.display())
    }

    /// The last part of its path.
    pub fn name(&self) -> String {
        self.path.file_name().expect("a name").to_string_lossy().into_owned()
    }

    /// Writes a file.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder"))
            .expect("a folder in the repository");
        std::fs::write(&path, content).expect("a file in the repository");
        self
    }

    /// Deletes a file.
    pub fn remove(&self, path: &str) -> &Self {
        std::fs::remove_file(self.path.join(path)).expect("the file was there");
        self
    }

    /// Moves a file.
    pub fn rename(&self, from: &str, to: &str) -> &Self {
        let to = self.path.join(to);
        std::fs::create_dir_all(to.parent().expect("a folder"))
            .expect("a folder in the repository");
        std::fs::rename(self.path.join(from), to).expect("the file moves");
        self
    }

    /// Commits everything. Returns the commit's id.
    pub fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--no-gpg-sign", "-m", message]);
        self.head()
    }

    /// Writes a file and commits it.
    pub fn commit_file(&self, path: &str, content: impl AsRef<[u8]>) -> String {
        self.write(path, content);
        self.commit(&format!("Edit {path}"))
    }

    /// The commit that is checked out.
    pub fn head(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    /// The commit of a revision, or `None` where there is no such.
    pub fn resolve(&self, revision: &str) -> Option<String> {
        let output = self
            .command(&["rev-parse", "--verify", "--quiet", revision])
            .output()
            .expect("git starts");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Every file at a revision with its content.
    pub fn files_at(&self, revision: &str) -> BTreeMap<String, Vec<u8>> {
        let names = self.raw(&["ls-tree", "-r", "-z", "--name-only", revision]);
        let names = String::from_utf8(names).expect("the tests use plain names");
        let content = |name: &str| self.raw(&["cat-file", "blob", &format!("{revision}:{name}")]);
        names.split_terminator('\0').map(|name| (name.to_owned(), content(name))).collect()
    }

    /// Runs git in the repository and returns what it printed.
    pub fn git(&self, arguments: &[&str]) -> String {
        String::from_utf8(self.raw(arguments)).expect("text").trim().to_owned()
    }

    fn raw(&self, arguments: &[&str]) -> Vec<u8> {
        let output = self.command(arguments).output().expect("git starts");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "git {arguments:?} in {}: {complaint}",
            self.path.display()
        );
        output.stdout
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut git = Command::new("git");
        git.arg("-C")
            .arg(&self.path)
            .args(["-c", "gc.auto=0", "-c", "core.autocrlf=false"])
            .args(arguments);
        // Nothing of the machine's or the user's settings: the same commits everywhere.
        git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        for role in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{role}_NAME"), "Test")
                .env(format!("GIT_{role}_EMAIL"), "test@example.com");
        }
        git
    }
}
