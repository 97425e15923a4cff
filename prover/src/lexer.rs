//! Tokens of SMT-LIB 2.7, stricter than the standard where provers disagree about a character:
//! what two programs could read differently is refused.

use crate::document::BlockError;

/// The longest token in bytes. Provers read numerals in quadratic time.
const MAX_TOKEN: usize = 4_096;

/// What an atom is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AtomKind {
    /// A symbol, with the bars of `|…|` taken off.
    Symbol,
    /// `:name`, with the colon.
    Keyword,
    /// Digits.
    Numeral,
    /// A decimal, a binary or hexadecimal number, as written.
    Literal,
    /// A string, as written, with its quotation marks.
    Text,
}

/// One token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// `(`
    Open,
    /// `)`
    Close,
    /// Anything else.
    Atom(AtomKind, &'a str),
}

/// Reads tokens one by one.
pub(crate) struct Lexer<'a> {
    rest: &'a str,
    line: u32,
}

impl<'a> Lexer<'a> {
    /// Starts at the beginning of `text`, which is at `line` of the author's file.
    pub(crate) fn new(text: &'a str, line: u32) -> Self {
        Self { rest: text, line }
    }

    /// The line that the lexer has come to.
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// The next token, or `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Token<'a>>, BlockError> {
        self.skip_space();
        let Some(first) = self.rest.chars().next() else {
            return Ok(None);
        };
        let token = match first {
            '(' => return Ok(Some(self.take(1, |_| Token::Open))),
            ')' => return Ok(Some(self.take(1, |_| Token::Close))),
            '"' => self.string()?,
            '|' => self.quoted_symbol()?,
            _ => self.word(first)?,
        };
        Ok(Some(token))
    }

    fn skip_space(&mut self) {
        loop {
            let trimmed = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
            let skipped = &self.rest[..self.rest.len() - trimmed.len()];
            self.line += count_lines(skipped);
            self.rest = trimmed;
            if !trimmed.starts_with(';') {
                return;
            }
            self.rest = &trimmed[trimmed.find('\n').unwrap_or(trimmed.len())..];
        }
    }

    fn take(&mut self, length: usize, make: impl FnOnce(&'a str) -> Token<'a>) -> Token<'a> {
        let (token, rest) = self.rest.split_at(length);
        self.rest = rest;
        make(token)
    }

    fn string(&mut self) -> Result<Token<'a>, BlockError> {
        let bytes = self.rest.as_bytes();
        let mut at = 1;
        loop {
            match bytes.get(at) {
                Some(b'"') if bytes.get(at + 1) == Some(&b'"') => at += 2,
                Some(b'"') => break,
                Some(b' '..=b'~') => at += 1,
                None | Some(b'\n') => {
                    return Err(
                        self.error("a string must end on its line; write \\u{a} for a new line")
                    );
                }
                Some(_) => {
                    return Err(
                        self.error("a string holds printable ASCII; write others as \\u{e4}")
                    );
                }
            }
        }
        self.check_length(at + 1)?;
        Ok(self.take(at + 1, |text| Token::Atom(AtomKind::Text, text)))
    }

    fn quoted_symbol(&mut self) -> Result<Token<'a>, BlockError> {
        let inner = &self.rest[1..];
        let end = inner.find(|c| !matches!(c, ' '..='~') || c == '|' || c == '\\');
        let Some(end) = end.filter(|&at| inner[at..].starts_with('|')) else {
            return Err(self.error(
                "a quoted symbol must end on its line and hold printable ASCII without '\\'",
            ));
        };
        if end == 0 {
            return Err(self.error("the empty symbol || is not supported; give it a name"));
        }
        self.check_length(end + 2)?;
        Ok(self.take(end + 2, |text| Token::Atom(AtomKind::Symbol, &text[1..=end])))
    }

    fn word(&mut self, first: char) -> Result<Token<'a>, BlockError> {
        let end = self
            .rest
            .find(|c: char| !(is_symbol_char(c) || c == ':' || c == '#'))
            .unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        if end == 0 {
            return Err(self.error(format!(
                "the character {first:?} does not belong here; only ASCII is allowed outside comments"
            )));
        }
        self.check_length(end)?;
        // `"a"b` and `|a|b` are one token to some readers and two to others.
        if self.rest[end..].starts_with(['"', '|']) {
            return Err(self.error(format!("put a space after {word}")));
        }
        match kind_of_word(word) {
            Ok(kind) => Ok(self.take(end, |text| Token::Atom(kind, text))),
            Err(message) => Err(self.error(message)),
        }
    }

    fn check_length(&self, length: usize) -> Result<(), BlockError> {
        if length > MAX_TOKEN {
            return Err(self.error(format!("a token is longer than {MAX_TOKEN} characters")));
        }
        Ok(())
    }

    fn error(&self, message: impl Into<String>) -> BlockError {
        BlockError { line: self.line, message: message.into() }
    }
}

