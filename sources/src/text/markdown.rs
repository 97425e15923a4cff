//! The one writer of Markdown.
//!
//! Code stands at the top level, whatever it stood in: no indentation or quote mark can then change a
//! byte of it. Lists go on after it.

use super::inline::{Inline, longest_run};
use super::{Limits, Unreadable};

/// What other blocks stand in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// A quote or panel.
    Quote,
    /// A list with bullets.
    List,
    /// A list that counts from here.
    Ordered(u64),
    /// An item of a list.
    Item,
    /// A table. In a cell it is only its text.
    Table,
    /// A row of a table.
    Row,
    /// A cell of a row. Of its blocks, paragraphs and headings become its text, and code follows the
    /// table.
    Cell,
}

#[derive(Debug)]
enum Frame {
    Quote {
        written: bool,
    },
    List {
        next: Option<u64>,
        tight: bool,
    },
    Item {
        marker: String,
        blocks: usize,
        broken: bool,
    },
    Table(Table),
    Cell(String),
    /// One that shows nowhere: a row, or a table in a cell.
    Nothing,
}

/// A table that is not whole yet, and the code in its cells, which follows it.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<Vec<String>>,
    code: Vec<(Option<String>, String)>,
}

/// Writes Markdown within limits. Once they are passed nothing more is written, and
/// [`Writer::finish`] says so: no call in between has to be looked at.
#[derive(Debug)]
pub struct Writer {
    out: String,
    frames: Vec<Frame>,
    limits: Limits,
    /// Bytes that were taken in, those that are held back included.
    taken: usize,
    failed: Option<Unreadable>,
}

impl Writer {
    /// An empty text.
    pub fn new(limits: Limits) -> Self {
        Self { out: String::new(), frames: Vec::new(), limits, taken: 0, failed: None }
    }

    /// Whether the limits are passed: whatever follows is in vain.
    pub fn is_over(&self) -> bool {
        self.failed.is_some()
    }

    /// Gives up with this reason, unless there is one already.
    pub fn fail(&mut self, why: Unreadable) {
        self.failed.get_or_insert(why);
    }

    /// The text. What is still open is closed.
    ///
    /// # Errors
    /// When a limit was passed.
    pub fn finish(mut self) -> Result<String, Unreadable> {
        while !self.frames.is_empty() {
            self.end();
        }
        match self.failed {
            Some(why) => Err(why),
            None => Ok(self.out),
        }
    }

    /// Opens a container.
    pub fn begin(&mut self, container: Container) {
        if self.frames.len() >= self.limits.depth {
            self.fail(Unreadable::TooDeep(self.limits.depth));
        }
        if self.is_over() {
            return;
        }
        let in_cell = self.cell().is_some();
        let frame = match container {
            Container::Quote => Frame::Quote { written: false },
            Container::List => Frame::List { next: None, tight: false },
            Container::Ordered(from) => Frame::List { next: Some(from), tight: false },
            Container::Item => Frame::Item { marker: self.marker(), blocks: 0, broken: false },
            Container::Table if !in_cell => Frame::Table(Table::default()),
            Container::Row if !in_cell => {
                if let Some(Frame::Table(table)) = self.frames.last_mut() {
                    table.rows.push(Vec::new());
                }
                Frame::Nothing
            }
            Container::Cell if !in_cell => Frame::Cell(String::new()),
            Container::Table | Container::Row | Container::Cell => Frame::Nothing,
        };
        self.frames.push(frame);
    }

    /// Closes the container that was opened last. Where none is open, nothing happens.
    pub fn end(&mut self) {
        if self.is_over() {
            self.frames.pop();
            return;
        }
        match self.frames.pop() {
            Some(Frame::Cell(text)) => {
                let Some(table) = self.table() else {
                    // A cell without a table is a paragraph.
                    return self.lines(&[&text]);
                };
                match table.rows.last_mut() {
                    Some(row) => row.push(text),
                    None => table.rows.push(vec![text]),
                }
            }
            Some(Frame::Table(Table { rows, code })) => {
                self.write_table(&rows);
                for (language, text) in code {
                    self.write_code(language.as_deref(), &text);
                }
            }
            Some(Frame::Item { blocks, broken, .. }) => {
                if let Some(Frame::List { tight, .. }) = self.frames.last_mut() {
                    *tight = blocks == 1 && !broken;
                }
            }
            _ => {}
        }
    }

    /// A paragraph. Nothing for an empty one.
    pub fn paragraph(&mut self, text: &Inline) {
        if text.is_blank() || !self.take(text.len()) || self.held_back(text) {
            return;
        }
        self.lines(&text.lines().collect::<Vec<_>>());
    }

    /// A heading; levels are 1 to 6.
    pub fn heading(&mut self, level: u8, text: &Inline) {
        if text.is_blank() || !self.take(text.len()) || self.held_back(text) {
            return;
        }
        let mut line = format!("{} {}", "#".repeat(level.clamp(1, 6).into()), text.one_line());
        // Numbers signs at the end would be taken for its end.
        if line.ends_with('#') {
            line.pop();
            line.push_str("\\#");
        }
        self.lines(&[&line]);
    }

    /// A line across.
    pub fn rule(&mut self) {
        if self.table().is_none() && self.take(3) {
            self.lines(&["***"]);
        }
    }

