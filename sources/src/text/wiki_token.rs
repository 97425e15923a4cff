//! The macros of wiki markup that reach over lines.

/// A piece of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text, with the markup of lines in it.
    Text(&'a str),
    /// `{code:…}` or `{noformat}` and what it holds.
    Code {
        /// The language.
        language: Option<&'a str>,
        /// The code.
        text: &'a str,
    },
    /// `{quote}`, which begins or ends one.
    Quote,
    /// `{panel}`, which begins or ends one, and its title.
    Panel(Option<&'a str>),
}

/// The longest list of parameters that a macro has.
const PARAMETERS: usize = 500;

/// The pieces of a text. Code that nobody ends goes to the end of the text, as in Markdown: what its
/// author meant to be judged is not lost.
pub(super) fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = text;
    // One that was found behind text that had to be given out first.
    let mut found = None;
    std::iter::from_fn(move || {
        if let Some((token, behind)) = found.take() {
            rest = behind;
            return Some(token);
        }
        if rest.is_empty() {
            return None;
        }
        let mut from = 0;
        while let Some(at) = rest[from..].find('{').map(|at| from + at) {
            from = at + 1;
            let escaped = rest[..at].bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1;
            if escaped {
                continue;
            }
            if let Some((token, behind)) = read(&rest[at..]) {
                if at == 0 {
                    rest = behind;
                    return Some(token);
                }
                found = Some((token, behind));
                return Some(Token::Text(&rest[..at]));
            }
        }
        Some(Token::Text(std::mem::take(&mut rest)))
    })
}

/// The macro at the beginning of a text, and what is behind it.
fn read(text: &str) -> Option<(Token<'_>, &str)> {
    let (name, parameters, behind) = head(text)?;
    let closed = match name {
        "code" => "{code}",
        "noformat" => "{noformat}",
        "quote" => return Some((Token::Quote, behind)),
        "panel" => return Some((Token::Panel(named(parameters, "title")), behind)),
        _ => return None,
    };
    let (code, behind) = behind.split_once(closed).unwrap_or((behind, ""));
    // The line that the macro stands in is not part of the code.
    let own_line = code.trim_start_matches([' ', '\t', '\r']).strip_prefix('\n');
    let language = if name == "code" { language(parameters) } else { None };
    Some((Token::Code { language, text: own_line.unwrap_or(code) }, behind))
}

/// `{name}` or `{name:parameters}`.
fn head(text: &str) -> Option<(&str, &str, &str)> {
    let inside = text.strip_prefix('{')?;
    let name_end = inside.bytes().take(10).position(|b| !b.is_ascii_lowercase())?;
    let (name, rest) = inside.split_at(name_end);
    if let Some(behind) = rest.strip_prefix('}') {
        return Some((name, "", behind));
    }
    let rest = rest.strip_prefix(':')?;
    let end = rest.bytes().take(PARAMETERS).position(|b| matches!(b, b'}' | b'\n' | b'{'))?;
    let behind = rest[end..].strip_prefix('}')?;
    Some((name, &rest[..end], behind))
}

/// A parameter by its name.
fn named<'a>(parameters: &'a str, wanted: &str) -> Option<&'a str> {
    let pairs = parameters.split('|').filter_map(|one| one.split_once('='));
    pairs.into_iter().find(|(name, _)| name.trim() == wanted).map(|(_, value)| value.trim())
}

/// The language is named or is the one that has no name.
fn language(parameters: &str) -> Option<&str> {
    let unnamed = || parameters.split('|').map(str::trim).find(|one| !one.contains('='));
    named(parameters, "language").or_else(unnamed).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code<'a>(language: &'a str, text: &'a str) -> Token<'a> {
        Token::Code { language: (!language.is_empty()).then_some(language), text }
    }

    #[test]
    fn code_is_found_with_its_language() {
        for (head, language) in [
            ("{code}", ""),
            ("{code:smt2}", "smt2"),
            ("{code:smt2|title=A b.smt2|borderStyle=solid}", "smt2"),
            ("{code:title=x|smt2}", "smt2"),
            ("{code:title=x|language=smt2}", "smt2"),
            ("{code:title=x}", ""),
        ] {
            let text = format!("a{head}\nx {{y}} |\n{{code}}b");
            let found: Vec<_> = tokens(&text).collect();
            let wanted = [Token::Text("a"), code(language, "x {y} |\n"), Token::Text("b")];
            assert_eq!(found, wanted, "{head}");
        }
        let text = "{noformat}{code}\r\n{noformat}";
        assert_eq!(tokens(text).collect::<Vec<_>>(), [code("", "{code}\r\n")]);
        let open = "{code:smt2}\nx";
        assert_eq!(tokens(open).collect::<Vec<_>>(), [code("smt2", "x")]);
    }

    #[test]
    fn what_is_no_macro_stays_text() {
        for text in [
            "\\{code}",
            "{coder}",
            "{Code}",
            "{code:a\n}",
            "{code",
            "{",
            "{{x}}",
            "{code: {x}",
            "{}",
        ] {
            assert_eq!(tokens(text).collect::<Vec<_>>(), [Token::Text(text)], "{text}");
        }
        let escaped_break = "\\\\{quote}x";
        assert_eq!(
            tokens(escaped_break).collect::<Vec<_>>(),
            [Token::Text("\\\\"), Token::Quote, Token::Text("x")]
        );
        assert_eq!(
            tokens("{panel:bgColor=#fff|title=T}").collect::<Vec<_>>(),
            [Token::Panel(Some("T"))]
        );
    }
}