/// How many lines end in `text`.
pub(crate) fn count_lines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|&b| b == b'\n').count()).unwrap_or(u32::MAX)
}

fn is_symbol_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "~!@$%^&*_-+=<>.?/".contains(c)
}

/// Whether a symbol needs no bars.
pub(crate) fn is_simple(symbol: &str) -> bool {
    matches!(kind_of_word(symbol), Ok(AtomKind::Symbol))
}

fn kind_of_word(word: &str) -> Result<AtomKind, String> {
    let all = |text: &str, allowed: fn(u8) -> bool| !text.is_empty() && text.bytes().all(allowed);
    let digits = |text: &str| all(text, |b| b.is_ascii_digit());
    let no_leading_zero = |text: &str| text == "0" || !text.starts_with('0');
    if let Some(name) = word.strip_prefix(':') {
        return if !name.is_empty() && name.chars().all(is_symbol_char) {
            Ok(AtomKind::Keyword)
        } else {
            Err(format!("{word} is not a keyword"))
        };
    }
    if let Some(number) = word.strip_prefix('#') {
        let binary = number.strip_prefix('b').is_some_and(|n| all(n, |b| matches!(b, b'0' | b'1')));
        let hex = number.strip_prefix('x').is_some_and(|n| all(n, |b| b.is_ascii_hexdigit()));
        return if binary || hex {
            Ok(AtomKind::Literal)
        } else {
            Err(format!("{word} is not a number; write #b0101 or #x0f"))
        };
    }
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        if digits(word) && no_leading_zero(word) {
            return Ok(AtomKind::Numeral);
        }
        if let Some((whole, part)) = word.split_once('.')
            && digits(whole)
            && digits(part)
            && no_leading_zero(whole)
        {
            return Ok(AtomKind::Literal);
        }
        return Err(format!("{word} is not a number; write 42 or 4.2"));
    }
    // To the standard `-5` is a symbol, to Z3 a number, and `-5x` two tokens.
    if word.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
        return Err(format!("write (- {}) instead of {word}", &word[1..]));
    }
    if word.is_empty() || !word.chars().all(is_symbol_char) {
        return Err(format!(
            "{word} is not a symbol; write |…| around one with special characters"
        ));
    }
    Ok(AtomKind::Symbol)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<(AtomKind, String)>, BlockError> {
        let mut lexer = Lexer::new(text, 1);
        let mut tokens = Vec::new();
        while let Some(token) = lexer.next()? {
            if let Token::Atom(kind, text) = token {
                tokens.push((kind, text.to_owned()));
            }
        }
        Ok(tokens)
    }

    #[test]
    fn every_kind_of_token() {
        use AtomKind::*;
        let text = "a |a b| |c| :key 0 42 4.20 #b01 #xFf \"say \"\"hi\"\"\" ; comment ä\n<=";
        let found = tokens(text).unwrap();
        let expected = [
            (Symbol, "a"),
            (Symbol, "a b"),
            (Symbol, "c"),
            (Keyword, ":key"),
            (Numeral, "0"),
            (Numeral, "42"),
            (Literal, "4.20"),
            (Literal, "#b01"),
            (Literal, "#xFf"),
            (Text, "\"say \"\"hi\"\"\""),
            (Symbol, "<="),
        ];
        assert_eq!(found, expected.map(|(kind, text)| (kind, text.to_owned())));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        for text in [
            "-5", "-5x", "007", "1.", "1e5", "0x1f", "#", "#c1", "#b2", "#|x|#", "a#b", "a:b",
            "::", "||", "|a", "|a\nb|", "|a\\b|", "\"a", "\"a\nb\"", "\"ä\"", "ä", "a\u{a0}b",
            "'a'", "a|b|", "a\"b\"", "\u{0}", "\u{c}", "{", "a,b",
        ] {
            assert!(tokens(text).is_err(), "{text:?} was read as {:?}", tokens(text));
        }
        assert!(tokens(&"9".repeat(MAX_TOKEN + 1)).is_err());
    }

    #[test]
    fn errors_name_their_line() {
        assert_eq!(tokens("a\n;\n\n  ä").unwrap_err().line, 4);
    }
}