    /// Code. A language is a word, and `none` is none; where there is none and the code begins as an invariant does,
    /// with `; invariant: `, it is SMT-LIB: editors offer languages from lists without it.
    pub fn code(&mut self, language: Option<&str>, text: &str) {
        if !self.take(text.len()) {
            return;
        }
        let language = language.map(str::trim).filter(|word| is_language(word) && *word != "none");
        let language = language.or_else(|| begins_invariant(text).then_some("smt2"));
        match self.table() {
            Some(table) => table.code.push((language.map(str::to_owned), text.to_owned())),
            None => self.write_code(language, text),
        }
    }

    fn write_code(&mut self, language: Option<&str>, text: &str) {
        // No database keeps a zero in a text.
        let text = text.replace("\r\n", "\n").replace(['\r'], "\n").replace('\0', "\u{fffd}");
        let fence = "`".repeat(longest_run(&text, '`').max(2) + 1);
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        let blank = if self.out.is_empty() { "" } else { "\n" };
        let language = language.unwrap_or_default();
        self.put(&[blank, &fence, language, "\n", &text, end, &fence, "\n"]);
        for frame in &mut self.frames {
            match frame {
                Frame::Item { broken, .. } => *broken = true,
                Frame::Quote { written } => *written = false,
                Frame::List { tight, .. } => *tight = false,
                _ => {}
            }
        }
    }

    fn write_table(&mut self, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        if columns == 0 || rows.iter().flatten().all(|cell| cell.trim().is_empty()) {
            return;
        }
        if !self.take(rows.len().saturating_mul(columns).saturating_mul(3)) {
            return;
        }
        let line = |row: &[String]| {
            let cells = (0..columns).map(|i| row.get(i).map_or("", String::as_str));
            cells.fold(String::from("|"), |line, cell| line + " " + cell + " |")
        };
        let mut lines: Vec<String> = rows.iter().map(|row| line(row)).collect();
        lines.insert(1, format!("|{}", " --- |".repeat(columns)));
        self.lines(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// Writes the lines of one block where it belongs.
    fn lines(&mut self, lines: &[&str]) {
        if lines.iter().all(|line| line.trim().is_empty()) {
            return;
        }
        let last = self.frames.len().saturating_sub(1);
        let (mut blank, mut first, mut rest) = (String::new(), String::new(), String::new());
        let (mut open, mut tight) = (true, false);
        for (index, frame) in self.frames.iter_mut().enumerate() {
            match frame {
                Frame::Quote { written } => {
                    open &= std::mem::replace(written, true);
                    first.push_str("> ");
                    rest.push_str("> ");
                }
                Frame::Item { marker, blocks, broken: false } => {
                    open &= *blocks > 0;
                    let indent = " ".repeat(marker.len());
                    first.push_str(if *blocks == 0 { marker } else { &indent });
                    rest.push_str(&indent);
                    *blocks += 1;
                    tight &= index == last && *blocks == 1;
                }
                Frame::List { tight: siblings, .. } => tight = open && *siblings,
                _ => {}
            }
            if open {
                blank.clone_from(&rest);
            }
        }
        tight &= matches!(self.frames.last(), Some(Frame::Item { broken: false, .. }));
        if !self.out.is_empty() && !tight {
            self.put(&[blank.trim_end(), "\n"]);
        }
        for (index, line) in lines.iter().enumerate() {
            self.put(&[if index == 0 { &first } else { &rest }, line, "\n"]);
        }
    }

    /// Puts the text into the cell or table that is open, if one is.
    fn held_back(&mut self, text: &Inline) -> bool {
        let text = text.one_line();
        if let Some(cell) = self.cell() {
            if !cell.is_empty() {
                cell.push(' ');
            }
            cell.push_str(&text);
            return true;
        }
        match self.table() {
            Some(table) => table.rows.push(vec![text]),
            None => return false,
        }
        true
    }

    fn cell(&mut self) -> Option<&mut String> {
        self.frames.iter_mut().find_map(|frame| match frame {
            Frame::Cell(text) => Some(text),
            _ => None,
        })
    }

    fn table(&mut self) -> Option<&mut Table> {
        self.frames.iter_mut().find_map(|frame| match frame {
            Frame::Table(table) => Some(table),
            _ => None,
        })
    }

    /// What the next item begins with.
    fn marker(&mut self) -> String {
        match self.frames.last_mut() {
            Some(Frame::List { next: Some(next), .. }) => {
                // Markdown has numbers of at most nine digits.
                let number = (*next).min(999_999_999);
                *next = number + 1;
                format!("{number}. ")
            }
            _ => "- ".to_owned(),
        }
    }

    fn take(&mut self, bytes: usize) -> bool {
        self.taken = self.taken.saturating_add(bytes);
        if self.taken > self.limits.bytes {
            self.fail(Unreadable::TooLarge(self.limits.bytes));
        }
        !self.is_over()
    }

    fn put(&mut self, parts: &[&str]) {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if self.out.len() + length > self.limits.bytes {
            self.fail(Unreadable::TooLarge(self.limits.bytes));
        }
        if !self.is_over() {
            parts.iter().for_each(|part| self.out.push_str(part));
        }
    }
}

/// A word that can stand after a fence and is read there as it is.
fn is_language(word: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '#' | '.');
    (1..=40).contains(&word.len()) && word.chars().all(allowed)
}

/// Whether code begins with the line that names an invariant.
fn begins_invariant(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let comment = first.trim_start_matches(';');
    first.starts_with(';') && comment.trim_start().starts_with("invariant:")
}
