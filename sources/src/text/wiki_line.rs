//! The lines of wiki markup, and what stands in them.

use super::inline::Inline;

/// What a line is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape<'a> {
    /// Nothing.
    Blank,
    /// `h2. …`
    Heading(u8, &'a str),
    /// `bq. …`
    Quote(&'a str),
    /// `----`
    Rule,
    /// `*# …`: an item of a list in a list.
    Item(&'a str, &'a str),
    /// `|…|…|`
    Row(&'a str),
    /// Anything else.
    Plain(&'a str),
}

/// How deep lists stand in lists; more marks are taken for decoration.
const DEEPEST_LIST: usize = 10;

/// What a line is.
pub(super) fn shape(line: &str) -> Shape<'_> {
    let line = line.trim();
    if line.is_empty() {
        return Shape::Blank;
    }
    if line.starts_with('|') {
        return Shape::Row(line);
    }
    if let Some((word, text)) = line.split_once(". ") {
        match word.as_bytes() {
            [b'h', level @ b'1'..=b'6'] => return Shape::Heading(level - b'0', text),
            b"bq" => return Shape::Quote(text),
            _ => {}
        }
    }
    if line.len() >= 4 && line.bytes().all(|byte| byte == b'-') {
        return Shape::Rule;
    }
    let end = line.find(|c| !matches!(c, '*' | '#' | '-')).unwrap_or(line.len());
    let (marks, text) = line.split_at(end);
    if (1..=DEEPEST_LIST).contains(&end) && text.starts_with([' ', '\t']) {
        return Shape::Item(marks, text.trim());
    }
    Shape::Plain(line)
}

/// The cells of a row, or of what is left of one. Pipes in links, in code and behind a backslash
/// divide nothing.
pub(super) fn cells(row: &str) -> Vec<&str> {
    let row = row.trim();
    let row = row.strip_prefix('|').unwrap_or(row);
    let row = row.strip_prefix('|').unwrap_or(row);
    let bytes = row.as_bytes();
    let (mut cells, mut from, mut at) = (Vec::new(), 0, 0);
    // Once nothing closes any more it is not looked for again.
    let (mut links, mut code) = (true, true);
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            b'[' if links => match row[at..].find(']') {
                Some(end) => at += end,
                None => links = false,
            },
            b'{' if code && bytes.get(at + 1) == Some(&b'{') => match row[at..].find("}}") {
                Some(end) => at += end,
                None => code = false,
            },
            b'|' => {
                cells.push(&row[from..at]);
                // Two divide cells of a heading row.
                at += usize::from(bytes.get(at + 1) == Some(&b'|'));
                from = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    let last = row.get(from..).unwrap_or_default();
    if !last.trim().is_empty() {
        cells.push(last);
    }
    cells
}

/// What stands in a line, or in a cell of it.
pub(super) fn inline(text: &str) -> Inline {
    let mut line = Inline::default();
    let mut rest = text;
    // As in `cells`.
    let (mut links, mut code) = (true, true);
    while let Some(at) = rest.find(['\\', '[', '{']) {
        line.text(&rest[..at]);
        let here = &rest[at..];
        rest = if let Some(behind) = here.strip_prefix("\\\\") {
            line.line_break();
            behind
        } else if let Some(behind) = here.strip_prefix('\\') {
            let next = behind.chars().next().filter(char::is_ascii_punctuation);
            line.text(next.map_or("\\", |_| &behind[..1]));
            &behind[next.map_or(0, char::len_utf8)..]
        } else if let Some(behind) = here.strip_prefix("{{").filter(|_| code) {
            let end = behind.split_once("}}");
            code = end.is_some();
            match end {
                Some((inside, behind)) => {
                    line.code(inside);
                    behind
                }
                None => first(here, &mut line),
            }
        } else if let Some(behind) = here.strip_prefix('[').filter(|_| links) {
            let end = behind.split_once(']');
            links = end.is_some();
            match end {
                Some((inside, behind)) => {
                    link(inside, &mut line);
                    behind
                }
                None => first(here, &mut line),
            }
        } else if let Some(behind) = decoration(here) {
            behind
        } else {
            first(here, &mut line)
        };
    }
    line.text(rest);
    line
}

/// Takes the first character, a bracket, as text.
fn first<'a>(text: &'a str, line: &mut Inline) -> &'a str {
    let (one, rest) = text.split_at(1);
    line.text(one);
    rest
}

/// What follows a macro that shows nothing of itself.
fn decoration(text: &str) -> Option<&str> {
    let inside = ["{color", "{anchor"].iter().find_map(|name| text.strip_prefix(name))?;
    let end = inside.bytes().take(100).position(|byte| byte == b'}')?;
    (end == 0 || inside.starts_with(':')).then(|| &inside[end + 1..])
}

/// `[address]`, `[text|address]`, `[text|address|tip]`, `[~user]`, `[^file]`.
fn link(inside: &str, line: &mut Inline) {
    let mut parts = inside.splitn(3, '|');
    let (first, second) = (parts.next().unwrap_or_default(), parts.next());
    match second {
        Some(address) => line.link(first, address),
        None if first.starts_with("http://") || first.starts_with("https://") => {
            line.link(first, first);
        }
        None => match first.strip_prefix('~') {
            Some(user) => line.text(&format!("@{}", user.trim_start_matches("accountid:"))),
            // Brackets are more often brackets than links.
            None => line.text(&format!("[{first}]")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        inline(text).lines().collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn lines_have_shapes() {
        for (line, wanted) in [
            (" \r", Shape::Blank),
            ("h1. T", Shape::Heading(1, "T")),
            ("h7. T", Shape::Plain("h7. T")),
            ("bq. q. r", Shape::Quote("q. r")),
            ("-----", Shape::Rule),
            ("---", Shape::Plain("---")),
            (" *# x ", Shape::Item("*#", "x")),
            ("- x", Shape::Item("-", "x")),
            ("*bold* x", Shape::Plain("*bold* x")),
            ("*********** x", Shape::Plain("*********** x")),
            ("|a|", Shape::Row("|a|")),
        ] {
            assert_eq!(shape(line), wanted, "{line}");
        }
    }

    #[test]
    fn rows_have_cells() {
        assert_eq!(cells("||a||b||"), ["a", "b"]);
        assert_eq!(cells("|a| |c|"), ["a", " ", "c"]);
        assert_eq!(cells(r"|a\|b|[x|http://y]|{{p|q}}|"), [r"a\|b", "[x|http://y]", "{{p|q}}"]);
        assert_eq!(cells("|[a|{{b|c"), ["[a", "{{b", "c"]);
        assert_eq!(cells("|"), Vec::<&str>::new());
        assert_eq!(cells("|ä|\\"), ["ä", "\\"]);
    }

    #[test]
    fn lines_hold_links_code_and_text() {
        for (text, wanted) in [
            ("a [b|https://c.example] d", "a [b](<https://c.example>) d"),
            ("[https://c.example]", "[https://c.example](<https://c.example>)"),
            ("[~ann] [~accountid:7] [b|#x] [y]", r"@ann @7 b \[y\]"),
            ("{{a_b}} {color:red}x{color} {y}", "`a_b` x {y}"),
            (r"a\\# b", "a\\\n\\# b"),
            (r"\{code} \* C:\x \", r"{code} \* C:\\x \\"),
            ("[a {{b {c", r"\[a {{b {c"),
            ("*b* _i_ `c` <d>", r"\*b\* \_i\_ \`c\` \<d\>"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }
}
