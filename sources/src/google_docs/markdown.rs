//! What Google exports, as Markdown in which code is what its author wrote.
//!
//! Google's editor has code blocks, but its list of languages has no SMT-LIB. So authors also write
//! fences as plain paragraphs. In those Google's Markdown has a backslash before most punctuation,
//! fences included, a blank line between paragraphs, and two spaces before a line break within one.
//! <https://developers.google.com/workspace/drive/api/guides/ref-export-formats>

use crate::text::inline::longest_run;
use crate::text::{Limits, Unreadable};

/// A fence that opens code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Fence<'a> {
    mark: char,
    length: usize,
    info: &'a str,
}

impl<'a> Fence<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let text = line.trim_start_matches(' ');
        if line.len() - text.len() > 3 {
            return None;
        }
        let mark = text.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let info = text.trim_start_matches(mark);
        let length = text.len() - info.len();
        let info = info.trim();
        (length >= 3 && !(mark == '`' && info.contains('`'))).then_some(Self { mark, length, info })
    }

    fn is_closed_by(self, line: &str) -> bool {
        Fence::read(line).is_some_and(|fence| {
            fence.mark == self.mark && fence.length >= self.length && fence.info.is_empty()
        })
    }
}

/// Which fences were looked for in vain, so that a text full of openings is not read again and again.
#[derive(Default)]
struct Unclosed {
    shortest: Option<usize>,
    searches: usize,
}

impl Unclosed {
    fn allows(&self, fence: Fence<'_>) -> bool {
        // What closes a longer fence closes a shorter one as well.
        self.searches < 16
            && !(fence.mark == '`' && self.shortest.is_some_and(|n| n <= fence.length))
    }

    fn note(&mut self, fence: Fence<'_>) {
        self.searches += 1;
        if fence.mark == '`' {
            self.shortest = Some(self.shortest.map_or(fence.length, |n| n.min(fence.length)));
        }
    }
}

/// The text of a Markdown export: Google's own code blocks as they are, fences in paragraphs as their
/// authors meant them, pictures left out.
///
/// # Errors
/// When it is too large.
pub fn clean(export: &str) -> Result<String, Unreadable> {
    let text = lines_of(export)?;
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::with_capacity(text.len());
    let mut unclosed = Unclosed::default();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        if let Some(fence) = Fence::read(line) {
            let end = (at + 1..lines.len()).find(|i| fence.is_closed_by(lines[*i]));
            let code = &lines[at + 1..end.unwrap_or(lines.len())];
            match end.filter(|_| is_paragraphs(code)) {
                Some(_) => write_typed(&mut out, fence, code),
                None => write_block(&mut out, line, fence, code, end.map(|end| lines[end])),
            }
            at = end.map_or(lines.len(), |end| end + 1);
            continue;
        }
        if line.trim_start().starts_with('\\') {
            let opening = unescape(line.trim_end());
            if let Some(fence) = Fence::read(&opening).filter(|fence| unclosed.allows(*fence)) {
                let closes = |i: &usize| fence.is_closed_by(&unescape(lines[*i].trim_end()));
                if let Some(end) = (at + 1..lines.len()).find(closes) {
                    write_typed(&mut out, fence, &lines[at + 1..end]);
                    at = end + 1;
                    continue;
                }
                unclosed.note(fence);
            }
        }
        if !is_picture(line) {
            out.push_str(line);
            out.push('\n');
        }
        at += 1;
    }
    Ok(out)
}

/// The text of a plain export, in which fences stand as their authors wrote them.
///
/// # Errors
/// When it is too large.
pub fn plain(export: &str) -> Result<String, Unreadable> {
    lines_of(export)
}

