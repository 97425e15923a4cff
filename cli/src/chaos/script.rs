//! What a run will do, drawn from its seed before it begins.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sbh_standins::SpecText;

/// One edit of one document.
#[derive(Debug, Clone)]
pub struct Edit {
    /// Its number; no two edits of a run, first versions included, have the same.
    pub number: usize,
    /// The document, counted from 0 over all sources.
    pub document: usize,
    /// How often its delivery is sent besides the first time.
    pub duplicates: usize,
    /// Whether its claim is wrong.
    pub refuted: bool,
}

/// The edits in the order in which they are made.
#[derive(Debug, Clone)]
pub struct Script {
    /// How many documents there are.
    pub documents: usize,
    /// How many sources they are spread over.
    pub sources: usize,
    /// The edits.
    pub edits: Vec<Edit>,
}

impl Script {
    /// Draws the edits.
    pub fn draw(
        seed: u64,
        edits: usize,
        documents: usize,
        sources: usize,
        duplicates: f64,
    ) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let edits = (0..edits)
            .map(|n| Edit {
                number: documents + n,
                document: random.random_range(0..documents),
                duplicates: usize::from(random.random_bool(duplicates)),
                refuted: random.random_ratio(1, 10),
            })
            .collect();
        Self { documents, sources, edits }
    }

    /// The documents of a source.
    pub fn documents_of(&self, source: usize) -> impl Iterator<Item = usize> {
        (source..self.documents).step_by(self.sources)
    }

    /// The edits of a source's documents, in order.
    pub fn edits_of(&self, source: usize) -> impl Iterator<Item = &Edit> {
        self.edits.iter().filter(move |edit| edit.document % self.sources == source)
    }

    /// The last edit of a document; its first version where there was none.
    pub fn last_of(&self, document: usize) -> Edit {
        let last = self.edits.iter().rfind(|edit| edit.document == document);
        last.cloned().unwrap_or_else(|| Edit::first(document))
    }
}

impl Edit {
    /// The first version of a document.
    pub fn first(document: usize) -> Self {
        Self { number: document, document, duplicates: 0, refuted: false }
    }

    /// The name of its one invariant, by which it is recognised.
    pub fn invariant(&self) -> String {
        format!("E-{}", self.number)
    }

    /// The verdict that it must get.
    pub fn verdict(&self) -> &'static str {
        if self.refuted { "refuted" } else { "proved" }
    }

    /// The document's text. No two edits have the same, nor the same statement.
    pub fn text(&self) -> SpecText {
        let n = self.number;
        let body = if self.refuted {
            format!(
                "(declare-const held Int)\n(assert (= held {}))\n\
                 (define-fun invariant () Bool (<= held {n}))",
                n + 1
            )
        } else {
            format!(
                "(declare-const paid Int)\n(assert (>= paid {n}))\n\
                 (define-fun invariant () Bool (>= (+ paid 1) {n}))"
            )
        };
        let block = format!(
            "; invariant: {}\n; story: CHAOS-{}\n; title: Edit {n}\n{body}",
            self.invariant(),
            self.document
        );
        SpecText::new(&format!("Document {}", self.document), [block])
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_seed_is_a_script_and_every_edit_is_another_text() {
        let numbers = |script: &Script| {
            script.edits.iter().map(|e| (e.document, e.duplicates)).collect::<Vec<_>>()
        };
        let script = Script::draw(7, 200, 12, 3, 0.5);
        assert_eq!(numbers(&script), numbers(&Script::draw(7, 200, 12, 3, 0.5)));
        assert_ne!(numbers(&script), numbers(&Script::draw(8, 200, 12, 3, 0.5)));
        let firsts = (0..12).map(Edit::first);
        let texts: BTreeSet<_> =
            firsts.chain(script.edits.iter().cloned()).map(|e| e.text().markdown()).collect();
        assert_eq!(texts.len(), 212);
        let parts: usize = (0..3).map(|s| script.edits_of(s).count()).sum();
        assert_eq!(parts, 200);
        assert!(script.edits_of(1).all(|edit| script.documents_of(1).any(|d| d == edit.document)));
        let last = script.last_of(3);
        assert!(script.edits.iter().all(|e| e.document != 3 || e.number <= last.number));
    }
}
