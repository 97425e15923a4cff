//! Spec documents: where the invariant blocks are, what they are called, and what they say.

use std::collections::HashMap;

use crate::invariant::Invariant;
use crate::language::Languages;
use crate::markdown::CodeBlock;
use crate::{heading, markdown, section};

/// The longest document, in bytes.
const MAX_DOCUMENT: usize = 16 << 20;

/// The most blocks that a document may have.
const MAX_BLOCKS: usize = 20_000;

const UNNAMED: &str =
    "the block does not begin with its name; write a first line `; invariant: ID`";

/// What kind of text a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Markdown (CommonMark) with invariants in code blocks.
    Markdown,
    /// An SMT-LIB script with one or more invariants.
    Smt2,
}

impl Kind {
    /// The kind that a path's extension names, or `None` for a file that is no spec.
    pub fn of_path(path: &str) -> Option<Self> {
        let (stem, extension) = path.rsplit('/').next()?.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            _ if stem.is_empty() => None,
            "md" | "markdown" => Some(Self::Markdown),
            "smt2" => Some(Self::Smt2),
            _ => None,
        }
    }
}

/// A spec document's invariants.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// The blocks in document order, malformed ones included.
    pub invariants: Vec<Block>,
}

/// One invariant block.
#[derive(Debug, Clone)]
pub struct Block {
    /// The name that the block gives itself, or `block-<line>` when it gives none that is valid.
    pub name: String,
    /// The user story that it belongs to.
    pub story: Option<String>,
    /// A line for people.
    pub title: Option<String>,
    /// The 1-based line of the block's first line in the author's file.
    pub line: u32,
    /// The invariant, or why the block cannot be judged.
    pub parsed: Result<Invariant, BlockError>,
}

/// Why a block cannot be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct BlockError {
    /// The 1-based line in the author's file.
    pub line: u32,
    /// What is wrong and what to do.
    pub message: String,
}

/// Finds the invariant blocks of a document. Never panics; takes time linear in the text.
///
/// A text or a number of blocks beyond the limits gives an error block, and whatever fits is still
/// read: nothing is left out silently.
pub fn parse(kind: Kind, canonical_text: &str) -> Document {
    parse_with(kind, canonical_text, &Languages::default())
}

/// As [`parse`], with the languages of the provers that are configured.
pub fn parse_with(kind: Kind, canonical_text: &str, languages: &Languages) -> Document {
    if canonical_text.len() > MAX_DOCUMENT {
        let message = format!("the document is longer than {} MB; split it", MAX_DOCUMENT >> 20);
        return Document { invariants: vec![Block::unreadable(1, message)] };
    }
    let mut invariants = Vec::new();
    match kind {
        Kind::Smt2 => read_sections(canonical_text, 1, &mut invariants),
        Kind::Markdown => {
            for block in markdown::code_blocks(canonical_text, languages) {
                match block.problem {
                    _ if invariants.len() == MAX_BLOCKS => {
                        invariants.push(Block::too_many(block.line));
                        break;
                    }
                    Some(problem) => invariants.push(Block::unreadable(block.line, problem)),
                    None if block.language.is_some() => invariants.push(Block::foreign(block)),
                    None => read_sections(&block.text, block.line, &mut invariants),
                }
            }
        }
    }
    refuse_duplicates(&mut invariants);
    Document { invariants }
}

/// Reads the invariants of one script.
fn read_sections(text: &str, line: u32, invariants: &mut Vec<Block>) {
    let sections = section::split(text, line);
    if sections.is_empty() {
        invariants.push(Block::unreadable(line, UNNAMED.to_owned()));
    }
    for section in sections {
        if invariants.len() == MAX_BLOCKS {
            invariants.push(Block::too_many(section.line));
            return;
        }
        invariants.push(if section.named {
            Block::read(section.text, section.line)
        } else {
            Block::unreadable(section.line, UNNAMED.to_owned())
        });
    }
}

/// Blocks that share a name are all errors: which of them is meant cannot be told.
fn refuse_duplicates(invariants: &mut [Block]) {
    let mut lines: HashMap<String, Vec<u32>> = HashMap::new();
    for block in invariants.iter() {
        lines.entry(block.name.clone()).or_default().push(block.line);
    }
    for block in invariants.iter_mut() {
        let Some([first, second, ..]) = lines.get(&block.name).map(Vec::as_slice) else {
            continue;
        };
        let other = if *first == block.line { second } else { first };
        let message =
            format!("the name {} is used in line {other} too; give each its own", block.name);
        block.parsed = Err(BlockError { line: block.line, message });
    }
}

impl Block {
    fn read(text: &str, line: u32) -> Self {
        let heading = heading::read(text, line, ";");
        let parsed = match heading.error {
            Some(error) => Err(error),
            None => Invariant::parse(text, line),
        };
        Self {
            name: heading.name.unwrap_or_else(|| nameless(line)),
            story: heading.story,
            title: heading.title,
            line,
            parsed,
        }
    }

    /// A block of another language, which only its prover reads.
    fn foreign(block: CodeBlock) -> Self {
        let CodeBlock { line, text, language, .. } = block;
        let (language, comment) = language.unwrap_or_default();
        let heading = heading::read(&text, line, &comment);
        let parsed = match heading.error {
            Some(error) => Err(error),
            None => Invariant::foreign(language, &comment, text, line),
        };
        Self {
            name: heading.name.unwrap_or_else(|| nameless(line)),
            story: heading.story,
            title: heading.title,
            line,
            parsed,
        }
    }

    fn too_many(line: u32) -> Self {
        Self::unreadable(line, format!("the document has more than {MAX_BLOCKS} blocks; split it"))
    }

    fn unreadable(line: u32, message: String) -> Self {
        let parsed = Err(BlockError { line, message });
        Self { name: nameless(line), story: None, title: None, line, parsed }
    }
}

fn nameless(line: u32) -> String {
    format!("block-{line}")
}
