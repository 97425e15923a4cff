//! The code blocks of a Markdown document that hold SMT-LIB, found by a CommonMark parser.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::heading;
use crate::lexer::count_lines;

/// One code block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CodeBlock {
    /// The line of its first line of content.
    pub(crate) line: u32,
    /// The content, without fences, quote marks or list indentation.
    pub(crate) text: String,
    /// What is wrong with the fence, so that the block cannot be told to be SMT-LIB.
    pub(crate) problem: Option<String>,
}

/// Words after a fence that mark a block of SMT-LIB.
const LANGUAGES: &[&str] = &["smt2", "smt-lib", "smtlib", "smt"];

/// What a code block is to us.
enum Marked {
    /// SMT-LIB.
    Yes,
    /// Something else; the author says so.
    No,
    /// Not said: an error if the block names an invariant.
    Unmarked,
    /// Close to one of ours, but not one: an error.
    Misspelt(String),
}

/// Finds the code blocks that hold SMT-LIB, in document order, and those that seem meant to.
pub(crate) fn code_blocks(text: &str) -> impl Iterator<Item = CodeBlock> {
    let mut events = Parser::new_ext(text, Options::empty()).into_offset_iter();
    // Offsets only grow, so that counting lines takes one walk over the text.
    let mut counted = (0, 1);
    std::iter::from_fn(move || {
        loop {
            let (event, range) = events.next()?;
            let Event::Start(Tag::CodeBlock(kind)) = event else {
                continue;
            };
            let mut content = String::new();
            for (event, _) in events.by_ref() {
                match event {
                    Event::Text(text) => content.push_str(&text),
                    Event::End(TagEnd::CodeBlock) => break,
                    _ => {}
                }
            }
            if let Some(between) = text.get(counted.0..range.start) {
                counted = (range.start, counted.1 + count_lines(between));
            }
            let (marked, line) = match &kind {
                CodeBlockKind::Fenced(info) => (marked(info), counted.1 + 1),
                CodeBlockKind::Indented => (Marked::Unmarked, counted.1),
            };
            let problem = match marked {
                Marked::Yes => None,
                Marked::No => continue,
                Marked::Unmarked if content.lines().any(heading::names_invariant) => Some(
                    "the code block names an invariant but is not marked; write ```smt2 before it"
                        .to_owned(),
                ),
                Marked::Unmarked => continue,
                Marked::Misspelt(info) => {
                    Some(format!("{info:?} does not mark a block to be proved; write ```smt2"))
                }
            };
            return Some(CodeBlock { line, text: content, problem });
        }
    })
}

fn marked(info: &str) -> Marked {
    let info = info.trim();
    let word = info.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).next().unwrap_or("");
    if info.is_empty() {
        Marked::Unmarked
    } else if LANGUAGES.iter().any(|language| word.eq_ignore_ascii_case(language)) {
        Marked::Yes
    } else if word.to_ascii_lowercase().starts_with("smt") || word.is_empty() && has_smt(info) {
        Marked::Misspelt(info.chars().take(40).collect())
    } else {
        Marked::No
    }
}

fn has_smt(info: &str) -> bool {
    info.to_ascii_lowercase().contains("smt")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(u32, String, bool)> {
        code_blocks(text).map(|block| (block.line, block.text, block.problem.is_some())).collect()
    }

    #[test]
    fn every_mark_in_any_case_with_words_after_it() {
        for info in
            ["smt2", "SMT-LIB", "SmtLib", "smt", "smt2 title=x", " smt2 ", "smt2,ignore", "smt2{a}"]
        {
            let text = format!("# T\n\n```{info}\nx\n```\n");
            assert_eq!(found(&text), [(4, "x\n".to_owned(), false)], "{info}");
        }
        assert_eq!(found("~~~~ smt2\nx\n```\n~~~~\n"), [(2, "x\n```\n".to_owned(), false)]);
    }

    #[test]
    fn inside_lists_and_quotes_lines_still_fit() {
        let text = "a\n\n> - item\n>\n>   ```smt2\n>   (a\n>     b)\n>   ```\n\n1. x\n   ```smt\n   c\n   ```\n";
        let blocks = found(text);
        assert_eq!(blocks, [(6, "(a\n  b)\n".to_owned(), false), (12, "c\n".to_owned(), false)]);
    }

    #[test]
    fn nothing_that_seems_meant_goes_unchecked() {
        for text in [
            "```\n; invariant: A\n```\n",
            "x\n\n    ; invariant: A\n",
            "```smt3\n```\n",
            "```smtlib2\nx\n```\n",
            "```{.smt2}\nx\n```\n",
        ] {
            let blocks = found(text);
            assert!(matches!(blocks.as_slice(), [(_, _, true)]), "{text:?}: {blocks:?}");
        }
        for text in
            ["```text\n; invariant: A\n```\n", "```\nls\n```\n", "    ls\n", "`; invariant: A`\n"]
        {
            assert_eq!(found(text), [], "{text:?}");
        }
    }

    #[test]
    fn an_open_fence_runs_to_the_end() {
        assert_eq!(found("```smt2\nx\n# y\n"), [(2, "x\n# y\n".to_owned(), false)]);
    }
}
