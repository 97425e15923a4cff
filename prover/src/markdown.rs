//! The code blocks of a Markdown document that hold SMT-LIB, found by a CommonMark parser.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::heading;
use crate::html_block::HtmlBlock;
use crate::language::Languages;
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
    /// The language of an external prover and what begins a comment in it; `None` for SMT-LIB.
    pub(crate) language: Option<(String, String)>,
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

/// The lines of offsets that only grow: counting takes one walk over the text.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: u32,
}

impl Lines<'_> {
    fn at(&mut self, offset: usize) -> u32 {
        if let Some(between) = self.text.get(self.offset..offset) {
            self.line += count_lines(between);
            self.offset = offset;
        }
        self.line
    }
}

/// Finds the code blocks that hold SMT-LIB, in document order, and those that seem meant to.
pub(crate) fn code_blocks<'a>(
    text: &'a str,
    languages: &'a Languages,
) -> impl Iterator<Item = CodeBlock> + 'a {
    let mut events = Parser::new_ext(text, Options::empty()).into_offset_iter();
    let mut lines = Lines { text, offset: 0, line: 1 };
    std::iter::from_fn(move || {
        loop {
            let (event, range) = events.next()?;
            let found = match event {
                Event::Start(Tag::CodeBlock(kind)) => {
                    let mut content = String::new();
                    for (event, _) in events.by_ref() {
                        match event {
                            Event::Text(text) => content.push_str(&text),
                            Event::End(TagEnd::CodeBlock) => break,
                            _ => {}
                        }
                    }
                    code_block(&kind, lines.at(range.start), content, languages)
                }
                Event::Start(Tag::HtmlBlock) => {
                    let mut block = HtmlBlock::default();
                    for (event, range) in events.by_ref() {
                        match event {
                            Event::Html(html) => {
                                for (line, content) in (lines.at(range.start)..).zip(html.lines()) {
                                    block.read(line, content, seems_meant);
                                }
                            }
                            Event::End(TagEnd::HtmlBlock) => break,
                            _ => {}
                        }
                    }
                    block.problem().map(|(line, problem)| CodeBlock {
                        line,
                        text: String::new(),
                        problem: Some(problem),
                        language: None,
                    })
                }
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
    })
}

/// A code block that begins at `line`, unless it is none of ours.
fn code_block(
    kind: &CodeBlockKind<'_>,
    line: u32,
    text: String,
    languages: &Languages,
) -> Option<CodeBlock> {
    if let CodeBlockKind::Fenced(info) = kind
        && let Some((language, comment)) = languages.of(word(info.trim()))
    {
        // Only what names an invariant is meant: others show code.
        let language = Some((language.to_owned(), comment.to_owned()));
        let meant = heading::begins_with_name(&text, comment);
        return meant.then_some(CodeBlock { line: line + 1, text, problem: None, language });
    }
    let (marked, line) = match kind {
        CodeBlockKind::Fenced(info) => (marked(info), line + 1),
        CodeBlockKind::Indented => (Marked::Unmarked, line),
    };
    let problem = match marked {
        Marked::Yes => None,
        Marked::No => return None,
        Marked::Unmarked if text.lines().any(heading::names_invariant) => Some(
            "the code block names an invariant but is not marked; write ```smt2 before it"
                .to_owned(),
        ),
        Marked::Unmarked => return None,
        Marked::Misspelt(info) => {
            Some(format!("{info:?} does not mark a block to be proved; write ```smt2"))
        }
    };
    Some(CodeBlock { line, text, problem, language: None })
}

/// Whether a line outside of code blocks looks like the beginning of an invariant.
fn seems_meant(line: &str) -> bool {
    let line = line.trim();
    let info = ["```", "~~~"].iter().find_map(|fence| line.strip_prefix(fence));
    let info = info.map(|info| info.trim_start_matches(['`', '~']));
    heading::names_invariant(line)
        || info.is_some_and(|info| matches!(marked(info), Marked::Yes | Marked::Misspelt(_)))
}

fn marked(info: &str) -> Marked {
    let info = info.trim();
    let word = word(info);
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

/// The first word after a fence.
fn word(info: &str) -> &str {
    info.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).next().unwrap_or("")
}

fn has_smt(info: &str) -> bool {
    info.to_ascii_lowercase().contains("smt")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(u32, String, bool)> {
        let languages = Languages::default();
        code_blocks(text, &languages)
            .map(|block| (block.line, block.text, block.problem.is_some()))
            .collect()
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
    fn what_html_swallows_is_told() {
        let fence = "```smt2\n; invariant: A\n(x)\n```\n";
        for (text, line) in [
            (format!("<details>\n{fence}</details>\n"), 2),
            (format!("a\n\n<details><summary>s</summary>\n{fence}"), 4),
            (format!("<!-- note -->\n\n<div>\n{fence}</div>\n"), 4),
            (format!("<div>\n<!-- note -->\n{fence}</div>\n"), 3),
            ("<div>\n```smt2\n\n; invariant: A\n```\n".to_owned(), 2),
            ("<pre>\n; invariant: A\n</pre>\n".to_owned(), 2),
            ("> <p>\n> ~~~~ SMT\n> (x)\n".to_owned(), 2),
            // A comment that nobody closes takes the rest of the document with it.
            (format!("# T\n\n<!-- todo\n\n{fence}\n# U\n"), 5),
        ] {
            let blocks = found(&text);
            assert_eq!(blocks, [(line, String::new(), true)], "{text:?}");
        }
        for text in [
            format!("<!--\n{fence}-->\n"),
            format!("<!--\n\n{fence}\n-->\n"),
            format!("<div>\n<!-- {fence}-->\n</div>\n"),
            "<details>\n```sh\nls\n```\n</details>\n".to_owned(),
            "<!-- <!-- ; invariant: A -->\n".to_owned(),
        ] {
            assert_eq!(found(&text), [], "{text:?}");
        }
        let apart = format!("<details>\n\n{fence}\n</details>\n");
        assert_eq!(found(&apart), [(4, "; invariant: A\n(x)\n".to_owned(), false)]);
    }

    #[test]
    fn an_open_fence_runs_to_the_end() {
        assert_eq!(found("```smt2\nx\n# y\n"), [(2, "x\n# y\n".to_owned(), false)]);
    }

    #[test]
    fn blocks_of_other_languages_are_those_that_name_an_invariant() {
        let text = "```dafny\n// invariant: A\nlemma l() {}\n```\n\n```Lean4 x\n\n-- invariant: B\n```\n\n\
                    ```dafny\nmethod m() {}\n```\n\n```rust\n// invariant: C\n```\n";
        let languages = Languages::default();
        let found = |languages: &Languages| {
            let blocks = code_blocks(text, languages);
            blocks.map(|b| (b.line, b.language.unwrap().0)).collect::<Vec<_>>()
        };
        let both = [(2, "dafny".to_owned()), (7, "lean4".to_owned())];
        assert_eq!(found(&languages), both);
        let mut more = languages;
        more.add("rust", "//");
        assert_eq!(found(&more)[2], (16, "rust".to_owned()));
    }
}