/// With the line ends of every system, and line breaks within paragraphs, as line ends.
fn lines_of(export: &str) -> Result<String, Unreadable> {
    let most = Limits::default().bytes;
    if export.len() > 2 * most {
        return Err(Unreadable::TooLarge(most));
    }
    let export = export.strip_prefix('\u{feff}').unwrap_or(export);
    let mut text = export.replace("\r\n", "\n");
    if text.contains(['\r', '\u{b}', '\0']) {
        text = text.replace(['\r', '\u{b}'], "\n").replace('\0', "\u{fffd}");
    }
    // Pictures are no part of it.
    let written = text.lines().filter(|line| !is_picture(line)).map(|line| line.len() + 1);
    if written.sum::<usize>() > most {
        return Err(Unreadable::TooLarge(most));
    }
    Ok(text)
}

/// Whether a line is a picture that is written out: `[image1]: <data:image/png;base64,…>`.
fn is_picture(line: &str) -> bool {
    let name = line.strip_prefix('[').and_then(|rest| rest.split_once("]: <data:"));
    name.is_some_and(|(name, _)| name.len() <= 100 && !name.contains(['[', ']']))
}

/// Writes a code block of Google's.
fn write_block(
    out: &mut String,
    opening: &str,
    fence: Fence<'_>,
    code: &[&str],
    end: Option<&str>,
) {
    out.push_str(opening);
    // Its language cannot be chosen; its first line says what it is.
    if fence.info.is_empty() && begins_invariant(code) {
        out.truncate(out.trim_end().len());
        out.push_str("smt2");
    }
    out.push('\n');
    for line in code.iter().copied().chain(end) {
        out.push_str(line);
        out.push('\n');
    }
}

/// Writes code that was typed as paragraphs.
fn write_typed(out: &mut String, fence: Fence<'_>, code: &[&str]) {
    let mut blanks = 0;
    let mut lines: Vec<String> = Vec::new();
    for line in code {
        let line = line.trim_end();
        if line.is_empty() {
            blanks += 1;
            continue;
        }
        // One blank line is between any two paragraphs, two more are an empty one.
        let empty = if lines.is_empty() { 0 } else { blanks.max(1) - 1 };
        lines.extend(std::iter::repeat_n(String::new(), empty / 2));
        blanks = 0;
        // Editors put hard spaces where several stand together.
        lines.push(unescape(line).replace('\u{a0}', " "));
    }
    let texts: Vec<&str> = lines.iter().map(String::as_str).collect();
    // A hard space hides a fence from Google's Markdown, but not from the one that is read here.
    let longest = texts.iter().map(|line| longest_run(line, fence.mark)).max().unwrap_or_default();
    let mark = fence.mark.to_string().repeat(fence.length.max(longest + 1));
    // The info string is a word, or nothing.
    let word = fence.info.split_whitespace().next().unwrap_or_default();
    let named = word.is_empty() && begins_invariant(&texts);
    let word = if named { "smt2" } else { word };
    out.push_str(&format!("{mark}{word}\n"));
    for line in texts {
        out.push_str(line);
        out.push('\n');
    }
    out.push_str(&format!("{mark}\n"));
}

/// Whether lines between fences are paragraphs of an export: each ends in a line break or a blank
/// line, and some punctuation has its backslash.
fn is_paragraphs(code: &[&str]) -> bool {
    let written: Vec<usize> = (0..code.len()).filter(|i| !code[*i].trim().is_empty()).collect();
    let apart =
        written.windows(2).all(|pair| pair[1] > pair[0] + 1 || code[pair[0]].ends_with("  "));
    let escaped = || code.iter().any(|line| unescape(line).len() < line.len());
    written.len() > 1 && apart && escaped()
}

