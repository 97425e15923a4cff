//! The languages of external provers, by the word after a code fence.

use std::collections::BTreeMap;

/// Which words mark a block for an external prover, and how its language writes a comment.
///
/// The languages of the provers that a configuration is shipped for are known without one, so that
/// a block for a prover that is not there gets a verdict (`not_run`) rather than silence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Languages(BTreeMap<String, String>);

impl Default for Languages {
    fn default() -> Self {
        let known = [
            ("alloy", "//"),
            ("cvc5", ";"),
            ("dafny", "//"),
            ("kani", "//"),
            ("lean", "--"),
            ("lean4", "--"),
            ("tla", "\\*"),
            ("tlaplus", "\\*"),
        ];
        Self(known.map(|(word, comment)| (word.to_owned(), comment.to_owned())).into())
    }
}

impl Languages {
    /// Adds a language, or changes how its comments begin.
    pub fn add(&mut self, word: &str, comment: &str) {
        self.0.insert(word.to_ascii_lowercase(), comment.trim().to_owned());
    }

    /// The language that a word means, in lower case, and what begins a comment in it.
    pub(crate) fn of(&self, word: &str) -> Option<(&str, &str)> {
        let (word, comment) = self.0.get_key_value(&word.to_ascii_lowercase())?;
        Some((word, comment))
    }
}
