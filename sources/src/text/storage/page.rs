//! A page as far as it was read.

use quick_xml::events::BytesStart;

use super::element::{Kind, attribute, is_panel};
use crate::text::inline::Inline;
use crate::text::markdown::{Container, Writer};
use crate::text::{Limits, Unreadable};

/// An element that is open.
#[derive(Debug)]
enum Open {
    Plain,
    Block,
    Heading,
    /// One that the writer is to close.
    Container,
    Code,
    Pre,
    Link(Link),
    Macro(Box<Macro>),
    Parameter(String),
    PlainBody,
    Hidden,
}

#[derive(Debug, Default)]
struct Link {
    address: String,
    /// What is shown where the link has no text of its own.
    target: String,
}

#[derive(Debug, Default)]
struct Macro {
    name: String,
    language: Option<String>,
    title: Option<String>,
    key: Option<String>,
    /// Its text as it stands, if it has one.
    body: Option<String>,
}

pub(super) struct Page {
    writer: Writer,
    open: Vec<Open>,
    /// The text of the block that is open.
    inline: Inline,
    /// The level of the heading that is open.
    heading: Option<u8>,
    /// Text that is taken as it stands, and how deep the element is that takes it.
    taken: Option<(usize, String)>,
    /// How deep the element is that hides everything in it.
    hidden: Option<usize>,
}