/// Without the backslashes before punctuation.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, characters.peek()) {
            ('\\', Some(next)) if next.is_ascii_punctuation() => {
                out.push(*next);
                characters.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// Whether code begins with the line that names an invariant.
fn begins_invariant(code: &[&str]) -> bool {
    let first = code.iter().map(|line| line.trim()).find(|line| !line.is_empty());
    let first = first.filter(|line| line.starts_with(';')).unwrap_or_default();
    first.trim_start_matches(';').trim_start().starts_with("invariant:")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(export: &str) -> String {
        clean(export).unwrap()
    }

    #[test]
    fn code_blocks_stay_byte_for_byte() {
        let text =
            "# Title\n\nProse \\- escaped.\n\n```smt2\n(assert\n (\\= x 1))\n\n\t \u{a0}x  \n```\n";
        assert_eq!(cleaned(text), text);
        assert_eq!(cleaned("~~~smt2\n```\n~~~\nx\n"), "~~~smt2\n```\n~~~\nx\n");
        let unclosed = "```smt2\n(assert true)\n";
        assert_eq!(cleaned(unclosed), unclosed);
        assert_eq!(
            cleaned("```\n\n; invariant: A-1\n(check-sat)\n```"),
            "```smt2\n\n; invariant: A-1\n(check-sat)\n```\n"
        );
        assert_eq!(cleaned("```py\n; invariant: A-1\n```\n"), "```py\n; invariant: A-1\n```\n");
    }

    #[test]
    fn fences_that_were_typed_are_what_was_typed() {
        let paragraphs = "\\`\\`\\`smt2\n\n; invariant: A\\-1\n\n(assert (\\>\\= x\\_1 \\#b0))\n\n\n\n\u{a0} (y)\n\n\\`\\`\\`\n\nAfter \\`it\\`.\n";
        let code = "```smt2\n; invariant: A-1\n(assert (>= x_1 #b0))\n\n  (y)\n```\n";
        assert_eq!(cleaned(paragraphs), format!("{code}\nAfter \\`it\\`.\n"));
        let breaks = "\\`\\`\\`smt2  \n(a \\* b)  \n(c)  \n\\`\\`\\`";
        assert_eq!(cleaned(breaks), "```smt2\n(a * b)\n(c)\n```\n");
        // The same where the fence itself has no backslashes.
        let bare = "```smt2\n\n(a \\* b)\n\n(c)\n\n```\n";
        assert_eq!(cleaned(bare), "```smt2\n(a * b)\n(c)\n```\n");
        let hidden = "\\`\\`\\`smt2\n\n(a)\n\n\u{a0}\\`\\`\\`\n\n(b)\n\n\\`\\`\\`\n";
        assert_eq!(cleaned(hidden), "````smt2\n(a)\n ```\n(b)\n````\n");
        let once = "\\`\\`\\`\n\n; invariant: B\n\n\\`\\`\\`\n";
        assert_eq!(cleaned(once), "```smt2\n; invariant: B\n```\n");
    }

    #[test]
    fn prose_and_pictures() {
        assert_eq!(cleaned("\u{feff}a\r\nb\u{b}c\0"), "a\nb\nc\u{fffd}\n");
        assert_eq!(
            cleaned("![][image1]\n\n[image1]: <data:image/png;base64,AAAA>\n"),
            "![][image1]\n\n"
        );
        let open = "\\`\\`\\`smt2\n\nnever closed\n";
        assert_eq!(cleaned(open), open);
        assert_eq!(plain("\u{feff}```smt2\r\n(x)\r\n```").unwrap(), "```smt2\n(x)\n```");
    }

    #[test]
    fn much_of_anything_ends_soon() {
        assert!(matches!(clean(&"x\n".repeat(30 << 20)), Err(Unreadable::TooLarge(_))));
        assert!(matches!(plain(&"x".repeat(9 << 20)), Err(Unreadable::TooLarge(_))));
        let picture = format!("text\n[image1]: <data:image/png;base64,{}>\n", "A".repeat(9 << 20));
        assert_eq!(cleaned(&picture), "text\n");
        for line in ["\\`\\`\\`x\n", "```x\n", "\\~\\~\\~ y\n", "\\", "`"] {
            cleaned(&line.repeat((1 << 19) / line.len()));
        }
        // Ever shorter fences, none of which is closed.
        let shrinking = (3..300).rev().map(|n| format!("{}x\n", "\\~".repeat(n)));
        cleaned(&shrinking.collect::<String>());
    }
}
