//! Jira's wiki markup: what Data Center keeps, and what version 2 of Cloud's interface answers.
//! <https://jira.atlassian.com/secure/WikiRendererHelpAction.jspa?section=all>
//!
//! Code, headings, lists, tables, quotes, panels, rules and links are read. Everything else is text.

use super::inline::Inline;
use super::markdown::{Container, Writer};
use super::wiki_line::{self, Shape};
use super::wiki_token::{self, Token};
use super::{Limits, Unreadable};

/// A text as Markdown.
///
/// # Errors
/// When it is too large or too deep.
pub fn to_markdown(text: &str, limits: Limits) -> Result<String, Unreadable> {
    let mut writer = Writer::new(limits);
    write(text, &mut writer);
    writer.finish()
}

/// Writes a text.
pub fn write(text: &str, writer: &mut Writer) {
    let mut reader = Reader { writer, line: Inline::default(), open: Vec::new(), at_start: true };
    for token in wiki_token::tokens(text) {
        if reader.writer.is_over() {
            return;
        }
        match token {
            Token::Text(text) => reader.text(text),
            Token::Code { language, text } => {
                reader.flush();
                reader.writer.code(language, text);
                reader.at_start = false;
            }
            Token::Quote => reader.toggle(Open::Quote, None),
            Token::Panel(title) => reader.toggle(Open::Panel, title),
        }
    }
    reader.leave(0);
}

/// What is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Quote,
    Panel,
    /// A list of this mark, and its item.
    List(char),
    Table,
}

struct Reader<'w> {
    writer: &'w mut Writer,
    /// The paragraph that is being read.
    line: Inline,
    open: Vec<Open>,
    /// Whether what comes next begins a line. After code it does not.
    at_start: bool,
}

impl Reader<'_> {
    fn text(&mut self, text: &str) {
        for (index, line) in text.split('\n').enumerate() {
            if self.writer.is_over() {
                return;
            }
            if index > 0 {
                self.at_start = true;
            }
            if self.at_start {
                self.begin_line(line);
            } else if !line.trim().is_empty() {
                self.rest_of_line(line);
            }
            self.at_start &= line.trim().is_empty();
        }
    }

    fn begin_line(&mut self, line: &str) {
        match wiki_line::shape(line) {
            Shape::Blank => {
                let containers = self.containers();
                self.leave(containers);
            }
            Shape::Heading(level, text) => {
                let containers = self.containers();
                self.leave(containers);
                self.writer.heading(level, &wiki_line::inline(text));
            }
            Shape::Quote(text) => {
                let containers = self.containers();
                self.leave(containers);
                self.writer.begin(Container::Quote);
                self.writer.paragraph(&wiki_line::inline(text));
                self.writer.end();
            }
            Shape::Rule => {
                let containers = self.containers();
                self.leave(containers);
                self.writer.rule();
            }
            Shape::Item(marks, text) => {
                self.item(marks);
                self.line.append(&wiki_line::inline(text));
            }
            Shape::Row(row) => self.row(row),
            Shape::Plain(text) => {
                if self.open.last() == Some(&Open::Table) {
                    self.leave(self.open.len() - 1);
                }
                self.line.line_break();
                self.line.append(&wiki_line::inline(text));
            }
        }
    }

    /// What follows code in its line.
    fn rest_of_line(&mut self, line: &str) {
        if self.open.last() == Some(&Open::Table) {
            return self.cells(line);
        }
        self.line.append(&wiki_line::inline(line));
    }

    /// Opens the item that the marks name, and closes what it is not in.
    fn item(&mut self, marks: &str) {
        let containers = self.containers();
        let same = self.open[containers..]
            .iter()
            .zip(marks.chars())
            .take_while(|(open, mark)| **open == Open::List(*mark))
            .count();
        self.leave(containers + same);
        // The item before it in the same list.
        if same == marks.len() {
            self.writer.end();
            self.writer.begin(Container::Item);
        }
        for mark in marks.chars().skip(same) {
            let list = if mark == '#' { Container::Ordered(1) } else { Container::List };
            self.writer.begin(list);
            self.writer.begin(Container::Item);
            self.open.push(Open::List(mark));
        }
    }

    fn row(&mut self, row: &str) {
        if self.open.last() != Some(&Open::Table) {
            self.flush();
            self.writer.begin(Container::Table);
            self.open.push(Open::Table);
        }
        self.writer.begin(Container::Row);
        self.writer.end();
        self.cells(row);
    }

    /// Cells of the row that was begun last.
    fn cells(&mut self, row: &str) {
        for cell in wiki_line::cells(row) {
            self.writer.begin(Container::Cell);
            self.writer.paragraph(&wiki_line::inline(cell));
            self.writer.end();
        }
    }

    fn toggle(&mut self, what: Open, title: Option<&str>) {
        match self.open.iter().rposition(|open| *open == what) {
            Some(at) => self.leave(at),
            None => {
                let containers = self.containers();
                self.leave(containers);
                self.writer.begin(Container::Quote);
                self.open.push(what);
                if let Some(title) = title {
                    self.writer.paragraph(&Inline::of(title));
                }
            }
        }
        self.at_start = true;
    }

    /// How many of the open ones are quotes and panels: lists and tables stand in them.
    fn containers(&self) -> usize {
        let is_container = |open: &Open| matches!(open, Open::Quote | Open::Panel);
        self.open.iter().rposition(is_container).map_or(0, |at| at + 1)
    }

    /// Closes all but the first so many.
    fn leave(&mut self, keep: usize) {
        self.flush();
        while self.open.len() > keep {
            if let Some(Open::List(_)) = self.open.pop() {
                self.writer.end();
            }
            self.writer.end();
        }
    }

    fn flush(&mut self) {
        self.writer.paragraph(&std::mem::take(&mut self.line));
    }
}
