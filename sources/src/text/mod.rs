//! What services keep their documents in, as Markdown with fenced code blocks.
//!
//! A converter reads one markup and tells a [`markdown::Writer`] what it finds. Prose is escaped, so
//! that nothing written there is ever read as code; code comes out as it went in.

pub mod adf;
pub mod inline;
pub mod markdown;
pub mod storage;
pub mod wiki;
mod wiki_line;
mod wiki_token;

/// How large and how deep a text may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of Markdown at most, what is held back meanwhile included.
    pub bytes: usize,
    /// How many quotes, lists, items, tables, rows and cells may stand in each other.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 8 << 20, depth: 100 }
    }
}

/// Why a document has no text that could be judged, in words for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is too large.
    #[error("the text has more than {0} bytes; split the document")]
    TooLarge(usize),
    /// It is nested too deep.
    #[error("the text is nested more than {0} deep; make it flatter")]
    TooDeep(usize),
    /// It is not in the markup that it should be in.
    #[error("{0}")]
    NotUnderstood(String),
}
