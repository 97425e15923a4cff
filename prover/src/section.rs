//! Cuts a script into the invariants that it holds, at their headings.

use crate::heading;

/// A part of a script.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Section<'a> {
    /// The line of its first line.
    pub(crate) line: u32,
    pub(crate) text: &'a str,
    /// Whether it begins with a heading that names an invariant.
    pub(crate) named: bool,
}

/// Cuts `text`, which begins at `line`. A section begins with the comment lines around its
/// `; invariant:` line. Comments that belong to no section are dropped, commands are not: they are
/// a section without a name.
pub(crate) fn split(text: &str, line: u32) -> Vec<Section<'_>> {
    // Where each section begins: offset, line, named.
    let mut starts: Vec<(usize, u32, bool)> = Vec::new();
    // The comment lines that we are in: where they begin, and whether they name an invariant.
    let mut run: Option<(usize, u32, bool)> = None;
    let mut offset = 0;
    for (line, content) in (line..).zip(text.split_inclusive('\n')) {
        let trimmed = content.trim();
        if heading::names_invariant(trimmed) {
            match run {
                Some((start, line, false)) => starts.push((start, line, true)),
                _ => starts.push((offset, line, true)),
            }
            run = Some((offset, line, true));
        } else if trimmed.starts_with(';') {
            run = run.or(Some((offset, line, false)));
        } else if !trimmed.is_empty() {
            if starts.is_empty() {
                let (start, line, _) = run.unwrap_or((offset, line, false));
                starts.push((start, line, false));
            }
            run = None;
        }
        offset += content.len();
    }
    let ends = starts.iter().skip(1).map(|&(start, ..)| start).chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&(start, line, named), end)| Section { line, text: &text[start..end], named })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(text: &str) -> Vec<(u32, &str, bool)> {
        split(text, 1).into_iter().map(|s| (s.line, s.text, s.named)).collect()
    }

    #[test]
    fn headings_cut() {
        let text = "; licence\n\n; title: T\n; invariant: A\n(a)\n\n; story: S\n; invariant: B\n; title: U\n(b)\n";
        assert_eq!(
            sections(text),
            [
                (1, "; licence\n\n; title: T\n; invariant: A\n(a)\n\n", true),
                (7, "; story: S\n; invariant: B\n; title: U\n(b)\n", true),
            ]
        );
    }

    #[test]
    fn commands_without_a_name_are_kept() {
        assert_eq!(
            sections("(a)\n; invariant: B\n(b)"),
            [(1, "(a)\n", false), (2, "; invariant: B\n(b)", true)]
        );
        assert_eq!(sections("; note\n(a)\n"), [(1, "; note\n(a)\n", false)]);
        assert_eq!(sections("; note\n\n"), []);
    }

    #[test]
    fn two_names_in_one_run_are_two_sections() {
        let text = "; invariant: A\n; story: S\n; invariant: B\n(b)\n";
        let lines: Vec<_> = sections(text).iter().map(|s| s.0).collect();
        assert_eq!(lines, [1, 3]);
    }
}
