//! What a difference between two commits, or a whole tree, means for the documents.

use std::collections::HashSet;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use sbh_prover::Kind;

use crate::error::{Failure, FailureKind};
use crate::git::tree::{Difference, Entry};

/// Bytes of a path at most.
const MAX_PATH: usize = 1_024;

/// Which files are documents.
#[derive(Debug)]
pub(crate) struct Filter {
    globs: Option<GlobSet>,
}

/// One step of a synchronisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Read the object and stage it at the path.
    Read {
        /// Where it stands.
        path: String,
        /// Where it stood before.
        renamed_from: Option<String>,
        /// The object.
        object: String,
    },
    /// The path holds no document any more.
    Drop {
        /// Where it stood.
        path: String,
    },
}

/// What to do, and how many files cannot be documents because of their paths.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) bad_paths: u64,
}

impl Filter {
    /// The files that match one of the globs and have a spec's extension; without globs, all that
    /// have one. `*` stays within a folder, `**` does not.
    pub(crate) fn new(globs: &[String]) -> Result<Self, Failure> {
        if globs.is_empty() {
            return Ok(Self { globs: None });
        }
        let mut set = GlobSetBuilder::new();
        let refused = |error: globset::Error| {
            Failure::new(
                FailureKind::Address,
                format!("the repository's globs cannot be used: {error}"),
            )
        };
        for glob in globs {
            let glob = glob.trim_start_matches("./").trim_start_matches('/');
            set.add(GlobBuilder::new(glob).literal_separator(true).build().map_err(refused)?);
        }
        Ok(Self { globs: Some(set.build().map_err(refused)?) })
    }

    fn matches(&self, path: &str) -> bool {
        Kind::of_path(path).is_some()
            && self.globs.as_ref().is_none_or(|globs| globs.is_match(path))
    }

