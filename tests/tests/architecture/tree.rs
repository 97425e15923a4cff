//! A picture of the repository: the paths and texts of its files.

use std::collections::BTreeMap;
use std::path::Path;

/// Folders that are not the repository's own.
const FOREIGN: [&str; 4] = [".git", ".sbh", "target", "node_modules"];

/// Paths from the root, with `/`, and their texts.
pub struct Tree(BTreeMap<String, String>);

impl Tree {
    /// What lies here.
    pub fn of_this_repository() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut files = BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                if path.is_dir() {
                    if !FOREIGN.contains(&name.as_str()) {
                        folders.push(path);
                    }
                } else {
                    // What is not text only counts as being there.
                    let text = std::fs::read_to_string(&path).unwrap_or_default();
                    let path = path.strip_prefix(root).unwrap().to_string_lossy();
                    files.insert(path.replace('\\', "/"), text);
                }
            }
        }
        Self(files)
    }

    /// A made-up repository.
    pub fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect())
    }

    /// The text of a file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// All files below a folder (`a/b/`), and their texts.
    pub fn below(&self, folder: &str) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter(move |(path, _)| path.starts_with(folder))
    }

    /// All Rust sources.
    pub fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// All files.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }
}
