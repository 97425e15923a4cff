//! The demo's git repository: a real one, changed by real commits.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::specs::{DOCUMENTS, EDITED, Edit, next_edit};
use crate::failure::Failure;
use crate::home::{Home, private_folder};

/// What the repository is called.
pub const NAME: &str = "harbor-specs";

/// The tracked branch.
pub const BRANCH: &str = "main";

/// Who commits.
pub const AUTHOR: (&str, &str) = ("Demo Author", "author@demo.invalid");

const README: &str = "# Harbor\n\nThe specs of a small payment product. Each one is text for people with invariants for a\nprover in between.\n";

/// A clone of the demo's repository, which is also its remote.
pub struct Repository {
    folder: PathBuf,
}

/// A commit that was made.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The branch's head before.
    pub before: String,
    /// The branch's head now.
    pub after: String,
    /// The commit's tree.
    pub tree: String,
    /// Its message.
    pub message: String,
    /// When, as git writes it.
    pub at: String,
}

impl Repository {
    /// The repository; made with its first commit when there is none.
    pub fn open(home: &Home) -> Result<Self> {
        let folder = home.demo().join(NAME);
        let this = Self { folder: folder.clone() };
        if folder.join(".git").exists() {
            // Of a commit that was interrupted. Nobody else commits here while the demo runs.
            drop(fs::remove_file(folder.join(".git/index.lock")));
            return Ok(this);
        }
        private_folder(&home.demo())?;
        // Made beside and renamed: an interruption leaves no half repository.
        let partial = Self { folder: home.demo().join("partial") };
        drop(fs::remove_dir_all(&partial.folder));
        private_folder(&partial.folder.join("specs"))?;
        fs::write(partial.folder.join("README.md"), README)?;
        for (path, text) in DOCUMENTS {
            fs::write(partial.folder.join(path), text)?;
        }
        partial.git(&["init", "-q", "-b", BRANCH])?;
        partial.git(&["add", "--all"])?;
        partial.git(&["commit", "-q", "-m", "Write the specs down"])?;
        drop(fs::remove_dir_all(&folder));
        fs::rename(&partial.folder, &folder)
            .context("cannot put the demo's repository in its place")?;
        Ok(this)
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("file://{}", self.folder.display())
    }

    /// The commit that the branch points to.
    pub fn head(&self) -> Result<String> {
        self.git(&["rev-parse", &format!("refs/heads/{BRANCH}")])
    }

    /// Edits the document and commits that.
    pub fn edit(&self) -> Result<(Edit, Commit)> {
        let before = self.head()?;
        let path = self.folder.join(EDITED);
        let edit = next_edit(&fs::read_to_string(&path).unwrap_or_default());
        fs::write(&path, &edit.text).with_context(|| format!("cannot write {}", path.display()))?;
        self.git(&["add", "--", EDITED])?;
        // `--allow-empty` for a text that was put back by hand and is committed already.
        self.git(&["commit", "-q", "--allow-empty", "-m", edit.message, "--", EDITED])?;
        let commit = Commit {
            before,
            after: self.head()?,
            tree: self.git(&["rev-parse", "HEAD^{tree}"])?,
            message: edit.message.to_owned(),
            at: self.git(&["log", "-1", "--format=%cI"])?,
        };
        Ok((edit, commit))
    }

    /// Runs git without anybody's settings and returns what it says.
    fn git(&self, arguments: &[&str]) -> Result<String> {
        let (name, email) = AUTHOR;
        let mut git = Command::new("git");
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("GIT_") {
                git.env_remove(variable);
            }
        }
        git.arg("-C").arg(&self.folder).args(arguments);
        git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{role}_NAME"), name).env(format!("GIT_{role}_EMAIL"), email);
        }
        let output = git.output().map_err(|_| {
            Failure::new("git is not installed").hint("install it and run the command again")
        })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let what = format!(
                "git {} failed in {}: {}",
                arguments.first().unwrap_or(&""),
                self.folder.display(),
                said.trim()
            );
            return Err(Failure::new(what)
                .hint("./sbh reset makes the demo's repository anew")
                .into());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_edit_is_a_commit() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        let repository = Repository::open(&home).unwrap();
        let (first, commit) = repository.edit().unwrap();
        assert_eq!(commit.after, repository.head().unwrap());
        assert_ne!(commit.before, commit.after);
        // An interrupted commit does not keep the next run from working.
        fs::write(repository.folder.join(".git/index.lock"), "").unwrap();
        let (second, next) = Repository::open(&home).unwrap().edit().unwrap();
        assert_eq!(next.before, commit.after);
        assert_ne!(first.text, second.text);
    }
}
