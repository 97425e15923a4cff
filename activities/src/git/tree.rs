//! What is in a commit, and what differs between two.

use super::Mirror;
use super::command::Call;
use crate::error::Failure;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The path from the repository's root, as git has it.
    pub path: Vec<u8>,
    /// The object's id.
    pub object: String,
    /// Whether it is an ordinary file: neither a symbolic link nor a submodule.
    pub is_file: bool,
}

/// A difference between two commits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What stood there before.
    pub before: Option<Entry>,
    /// What stands there now, perhaps at another path.
    pub after: Option<Entry>,
}

/// The files that may be spec documents; everything else is not even listed.
const SPECS: [&str; 3] = [":(icase)*.md", ":(icase)*.markdown", ":(icase)*.smt2"];

impl Mirror {
    /// Every entry of a commit.
    ///
    /// # Errors
    /// When the mirror cannot be read.
    pub async fn entries(&self, commit: &str) -> Result<Vec<Entry>, Failure> {
        let call = Call::in_repository(self.path()).arguments([
            "ls-tree",
            "-r",
            "-z",
            "--full-tree",
            "--end-of-options",
            commit,
        ]);
        let output = self.read(call).await?;
        parse_entries(&output).ok_or_else(|| self.unreadable(&"ls-tree printed something else"))
    }

    /// The differences between two commits in files that may be specs, renames recognised.
    ///
    /// # Errors
    /// When the mirror cannot be read, for example because it has the older commit no more.
    pub async fn differences(&self, from: &str, to: &str) -> Result<Vec<Difference>, Failure> {
        let call = Call::in_repository(self.path())
            .arguments(["diff-tree", "-r", "-M", "-z", "--raw", "--no-abbrev", "--no-ext-diff"])
            .arguments(["--end-of-options", from, to, "--"])
            .arguments(SPECS);
        let output = self.read(call).await?;
        parse_differences(&output)
            .ok_or_else(|| self.unreadable(&"diff-tree printed something else"))
    }
}

fn is_file(mode: &str) -> bool {
    mode.starts_with("100")
}

fn fields(output: &[u8]) -> impl Iterator<Item = &[u8]> {
    output.split(|byte| *byte == 0).filter(|field| !field.is_empty())
}

fn parse_entries(output: &[u8]) -> Option<Vec<Entry>> {
    fields(output)
        .map(|line| {
            let tab = line.iter().position(|byte| *byte == b'\t')?;
            let mut words = std::str::from_utf8(&line[..tab]).ok()?.split(' ');
            let (mode, _, object) = (words.next()?, words.next()?, words.next()?);
            Some(Entry {
                path: line[tab + 1..].to_vec(),
                object: object.to_owned(),
                is_file: is_file(mode),
            })
        })
        .collect()
}

fn parse_differences(output: &[u8]) -> Option<Vec<Difference>> {
    let mut fields = fields(output);
    let mut differences = Vec::new();
    while let Some(header) = fields.next() {
        let header = std::str::from_utf8(header).ok()?.strip_prefix(':')?;
        let words: Vec<&str> = header.split(' ').collect();
        let [old_mode, new_mode, old_object, new_object, status] = words[..] else { return None };
        let old_path = fields.next()?.to_vec();
        let new_path = match status.as_bytes().first()? {
            b'R' | b'C' => fields.next()?.to_vec(),
            _ => old_path.clone(),
        };
        let entry = |path, object: &str, mode| {
            // Mode 0 says that there is nothing.
            let is_there = mode != "000000";
            is_there.then(|| Entry { path, object: object.to_owned(), is_file: is_file(mode) })
        };
        differences.push(Difference {
            before: entry(old_path, old_object, old_mode),
            after: entry(new_path, new_object, new_mode),
        });
    }
    Some(differences)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_and_differences_are_read_with_any_path() {
        let entries =
            parse_entries(b"100644 blob aa\ta\tb\nc.md\x00120000 blob bb\tl.md\x00").unwrap();
        assert_eq!(entries[0].path, b"a\tb\nc.md");
        assert!(entries[0].is_file && !entries[1].is_file);

        let raw = b":100644 000000 aa 00 D\x00old.md\x00:100644 100755 aa bb R090\x00a.md\x00b.md\x00:000000 160000 00 cc A\x00sub.md\x00";
        let differences = parse_differences(raw).unwrap();
        assert_eq!(differences.len(), 3);
        assert!(differences[0].after.is_none());
        assert_eq!(differences[1].before.as_ref().unwrap().path, b"a.md");
        assert_eq!(differences[1].after.as_ref().unwrap().path, b"b.md");
        assert!(!differences[2].after.as_ref().unwrap().is_file);
        assert!(parse_differences(b"nonsense\x00").is_none());
    }
}
