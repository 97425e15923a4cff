//! A git host's repository: a bare one on disk, reached by a `file` address like any remote. Commits
//! are prepared in bulk (`git fast-import`, one process for all of them) and published one by one in an
//! instant: an edit then costs what a push costs its receiver, and not what `git commit` costs.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use uuid::Uuid;

/// Where prepared commits are, which nobody tracks.
const PREPARED: &str = "refs/prepared/main";

/// A repository with the branch `main`.
#[derive(Debug, Clone)]
pub struct Remote {
    path: PathBuf,
}

impl Remote {
    /// Makes an empty one below `root`, called `name` with something unique behind it.
    pub fn create(root: &Path, name: &str) -> Self {
        let path = root.join(format!("{name}-{}.git", Uuid::new_v4().simple()));
        std::fs::create_dir_all(&path).expect("a folder for the repository");
        let remote = Self { path };
        remote.git(&["init", "--quiet", "--bare", "--initial-branch=main"]);
        remote
    }

    /// The address under which it is tracked.
    pub fn url(&self) -> String {
        format!("file://{}", self.path.display())
    }

    /// The last part of its path.
    pub fn name(&self) -> String {
        self.path.file_name().expect("a name").to_string_lossy().into_owned()
    }

    /// Prepares commits, each on top of the one before it: files (path and content) that it writes.
    /// Returns their ids in order. None is to be seen before it is published.
    pub fn prepare<'a>(
        &self,
        commits: impl IntoIterator<Item = Vec<(&'a str, &'a str)>>,
    ) -> Vec<String> {
        let marks = self.path.join("prepared-marks");
        let known = self.git(&["for-each-ref", PREPARED]);
        let mut child = self
            .command(&["fast-import", "--quiet", "--done"])
            .arg(format!("--export-marks={}", marks.display()))
            .stdin(Stdio::piped())
            .spawn()
            .expect("git fast-import starts");
        let mut count = 0;
        {
            let mut input = std::io::BufWriter::new(child.stdin.take().expect("its input"));
            let mut text = String::new();
            for files in commits {
                count += 1;
                text.clear();
                let _ = write!(
                    text,
                    "commit {PREPARED}\nmark :{count}\ncommitter Test <test@example.com> {} +0000\ndata 4\nEdit\n",
                    1_700_000_000 + count
                );
                if count == 1 && !known.is_empty() {
                    let _ = writeln!(text, "from {PREPARED}^0");
                }
                for (path, content) in files {
                    let _ =
                        write!(text, "M 100644 inline {path}\ndata {}\n{content}\n", content.len());
                }
                input.write_all(text.as_bytes()).expect("git fast-import reads");
            }
            input.write_all(b"done\n").expect("git fast-import reads");
            input.flush().expect("git fast-import reads");
        }
        assert!(child.wait().expect("git fast-import ends").success(), "git fast-import");
        let marks = std::fs::read_to_string(marks).expect("the marks");
        let mut ids = vec![String::new(); count];
        for line in marks.lines() {
            let (mark, id) = line.split_once(' ').expect("a mark and an id");
            let mark: usize = mark.trim_start_matches(':').parse().expect("a mark");
            ids[mark - 1] = id.to_owned();
        }
        ids
    }

    /// Moves `main` to a prepared commit, as a push does: for readers it happens at once.
    pub fn publish(&self, commit: &str) {
        let reference = self.path.join("refs/heads/main");
        let beside = self.path.join("refs/main.new");
        std::fs::write(&beside, format!("{commit}\n")).expect("the new head");
        std::fs::rename(&beside, &reference).expect("the branch moves");
    }

    /// The commit that `main` is at.
    pub fn head(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.path.join("refs/heads/main")).ok()?;
        Some(text.trim().to_owned())
    }

    fn git(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("git starts");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {complaint}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut git = Command::new("git");
        git.arg("-C").arg(&self.path).args(["-c", "gc.auto=0"]).args(arguments);
        // Nothing of the machine's or the user's settings.
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("GIT_") {
                git.env_remove(variable);
            }
        }
        git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        git
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepared_commits_are_seen_when_they_are_published() {
        let root = std::env::temp_dir().join(format!("sbh-remote-{}", Uuid::new_v4().simple()));
        std::fs::create_dir_all(&root).unwrap();
        let remote = Remote::create(&root, "specs");
        let first =
            remote.prepare([vec![("specs/a.md", "A\n")], vec![("specs/b.md", "B \"x\"\n")]]);
        assert_eq!(remote.head(), None);
        remote.publish(&first[0]);
        assert_eq!(remote.git(&["ls-tree", "-r", "--name-only", "main"]), "specs/a.md");
        let second = remote.prepare([vec![("specs/a.md", "A2\n")]]);
        remote.publish(&second[0]);
        assert_eq!(remote.head().as_ref(), second.first());
        assert_eq!(remote.git(&["rev-parse", "main~1"]), first[1]);
        assert_eq!(remote.git(&["show", "main:specs/b.md"]), "B \"x\"");
        assert_eq!(remote.git(&["show", "main:specs/a.md"]), "A2");
        remote.git(&["fsck", "--strict"]);
        std::fs::remove_dir_all(&root).unwrap();
    }
}
