//! What the elements of storage format mean.

use quick_xml::escape::{resolve_html5_entity, unescape_with};
use quick_xml::events::BytesStart;

use crate::text::markdown::Container;

/// What an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of no meaning: what is in it counts.
    Plain,
    /// Its text is a paragraph of its own.
    Block,
    Heading(u8),
    Container(Container),
    Rule,
    Break,
    /// Code in a line.
    Code,
    /// Text as it stands.
    Pre,
    Link,
    /// What a link leads to.
    Target,
    Macro,
    Parameter,
    /// The text of a macro, as it stands.
    PlainBody,
    /// The text of a macro, with markup.
    RichBody,
    /// One that stands for a few characters in an attribute.
    Sign,
    /// Not shown, with everything in it.
    Hidden,
}

impl Kind {
    pub(super) fn of(name: &str) -> Self {
        match name {
            "p" | "div" | "ac:layout" | "ac:layout-section" | "ac:layout-cell" | "ac:task-body"
            | "ac:adf-content" | "dl" | "dt" | "dd" | "caption" => Self::Block,
            "h1" => Self::Heading(1),
            "h2" => Self::Heading(2),
            "h3" => Self::Heading(3),
            "h4" => Self::Heading(4),
            "h5" => Self::Heading(5),
            "h6" => Self::Heading(6),
            "ul" | "ac:task-list" => Self::Container(Container::List),
            "ol" => Self::Container(Container::Ordered(1)),
            "li" | "ac:task" => Self::Container(Container::Item),
            "blockquote" => Self::Container(Container::Quote),
            "table" => Self::Container(Container::Table),
            "tr" => Self::Container(Container::Row),
            "td" | "th" => Self::Container(Container::Cell),
            "hr" => Self::Rule,
            "br" => Self::Break,
            "code" => Self::Code,
            "pre" => Self::Pre,
            "a" | "ac:link" => Self::Link,
            "ri:page" | "ri:blog-post" | "ri:attachment" | "ri:url" | "ri:space" => Self::Target,
            "ac:structured-macro" | "ac:macro" => Self::Macro,
            "ac:parameter" => Self::Parameter,
            "ac:plain-text-body" => Self::PlainBody,
            "ac:rich-text-body" => Self::RichBody,
            "ac:emoticon" | "time" | "img" => Self::Sign,
            // The fallback says once more what the node beside it says.
            "ac:adf-fallback" | "ac:adf-attribute" | "ac:placeholder" | "ac:task-id"
            | "ac:task-uuid" | "ac:task-status" | "style" | "script" => Self::Hidden,
            _ => Self::Plain,
        }
    }
}

/// Whether a macro's text is set apart as a quote is.
pub(super) fn is_panel(name: &str) -> bool {
    matches!(name, "panel" | "info" | "note" | "tip" | "warning" | "success" | "error" | "quote")
}

/// The first of these attributes that the element has.
pub(super) fn attribute(tag: &BytesStart<'_>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let mut all = tag.attributes();
        let found = all.with_checks(false).flatten().find(|found| found.key.as_ref() == *name);
        let value = found?.value;
        // What cannot be unescaped is kept as it is.
        let text = unescape_with(&value, resolve_html5_entity).map(|text| text.into_owned());
        Some(text.unwrap_or_else(|_| value.into_owned()))
    })
}
