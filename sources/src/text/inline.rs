//! The inside of a paragraph, heading or cell, in Markdown.

/// Where the next character will stand in its line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum At {
    /// First.
    #[default]
    Start,
    /// After nothing but digits, which a dot would make the number of a list's item.
    Digits,
    /// Anywhere else.
    Middle,
}

/// A run of text in Markdown. Whatever is put in as [`Inline::text`] is read as that text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inline {
    markdown: String,
    at: At,
    /// A line break that is written when something follows.
    breaks: bool,
}

impl Inline {
    /// A run of plain text.
    pub fn of(text: &str) -> Self {
        let mut inline = Self::default();
        inline.text(text);
        inline
    }

    /// Adds plain text. White space of any kind and length, control characters included, is one space.
    pub fn text(&mut self, text: &str) {
        for c in text.chars() {
            if is_space(c) {
                self.space();
                continue;
            }
            self.begin();
            let escaped = match c {
                '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' => true,
                '#' | '+' | '-' | '=' => self.at == At::Start,
                '.' | ')' => self.at == At::Digits,
                _ => false,
            };
            self.at = match self.at {
                At::Start | At::Digits if c.is_ascii_digit() => At::Digits,
                _ => At::Middle,
            };
            if escaped {
                self.markdown.push('\\');
            }
            self.markdown.push(c);
        }
    }

    /// Adds text as code within the line. Its white space is as in [`Inline::text`].
    pub fn code(&mut self, text: &str) {
        let text = collapsed(text);
        // A pipe in code would end a cell, and two spans that touch would be one.
        if text.contains('|') || self.markdown.ends_with('`') {
            return self.text(&text);
        }
        if text.is_empty() {
            return self.space();
        }
        self.begin();
        let fence = "`".repeat(longest_run(&text, '`') + 1);
        let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
        self.raw(&[&fence, pad, &text, pad, &fence]);
    }

    /// Adds a link. Only `http`, `https` and `mailto` addresses are kept; others leave their text.
    pub fn link(&mut self, text: &str, address: &str) {
        let text = Self::of(text);
        let address = address.trim();
        let text = if text.is_blank() { Self::of(address) } else { text };
        if text.is_blank() {
            return;
        }
        if !is_address(address) {
            return self.append(&text);
        }
        self.begin();
        if self.markdown.ends_with('!') {
            self.markdown.pop();
            self.markdown.push_str("\\!");
        }
        let mut safe = String::with_capacity(address.len());
        for c in address.chars() {
            match c {
                '<' => safe.push_str("%3C"),
                '>' => safe.push_str("%3E"),
                '\\' => safe.push_str("%5C"),
                '|' => safe.push_str("%7C"),
                '`' => safe.push_str("%60"),
                '&' => safe.push_str("&amp;"),
                c => safe.push(c),
            }
        }
        self.raw(&["[", &text.one_line(), "](<", &safe, ">)"]);
    }

    /// Begins a new line, if anything follows.
    pub fn line_break(&mut self) {
        self.breaks = !self.markdown.is_empty();
    }

    /// Adds another run.
    pub fn append(&mut self, other: &Self) {
        if other.is_blank() {
            if !other.markdown.is_empty() {
                self.space();
            }
        } else {
            self.begin();
            // What stands first in its line there is escaped, which does no harm here; what stood
            // after digits may need it here.
            let digits = self.at == At::Digits;
            if digits && other.markdown.starts_with(['.', ')']) {
                self.markdown.push('\\');
            }
            self.markdown.push_str(&other.markdown);
            self.at = match (self.at, other.at) {
                (At::Start | At::Digits, At::Digits) => At::Digits,
                _ => At::Middle,
            };
        }
        self.breaks |= other.breaks && !self.markdown.is_empty();
    }

    /// Whether there is nothing to see.
    pub fn is_blank(&self) -> bool {
        self.markdown.bytes().all(|byte| byte == b' ')
    }

    /// Bytes that it has in Markdown.
    pub fn len(&self) -> usize {
        self.markdown.len()
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.markdown.is_empty()
    }

    /// In one line, as headings and cells need it.
    pub(crate) fn one_line(&self) -> String {
        // A raw line end stands nowhere but after the backslash of a break.
        self.markdown.trim_end_matches(' ').replace("\\\n", " ")
    }

    /// Its lines, each escaped for the beginning of a line.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &str> {
        self.markdown.trim_end_matches(' ').split('\n')
    }

    fn space(&mut self) {
        if self.at != At::Start && !self.breaks && !self.markdown.ends_with(' ') {
            self.markdown.push(' ');
            self.at = At::Middle;
        }
    }

    fn begin(&mut self) {
        if std::mem::take(&mut self.breaks) {
            self.markdown.truncate(self.markdown.trim_end_matches(' ').len());
            self.markdown.push_str("\\\n");
            self.at = At::Start;
        }
    }

    fn raw(&mut self, parts: &[&str]) {
        for part in parts {
            self.markdown.push_str(part);
        }
        self.at = At::Middle;
    }
}

/// White space, and what is as good as none: control characters and the byte-order mark.
fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c == '\u{feff}'
}

fn collapsed(text: &str) -> String {
    let mut words = text.split(is_space).filter(|word| !word.is_empty());
    let mut collapsed = words.next().unwrap_or_default().to_owned();
    for word in words {
        collapsed.push(' ');
        collapsed.push_str(word);
    }
    collapsed
}

/// How long the longest run of a character is.
pub(crate) fn longest_run(text: &str, of: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == of { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

fn is_address(address: &str) -> bool {
    let scheme = address.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https" | "mailto"))
        && address.len() <= 2_000
        && !address.chars().any(is_space)
}
