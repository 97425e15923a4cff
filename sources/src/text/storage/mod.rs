//! Confluence's storage format: XHTML with elements of its own for macros (`ac:`) and for what is
//! linked to (`ri:`).
//! <https://confluence.atlassian.com/doc/confluence-storage-format-790796544.html>
//!
//! It is read as a stream of tags with a stack of its own. Nothing is declared in it, so that a
//! reference is a character or a name of HTML's, and never more than a few bytes.

mod element;
mod page;
#[cfg(test)]
mod tests;

use quick_xml::Reader;
use quick_xml::escape::resolve_html5_entity;
use quick_xml::events::{BytesRef, Event};

use super::{Limits, Unreadable};
use page::Page;

/// Bytes of a page at most; a larger one is not looked at.
pub const MAX_BYTES: usize = 10 << 20;
/// How many elements may stand in each other.
const DEPTH: usize = 256;

/// A page in Markdown.
///
/// # Errors
/// [`Unreadable`] says why it has none.
pub fn to_markdown(storage: &str) -> Result<String, Unreadable> {
    if storage.len() > MAX_BYTES {
        return Err(Unreadable::TooLarge(MAX_BYTES));
    }
    let mut reader = Reader::from_str(storage);
    reader.config_mut().allow_dangling_amp = true;
    let mut page = Page::new(Limits::default());
    while !page.is_over() {
        let event = reader.read_event();
        match event.map_err(|_| broken(reader.error_position()))? {
            Event::Start(tag) => {
                if page.depth() >= DEPTH {
                    return Err(Unreadable::TooDeep(DEPTH));
                }
                page.start(&tag);
            }
            Event::Empty(tag) => {
                page.start(&tag);
                page.end();
            }
            Event::End(_) => page.end(),
            Event::Text(text) => page.text(&text.into_inner()),
            // A section ends at the first `]]>`; one within the text is written as two sections, whose
            // texts are simply put together.
            Event::CData(text) => page.text(&text.into_inner()),
            Event::GeneralRef(reference) => page.text(&resolve(&reference)),
            Event::DocType(_) => {
                return Err(Unreadable::NotUnderstood(
                    "the page declares a document type, which storage format has not".to_owned(),
                ));
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    if !page.is_over() && page.depth() > 0 {
        return Err(broken(reader.buffer_position()));
    }
    page.finish()
}

fn broken(position: u64) -> Unreadable {
    Unreadable::NotUnderstood(format!(
        "the page is not well-formed storage format (at byte {position})"
    ))
}

/// What a reference stands for. One that is unknown stands for itself.
fn resolve(reference: &BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    match resolve_html5_entity(reference) {
        Some(text) => text.to_owned(),
        None => format!("&{};", &**reference),
    }
}