    /// The path of an entry that is a document, if it is one.
    fn document<'e>(&self, entry: Option<&'e Entry>, bad_paths: &mut u64) -> Option<&'e str> {
        let entry = entry.filter(|entry| entry.is_file)?;
        match std::str::from_utf8(&entry.path) {
            Ok(path) if !self.matches(path) => None,
            Ok(path) if path.len() <= MAX_PATH && !path.chars().any(char::is_control) => Some(path),
            Ok(_) => {
                *bad_paths += 1;
                None
            }
            Err(_) => {
                if Kind::of_path(&String::from_utf8_lossy(&entry.path)).is_some() {
                    *bad_paths += 1;
                }
                None
            }
        }
    }

    /// What the differences since the baseline ask for.
    pub(crate) fn changes(&self, differences: &[Difference]) -> Plan {
        let mut plan = Plan::default();
        // An old path that is bad was counted when it came.
        let mut counted = 0;
        for Difference { before, after } in differences {
            let was = self.document(before.as_ref(), &mut counted);
            let is = self.document(after.as_ref(), &mut plan.bad_paths);
            match (was, is, after) {
                (was, Some(path), Some(entry)) => plan.steps.push(Step::Read {
                    path: path.to_owned(),
                    renamed_from: was.filter(|was| *was != path).map(str::to_owned),
                    object: entry.object.clone(),
                }),
                (Some(path), ..) => plan.steps.push(Step::Drop { path: path.to_owned() }),
                (None, ..) => {}
            }
        }
        plan
    }

    /// What a whole tree asks for when the store knows documents at these paths.
    pub(crate) fn everything(&self, entries: &[Entry], known: &[String]) -> Plan {
        let mut plan = Plan::default();
        let mut present = HashSet::new();
        let mut reads = Vec::new();
        for entry in entries {
            if let Some(path) = self.document(Some(entry), &mut plan.bad_paths) {
                present.insert(path);
                reads.push(Step::Read {
                    path: path.to_owned(),
                    renamed_from: None,
                    object: entry.object.clone(),
                });
            }
        }
        let gone = known.iter().filter(|path| !present.contains(path.as_str()));
        plan.steps.extend(gone.map(|path| Step::Drop { path: path.clone() }));
        plan.steps.extend(reads);
        plan
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(globs: &[&str]) -> Filter {
        Filter::new(&globs.iter().map(|glob| (*glob).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    fn entry(path: &str) -> Option<Entry> {
        Some(Entry { path: path.into(), object: "aa".into(), is_file: true })
    }

    fn link(path: &str) -> Option<Entry> {
        entry(path).map(|entry| Entry { is_file: false, ..entry })
    }

    fn read(path: &str, renamed_from: Option<&str>) -> Step {
        Step::Read {
            path: path.into(),
            renamed_from: renamed_from.map(str::to_owned),
            object: "aa".into(),
        }
    }

    fn dropped(path: &str) -> Step {
        Step::Drop { path: path.into() }
    }

    #[test]
    fn a_glob_s_star_stays_in_its_folder() {
        let filter = filter(&["specs/*.md", "/deep/**/*.smt2"]);
        assert!(filter.matches("specs/a.md"));
        assert!(!filter.matches("specs/sub/a.md"));
        assert!(filter.matches("deep/a.smt2"));
        assert!(filter.matches("deep/x/y/a.smt2"));
        assert!(!filter.matches("README.md"));
        assert!(Filter::new(&["a{".into()]).is_err());
    }

    #[test]
    fn only_spec_files_are_documents_whatever_the_globs_say() {
        for filter in [filter(&["**"]), filter(&[])] {
            assert!(
                filter.matches("a/b.MD")
                    && filter.matches("c.markdown")
                    && filter.matches("d.smt2")
            );
            assert!(!filter.matches("e.rs") && !filter.matches(".md"));
        }
    }

    #[test]
    fn every_kind_of_difference() {
        let filter = filter(&["specs/**"]);
        for (before, after, expected) in [
            (None, entry("specs/a.md"), vec![read("specs/a.md", None)]),
            (entry("specs/a.md"), entry("specs/a.md"), vec![read("specs/a.md", None)]),
            (entry("specs/a.md"), None, vec![dropped("specs/a.md")]),
            (
                entry("specs/a.md"),
                entry("specs/b.md"),
                vec![read("specs/b.md", Some("specs/a.md"))],
            ),
            // Across the boundary of the globs, a rename is a removal or an addition.
            (entry("specs/a.md"), entry("old/a.md"), vec![dropped("specs/a.md")]),
            (entry("old/a.md"), entry("specs/a.md"), vec![read("specs/a.md", None)]),
            (entry("specs/a.md"), entry("specs/a.txt"), vec![dropped("specs/a.md")]),
            // A file that turned into a link or a submodule is no document any more.
            (entry("specs/a.md"), link("specs/a.md"), vec![dropped("specs/a.md")]),
            (link("specs/a.md"), entry("specs/a.md"), vec![read("specs/a.md", None)]),
            (None, link("specs/a.md"), vec![]),
            (entry("old/a.md"), entry("old/b.md"), vec![]),
        ] {
            let difference = Difference { before, after };
            assert_eq!(
                filter.changes(std::slice::from_ref(&difference)).steps,
                expected,
                "{difference:?}"
            );
        }
    }

    #[test]
    fn a_whole_tree_shows_what_is_gone() {
        let filter = filter(&["**/*.md"]);
        let entries: Vec<_> =
            [entry("a.md"), link("b.md"), entry("c.txt")].into_iter().flatten().collect();
        let known = ["a.md".to_owned(), "b.md".to_owned(), "d.md".to_owned()];
        let plan = filter.everything(&entries, &known);
        assert_eq!(plan.steps, [dropped("b.md"), dropped("d.md"), read("a.md", None)]);
    }

    #[test]
    fn paths_that_cannot_be_shown_are_counted() {
        let bytes = |path: &[u8]| Entry { path: path.to_vec(), object: "aa".into(), is_file: true };
        let entries =
            [bytes(b"a\xff.md"), bytes(b"a\nb.md"), bytes(&[b'a'; 2_000]), bytes(b"x\xff.rs")];
        let mut long = entries[2].clone();
        long.path.extend(b".md");
        let plan = filter(&["**"])
            .everything(&[entries[0].clone(), entries[1].clone(), long, entries[3].clone()], &[]);
        assert_eq!(plan, Plan { steps: vec![], bad_paths: 3 });
    }
}
