//! Tables that fit the terminal: cells wrap, borders are left out.

use comfy_table::{Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table, presets};

use crate::style::{Style, coloured, plain};

/// Widths outside of this are not used, whatever the terminal says.
const WIDTHS: std::ops::RangeInclusive<u16> = 40..=160;

/// A table under construction.
pub struct Rows {
    table: Table,
    empty: bool,
}

/// A cell's text and its style.
pub type Styled = (String, Option<Style>);

/// An unstyled cell.
pub fn cell(text: impl AsRef<str>) -> Styled {
    (plain(text.as_ref()), None)
}

/// A styled cell.
pub fn styled(text: impl AsRef<str>, style: Style) -> Styled {
    (plain(text.as_ref()), Some(style))
}

impl Rows {
    /// A table with these columns.
    pub fn new(columns: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        table.set_width(width());
        table.set_header(columns.iter().map(|column| paint(column, Some(Style::Dim))));
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Self { table, empty: true }
    }

    /// Sets a column of numbers flush right.
    #[must_use]
    pub fn right(mut self, column: usize) -> Self {
        if let Some(column) = self.table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        self
    }

    /// Never breaks a column's lines: for what is to be copied.
    #[must_use]
    pub fn whole(mut self, column: usize) -> Self {
        if let Some(column) = self.table.column_mut(column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        self
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Styled>) {
        self.empty = false;
        self.table.add_row(cells.into_iter().map(|(text, style)| paint(&text, style)));
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.empty
    }
}

impl std::fmt::Display for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for line in self.table.lines() {
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn paint(text: &str, style: Option<Style>) -> Cell {
    use comfy_table::{Attribute, Color};
    let cell = Cell::new(text);
    match style.filter(|_| coloured()) {
        Some(Style::Good) => cell.fg(Color::DarkGreen),
        Some(Style::Bad) => cell.fg(Color::DarkRed),
        Some(Style::Warn) => cell.fg(Color::DarkYellow),
        Some(Style::Link) => cell.fg(Color::DarkCyan),
        Some(Style::Dim) => cell.add_attribute(Attribute::Dim),
        Some(Style::Strong) => cell.add_attribute(Attribute::Bold),
        None => cell,
    }
}

fn width() -> u16 {
    let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let found = Table::new().width();
    asked.or(found).unwrap_or(100).clamp(*WIDTHS.start(), *WIDTHS.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_longer_than_the_terminal() {
        let mut rows = Rows::new(&["id", "title"]).right(0);
        rows.table.set_width(40);
        rows.row([cell("1"), cell("word ".repeat(30))]);
        let text = rows.to_string();
        assert!(text.lines().count() > 3, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
    }
}
