//! A real git repository that plays the remote.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository with a work tree and the branch `main`.
#[derive(Clone)]
pub struct Origin(PathBuf);

impl Origin {
    /// Makes an empty one.
    pub fn create(path: PathBuf) -> Self {
        std::fs::create_dir_all(&path).expect("a folder");
        let origin = Self(path);
        origin.git(&["init", "--quiet", "--initial-branch=main"]);
        origin
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Runs git in it and returns what it prints.
    pub fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(&self.0)
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
            .args(["-c", "protocol.file.allow=always", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .expect("git runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Writes a file.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("a file");
        self
    }

    /// Deletes a file.
    pub fn remove(&self, path: &str) -> &Self {
        std::fs::remove_file(self.0.join(path)).expect("the file was there");
        self
    }

    /// Commits everything and returns the commit.
    pub fn commit(&self) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", "Edit"]);
        self.git(&["rev-parse", "HEAD"])
    }
}

/// A document whose invariants hold: one per number, `x = x + 0` with the number in it.
pub fn document(name: &str, numbers: impl IntoIterator<Item = u64>) -> String {
    let mut text = format!("# {name}\n");
    for (index, number) in numbers.into_iter().enumerate() {
        text.push_str(&format!(
            "\n```smt2\n; invariant: {name}-{index}\n(declare-const x Int)\n(assert (> x {number}))\n\
             (define-fun invariant () Bool (> (+ x 1) {number}))\n```\n"
        ));
    }
    text
}

/// A document with one invariant that fails.
pub fn refuted(name: &str) -> String {
    format!(
        "# {name}\n\n```smt2\n; invariant: {name}\n(declare-const x Int)\n(assert (> x 1))\n\
         (define-fun invariant () Bool (> x 2))\n```\n"
    )
}
