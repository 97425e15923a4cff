//! What seems meant to be proved and stands where Markdown sees HTML instead of code.
//!
//! A line that begins with a tag makes raw HTML of what follows, up to the next blank line. A code
//! fence in there is no fence, which its author does not see. HTML comments are another matter:
//! whoever writes one wants its content out of the way.

/// The lines of one HTML block, read one by one.
#[derive(Debug, Default)]
pub(crate) struct HtmlBlock {
    in_comment: bool,
    /// The first line outside of comments that seems meant to be proved.
    seen: Option<u32>,
    /// The same inside the comment that is open.
    commented: Option<u32>,
}

impl HtmlBlock {
    /// Reads the next line.
    pub(crate) fn read(&mut self, line: u32, content: &str, seems_meant: impl Fn(&str) -> bool) {
        let mut rest = content;
        loop {
            let (part, after) = match rest.split_once(if self.in_comment { "-->" } else { "<!--" })
            {
                Some((part, after)) => (part, Some(after)),
                None => (rest, None),
            };
            if seems_meant(part) {
                let first = if self.in_comment { &mut self.commented } else { &mut self.seen };
                first.get_or_insert(line);
            }
            let Some(after) = after else { return };
            self.in_comment = !self.in_comment;
            self.commented = None;
            rest = after;
        }
    }

    /// Where the block hides something, and what to do about it.
    pub(crate) fn problem(&self) -> Option<(u32, String)> {
        let hidden = |line| {
            let message = "this stands in an HTML block, where Markdown sees no code block; leave \
                           a blank line before the ```smt2";
            (line, message.to_owned())
        };
        let unclosed = |line| {
            let message = "an HTML comment swallows this and is not closed before its block ends; \
                           close it with -->";
            (line, message.to_owned())
        };
        self.seen.map(hidden).or(self.commented.map(unclosed))
    }
}
