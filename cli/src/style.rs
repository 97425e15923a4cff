//! Colours, on a terminal only and never when `NO_COLOR` is set.

use std::io::IsTerminal;
use std::sync::OnceLock;

use sbh_domain::Verdict;

/// A way to set off text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// Neither.
    Warn,
    /// Less important.
    Dim,
    /// More important.
    Strong,
    /// Something to copy: an address, a command.
    Link,
}

impl Style {
    /// `text` in this style, or as it is where there are no colours.
    pub fn paint(self, text: impl AsRef<str>) -> String {
        self.paint_when(coloured(), text.as_ref())
    }

    fn paint_when(self, coloured: bool, text: &str) -> String {
        let code = match self {
            Self::Good => "32",
            Self::Bad => "31",
            Self::Warn => "33",
            Self::Dim => "2",
            Self::Strong => "1",
            Self::Link => "36",
        };
        if coloured && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// The style of a verdict.
    pub fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Proved => Self::Good,
            Verdict::Refuted | Verdict::Error | Verdict::Conflict => Self::Bad,
            Verdict::Vacuous | Verdict::Unknown | Verdict::Timeout => Self::Warn,
            Verdict::NotRun => Self::Dim,
        }
    }
}

/// Whether this process writes colours: both its outputs are terminals, or the one that is decides.
pub fn coloured() -> bool {
    static COLOURED: OnceLock<bool> = OnceLock::new();
    *COLOURED.get_or_init(|| {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        wanted && !dumb && std::io::stdout().is_terminal()
    })
}

/// Replaces control characters: text from elsewhere must not steer the reader's terminal.
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_only_when_wanted() {
        assert_eq!(Style::Bad.paint_when(true, "x"), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(Style::Bad.paint_when(false, "x"), "x");
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a\u{fffd}[2Jb\nc");
    }
}
