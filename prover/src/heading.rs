//! The comment lines that name a block: `; invariant: ID`, `; story: ID`, `; title: …`.

use crate::document::BlockError;

/// The longest name of an invariant or a story, in characters.
const MAX_NAME: usize = 100;

/// The longest title, in characters.
const MAX_TITLE: usize = 200;

/// What the leading comment lines of a block say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Heading {
    pub(crate) name: Option<String>,
    pub(crate) story: Option<String>,
    pub(crate) title: Option<String>,
    /// The first thing that is wrong with them.
    pub(crate) error: Option<BlockError>,
}

/// Reads the comment lines before the first command of a text that begins at `line`.
///
/// `comment` is what begins a line of comment: `;` in SMT-LIB.
pub(crate) fn read(text: &str, line: u32, comment: &str) -> Heading {
    let mut heading = Heading::default();
    for (line, content) in (line..).zip(text.split('\n')) {
        let content = content.trim();
        if !content.is_empty() && !content.starts_with(comment) {
            break;
        }
        let Some((key, value)) = entry(content, comment) else {
            continue;
        };
        let (field, checked) = match key {
            Key::Invariant => (&mut heading.name, name(value)),
            Key::Story => (&mut heading.story, name(value)),
            Key::Title => (&mut heading.title, title(value)),
        };
        let problem = match checked {
            Ok(_) if field.is_some() => Some("is given twice; keep one".to_owned()),
            Ok(value) => {
                *field = Some(value);
                None
            }
            Err(problem) => Some(problem),
        };
        if let Some(problem) = problem
            && heading.error.is_none()
        {
            let message = format!("the {} {problem}", key.as_str());
            heading.error = Some(BlockError { line, message });
        }
    }
    heading
}

/// Whether a line names an invariant, well or badly.
pub(crate) fn names_invariant(line: &str) -> bool {
    matches!(entry(line.trim(), ";"), Some((Key::Invariant, _)))
}

/// Whether the comment lines before everything else name an invariant, well or badly.
pub(crate) fn begins_with_name(text: &str, comment: &str) -> bool {
    let lines = text.lines().map(str::trim);
    let mut leading = lines.take_while(|line| line.is_empty() || line.starts_with(comment));
    leading.any(|line| matches!(entry(line, comment), Some((Key::Invariant, _))))
}

/// The text without the lines that a heading is made of.
pub(crate) fn without(text: &str, comment: &str) -> String {
    let kept = text.lines().filter(|line| entry(line.trim(), comment).is_none());
    kept.collect::<Vec<_>>().join("\n")
}

#[derive(Clone, Copy)]
enum Key {
    Invariant,
    Story,
    Title,
}

impl Key {
    fn as_str(self) -> &'static str {
        match self {
            Self::Invariant => "invariant's name",
            Self::Story => "story",
            Self::Title => "title",
        }
    }
}

/// `; key: value`, in any case and with any number of semicolons.
fn entry<'a>(line: &'a str, comment: &str) -> Option<(Key, &'a str)> {
    let last = comment.chars().next_back()?;
    let (key, value) = line.strip_prefix(comment)?.trim_start_matches(last).split_once(':')?;
    let key = match key.trim() {
        key if key.eq_ignore_ascii_case("invariant") => Key::Invariant,
        key if key.eq_ignore_ascii_case("story") => Key::Story,
        key if key.eq_ignore_ascii_case("title") => Key::Title,
        _ => return None,
    };
    Some((key, value.trim()))
}

fn name(value: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.:/".contains(c);
    if (1..=MAX_NAME).contains(&value.len()) && value.chars().all(allowed) {
        return Ok(value.to_owned());
    }
    let shown: String = value.chars().take(MAX_NAME).collect();
    Err(format!("{shown:?} is not valid; use 1 to {MAX_NAME} of A-Z, a-z, 0-9 and '-_.:/'"))
}

fn title(value: &str) -> Result<String, String> {
    match value.chars().count() {
        0 => Err("is empty; write one or leave the line out".to_owned()),
        1..=MAX_TITLE if !value.chars().any(char::is_control) => Ok(value.to_owned()),
        _ => Err(format!("must be one line of at most {MAX_TITLE} characters")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_in_any_order() {
        let heading = read(
            "; a note\n;; Title: Größe: never negative\n\n;story:PAY-12\n; invariant: A/b.c:1_2-3\n(assert true)\n; title: no",
            1,
            ";",
        );
        assert_eq!(heading.name.as_deref(), Some("A/b.c:1_2-3"));
        assert_eq!(heading.story.as_deref(), Some("PAY-12"));
        assert_eq!(heading.title.as_deref(), Some("Größe: never negative"));
        assert_eq!(heading.error, None);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let long = "x".repeat(101);
        for bad in
            ["; invariant:", "; invariant: a b", "; invariant: ä", &format!("; invariant: {long}")]
        {
            let heading = read(&format!("; note\n{bad}\n"), 10, ";");
            assert_eq!(heading.name, None, "{bad}");
            assert_eq!(heading.error.unwrap().line, 11, "{bad}");
        }
        let twice = read("; invariant: A\n; invariant: B\n", 1, ";");
        assert_eq!(twice.name.as_deref(), Some("A"));
        assert!(twice.error.unwrap().message.contains("twice"));
        assert!(read("; invariant: A\n; story: x y", 1, ";").error.is_some());
        assert!(read("; invariant: A\n; title:", 1, ";").error.is_some());
    }

    #[test]
    fn other_languages_have_other_comments() {
        for (comment, text) in [
            ("//", "/// Title: T\n// invariant: A\nmethod m() {}"),
            ("--", "\n-- invariant: A\n-- title: T\ntheorem t : True"),
            ("\\*", "\\* invariant: A\n\\** title: T\n---- MODULE M ----"),
        ] {
            let heading = read(text, 1, comment);
            assert_eq!(heading.name.as_deref(), Some("A"), "{text}");
            assert_eq!(heading.title.as_deref(), Some("T"), "{text}");
            assert!(begins_with_name(text, comment), "{text}");
            assert_eq!(without(text, comment).trim().lines().count(), 1, "{text}");
        }
        assert!(!begins_with_name("x\n// invariant: A", "//"));
        assert!(!begins_with_name("; invariant: A", "//"));
    }
}
