//! The demo's documents, and the edit that the demo makes.

/// The documents by their path in the repository.
pub const DOCUMENTS: [(&str, &str); 7] = [
    ("specs/access.md", include_str!("../../../demo/specs/access.md")),
    ("specs/budgets.md", include_str!("../../../demo/specs/budgets.md")),
    ("specs/inbox.md", include_str!("../../../demo/specs/inbox.md")),
    ("specs/ledger.md", include_str!("../../../demo/specs/ledger.md")),
    ("specs/rate_limits.md", include_str!("../../../demo/specs/rate_limits.md")),
    (EDITED, include_str!("../../../demo/specs/refunds.md")),
    ("specs/scheduling.md", include_str!("../../../demo/specs/scheduling.md")),
];

/// The document that is edited.
pub const EDITED: &str = "specs/refunds.md";

/// The guard as it should be: it compares with what is left.
const RIGHT: &str = "(assert (<= amount (- captured refunded)))\n(define-fun invariant () Bool (<= (+ refunded amount)";

/// The mistake: it compares with what was captured, whatever was refunded before.
const WRONG: &str =
    "(assert (<= amount captured))\n(define-fun invariant () Bool (<= (+ refunded amount)";

/// An edit of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The text after it.
    pub text: String,
    /// The commit's message.
    pub message: &'static str,
    /// The lines that it takes away and puts in, for showing.
    pub difference: Vec<(char, String)>,
}

/// The next edit: a mistake where the guard is right, its repair where it is wrong, and the
/// original where somebody has changed it beyond recognition.
pub fn next_edit(text: &str) -> Edit {
    let (after, message) = if text.contains(RIGHT) {
        (text.replacen(RIGHT, WRONG, 1), "Let support refund up to the captured amount")
    } else if text.contains(WRONG) {
        (text.replacen(WRONG, RIGHT, 1), "Compare a refund with what is left to refund")
    } else {
        (original().to_owned(), "Restore the refund rules")
    };
    let difference = difference(text, &after);
    Edit { text: after, message, difference }
}

fn original() -> &'static str {
    DOCUMENTS.iter().find(|(path, _)| *path == EDITED).map_or("", |(_, text)| text)
}

/// The differing lines, between what both texts begin and end with.
fn difference(before: &str, after: &str) -> Vec<(char, String)> {
    let (before, after): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let head = before.iter().zip(&after).take_while(same).count();
    let rest = before.len().min(after.len()) - head;
    let tail = before.iter().rev().zip(after.iter().rev()).take(rest).take_while(same).count();
    let lines = |all: &[&str], sign| -> Vec<(char, String)> {
        all.iter()
            .take(all.len() - tail)
            .skip(head)
            .map(|line| (sign, (*line).to_owned()))
            .collect()
    };
    [lines(&before, '-'), lines(&after, '+')].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sbh_domain::canonical::canonical_text;
    use sbh_prover::{Kind, parse};

    #[test]
    fn the_documents_are_a_product_of_their_own() {
        let mut names = std::collections::BTreeSet::new();
        let mut forms = std::collections::BTreeSet::new();
        for (path, text) in DOCUMENTS {
            for block in parse(Kind::Markdown, &canonical_text(text)).invariants {
                let parsed = block.parsed.unwrap_or_else(|error| panic!("{path}: {error}"));
                assert!(block.story.is_some() && block.title.is_some(), "{}", block.name);
                forms.extend(parsed.form().map(|form| form.as_str()));
                assert!(names.insert(block.name.clone()), "{} is given twice", block.name);
            }
        }
        assert!(DOCUMENTS.len() >= 6 && names.len() >= 30, "{}", names.len());
        assert_eq!(forms.len(), 2);
    }

    #[test]
    fn the_edit_goes_back_and_forth() {
        let mistake = next_edit(original());
        assert_ne!(mistake.text, original());
        assert_eq!(mistake.difference.len(), 2);
        let repair = next_edit(&mistake.text);
        assert_eq!(repair.text, original());
        assert_eq!(next_edit("# something else").text, original());
    }
}