impl Page {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            writer: Writer::new(limits),
            open: Vec::new(),
            inline: Inline::default(),
            heading: None,
            taken: None,
            hidden: None,
        }
    }

    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    pub(super) fn is_over(&self) -> bool {
        self.writer.is_over()
    }

    pub(super) fn finish(mut self) -> Result<String, Unreadable> {
        self.flush();
        self.writer.finish()
    }

    pub(super) fn text(&mut self, text: &str) {
        match &mut self.taken {
            _ if self.hidden.is_some() => {}
            Some((_, taken)) => taken.push_str(text),
            None => self.inline.text(text),
        }
    }

    pub(super) fn start(&mut self, tag: &BytesStart<'_>) {
        let open = if self.hidden.is_some() {
            Open::Plain
        } else {
            self.opened(Kind::of(tag.name().as_ref()), tag)
        };
        self.open.push(open);
    }

    fn opened(&mut self, kind: Kind, tag: &BytesStart<'_>) -> Open {
        match kind {
            Kind::Break => {
                match &mut self.taken {
                    Some((_, taken)) => taken.push('\n'),
                    None => self.inline.line_break(),
                }
                return Open::Plain;
            }
            Kind::Target => {
                self.target(tag);
                return Open::Plain;
            }
            Kind::Sign => {
                let names = ["ac:emoji-fallback", "datetime", "alt"];
                self.text(&attribute(tag, &names).unwrap_or_default());
                return Open::Plain;
            }
            Kind::Hidden => {
                self.hidden = Some(self.open.len());
                return Open::Hidden;
            }
            // Within text that is taken as it stands everything else is text as well.
            _ if self.taken.is_some() => return Open::Plain,
            _ => {}
        }
        match kind {
            Kind::Block => {
                self.flush();
                Open::Block
            }
            Kind::Heading(level) => {
                self.flush();
                self.heading = Some(level);
                Open::Heading
            }
            Kind::Container(container) => self.container(match container {
                Container::Ordered(_) => {
                    let start = attribute(tag, &["start"]).and_then(|start| start.parse().ok());
                    Container::Ordered(start.unwrap_or(1))
                }
                other => other,
            }),
            Kind::Rule => {
                self.flush();
                self.writer.rule();
                Open::Plain
            }
            Kind::Code => self.take(Open::Code),
            Kind::Pre => self.take(Open::Pre),
            Kind::PlainBody => self.take(Open::PlainBody),
            Kind::Link => {
                let address = attribute(tag, &["href"]).unwrap_or_default();
                self.take(Open::Link(Link { address, target: String::new() }))
            }
            Kind::Parameter => {
                let name = attribute(tag, &["ac:name"]).unwrap_or_default();
                self.take(Open::Parameter(name))
            }
            Kind::Macro => {
                let name = attribute(tag, &["ac:name"]).unwrap_or_default();
                Open::Macro(Box::new(Macro { name, ..Macro::default() }))
            }
            Kind::RichBody => self.rich_body(),
            _ => Open::Plain,
        }
    }

    pub(super) fn end(&mut self) {
        let Some(open) = self.open.pop() else { return };
        if self.hidden.is_some_and(|depth| depth >= self.open.len()) {
            self.hidden = None;
        }
        let taken = match &self.taken {
            Some((depth, _)) if *depth >= self.open.len() => self.taken.take(),
            _ => None,
        };
        let taken = taken.map(|(_, text)| text).unwrap_or_default();
        match open {
            Open::Plain | Open::Hidden => {}
            Open::Block => self.flush(),
            Open::Heading => {
                self.flush();
                self.heading = None;
            }
            Open::Container => {
                self.flush();
                self.writer.end();
            }
            Open::Code => self.inline.code(&taken),
            Open::Pre => {
                self.flush();
                self.writer.code(None, &taken);
            }
            Open::Link(link) => {
                let text = if taken.trim().is_empty() { &link.target } else { &taken };
                self.inline.link(text, &link.address);
            }
            Open::Parameter(name) => self.parameter(&name, taken),
            Open::PlainBody => match self.macro_around() {
                Some(found) => found.body = Some(taken),
                None => self.writer.code(None, &taken),
            },
            Open::Macro(found) => self.macro_ends(*found),
        }
    }

    /// Has everything up to this element's end be taken as it stands.
    fn take(&mut self, open: Open) -> Open {
        self.taken = Some((self.open.len(), String::new()));
        open
    }

    fn container(&mut self, container: Container) -> Open {
        self.flush();
        self.writer.begin(container);
        Open::Container
    }

    /// Writes the text that there is.
    fn flush(&mut self) {
        let text = std::mem::take(&mut self.inline);
        match self.heading {
            Some(level) => self.writer.heading(level, &text),
            None => self.writer.paragraph(&text),
        }
    }

    fn target(&mut self, tag: &BytesStart<'_>) {
        let link = self.open.iter_mut().rev().find_map(|open| match open {
            Open::Link(link) => Some(link),
            _ => None,
        });
        let Some(link) = link else { return };
        if let Some(url) = attribute(tag, &["ri:value"]) {
            link.address = url;
        } else if let Some(name) =
            attribute(tag, &["ri:content-title", "ri:filename", "ri:space-key"])
        {
            link.target = name;
        }
    }

    /// The macro whose part was open last.
    fn macro_around(&mut self) -> Option<&mut Macro> {
        match self.open.last_mut() {
            Some(Open::Macro(found)) => Some(found),
            _ => None,
        }
    }

    fn parameter(&mut self, name: &str, value: String) {
        let Some(found) = self.macro_around() else { return };
        match name {
            "language" => found.language = Some(value),
            "title" => found.title = Some(value),
            "key" => found.key = Some(value),
            _ => {}
        }
    }

    fn rich_body(&mut self) -> Open {
        let (title, panel) = match self.macro_around() {
            Some(found) => (found.title.take(), is_panel(&found.name)),
            None => (None, false),
        };
        let open = match panel {
            true => self.container(Container::Quote),
            false => {
                self.flush();
                Open::Block
            }
        };
        if let Some(title) = title {
            self.writer.paragraph(&Inline::of(&title));
        }
        open
    }

    fn macro_ends(&mut self, found: Macro) {
        match found.body {
            Some(body) => {
                self.flush();
                if let Some(title) = found.title {
                    self.writer.paragraph(&Inline::of(&title));
                }
                // The editor's word for no language.
                let language = found.language.filter(|language| language != "none");
                self.writer.code(language.as_deref(), &body);
            }
            // A word within a line: a status, an issue.
            None => {
                for word in [found.title, found.key].into_iter().flatten() {
                    self.inline.text(&word);
                }
            }
        }
    }
}
