//! S-expressions: read with an explicit stack and a depth limit, printed in one normal form.

use crate::document::BlockError;
use crate::lexer::{AtomKind, Lexer, Token, is_simple};

/// How deep parentheses may nest. Provers walk terms recursively.
pub(crate) const MAX_DEPTH: usize = 200;

/// The width that printed lines keep to where they can.
const WIDTH: usize = 96;

/// The deepest indentation, so that deep nesting does not blow the text up.
const MAX_INDENT: usize = 24;

/// An atom or a list, with its line in the author's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sexp {
    pub(crate) line: u32,
    pub(crate) node: Node,
}

/// What an s-expression is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Node {
    /// A leaf.
    Atom(AtomKind, String),
    /// A parenthesised list.
    List(Vec<Sexp>),
}

impl Sexp {
    /// The elements of a list.
    pub(crate) fn list(&self) -> Option<&[Self]> {
        match &self.node {
            Node::List(items) => Some(items),
            Node::Atom(..) => None,
        }
    }

    /// The name of a symbol.
    pub(crate) fn symbol(&self) -> Option<&str> {
        self.atom(AtomKind::Symbol)
    }

    /// The text of an atom of one kind.
    pub(crate) fn atom(&self, wanted: AtomKind) -> Option<&str> {
        match &self.node {
            Node::Atom(kind, text) if *kind == wanted => Some(text),
            _ => None,
        }
    }

    /// Whether this is the symbol `name`.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.symbol() == Some(name)
    }

    /// An error at this place.
    pub(crate) fn error(&self, message: impl Into<String>) -> BlockError {
        BlockError { line: self.line, message: message.into() }
    }
}

/// How deep the prover's own answers may nest: an array's value nests with its entries.
const MAX_ANSWER_DEPTH: usize = 1_000;

/// Reads all s-expressions of a text that begins at `line` of the author's file.
pub(crate) fn read(text: &str, line: u32) -> Result<Vec<Sexp>, BlockError> {
    read_to_depth(text, line, MAX_DEPTH)
}

/// Reads a prover's answer.
pub(crate) fn read_deep(text: &str) -> Result<Vec<Sexp>, BlockError> {
    read_to_depth(text, 1, MAX_ANSWER_DEPTH)
}

fn read_to_depth(text: &str, line: u32, depth: usize) -> Result<Vec<Sexp>, BlockError> {
    let mut lexer = Lexer::new(text, line);
    // The lists that are open, outermost first, with the line of their parenthesis.
    let mut open: Vec<(u32, Vec<Sexp>)> = Vec::new();
    let mut top = Vec::new();
    while let Some(token) = lexer.next()? {
        let line = lexer.line();
        let error = |message: String| Err(BlockError { line, message });
        let item = match token {
            Token::Open if open.len() == depth => {
                return error(format!("parentheses nest deeper than {depth}; use define-fun"));
            }
            Token::Open => {
                open.push((line, Vec::new()));
                continue;
            }
            Token::Close => match open.pop() {
                Some((line, items)) => Sexp { line, node: Node::List(items) },
                None => return error("this ')' closes nothing".to_owned()),
            },
            Token::Atom(kind, text) => Sexp { line, node: Node::Atom(kind, text.to_owned()) },
        };
        open.last_mut().map_or(&mut top, |(_, items)| items).push(item);
    }
    match open.last() {
        Some(&(line, _)) => {
            Err(BlockError { line, message: "this '(' is never closed".to_owned() })
        }
        None => Ok(top),
    }
}

/// Prints in normal form: flat where it fits, otherwise one argument a line.
pub(crate) fn print(sexp: &Sexp) -> String {
    let mut text = String::new();
    write(sexp, 0, &mut text);
    text
}

/// Prints on one line.
pub(crate) fn print_flat(sexp: &Sexp) -> String {
    let mut text = String::new();
    write_flat(sexp, &mut text);
    text
}

fn write(sexp: &Sexp, indent: usize, text: &mut String) {
    let items = match &sexp.node {
        Node::List(items) if !fits(sexp, WIDTH - indent) => items,
        _ => return write_flat(sexp, text),
    };
    let inner = (indent + 2).min(MAX_INDENT);
    // The head and the plain names after it stay on the first line: `(define-fun f () Bool`.
    let is_head = |item: &Sexp| match &item.node {
        Node::Atom(..) => true,
        Node::List(items) => items.is_empty(),
    };
    let heads = items.iter().take_while(|item| is_head(item)).count().max(1);
    text.push('(');
    for (index, item) in items.iter().enumerate() {
        if index >= heads {
            text.push('\n');
            text.extend(std::iter::repeat_n(' ', inner));
        } else if index > 0 {
            text.push(' ');
        }
        write(item, inner, text);
    }
    text.push(')');
}

fn write_flat(sexp: &Sexp, text: &mut String) {
    match &sexp.node {
        Node::Atom(kind, atom) => write_atom(*kind, atom, text),
        Node::List(items) => {
            text.push('(');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    text.push(' ');
                }
                write_flat(item, text);
            }
            text.push(')');
        }
    }
}

fn write_atom(kind: AtomKind, atom: &str, text: &mut String) {
    if kind == AtomKind::Symbol && !is_simple(atom) {
        text.push('|');
        text.push_str(atom);
        text.push('|');
    } else {
        text.push_str(atom);
    }
}

/// Whether the flat form is at most `width` wide. Looks at no more than `width` nodes.
fn fits(sexp: &Sexp, width: usize) -> bool {
    fn take(sexp: &Sexp, left: usize) -> Option<usize> {
        match &sexp.node {
            // Two for the bars that a symbol may need.
            Node::Atom(_, atom) => left.checked_sub(atom.len() + 2),
            Node::List(items) => items
                .iter()
                .try_fold(left.checked_sub(2)?, |left, item| take(item, left)?.checked_sub(1)),
        }
    }
    take(sexp, width).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_normal_form() {
        let read_print = |text: &str| print(&read(text, 1).unwrap()[0]);
        assert_eq!(read_print("( assert;c\n(>   |x| |a b|)\n)"), "(assert (> x |a b|))");
        let long = format!("(define-fun invariant () Bool (and{}))", " (> balance 0)".repeat(10));
        let printed = read_print(&long);
        assert!(printed.starts_with("(define-fun invariant () Bool\n  (and\n    (> balance 0)\n"));
        assert_eq!(read_print(&printed), printed);
    }

    #[test]
    fn parentheses_must_match_and_not_nest_too_deep() {
        assert_eq!(read("(a\n(b)", 7).unwrap_err().line, 7);
        assert_eq!(read("a)", 7).unwrap_err().message, "this ')' closes nothing");
        let nested = |depth: usize| format!("{}{}", "(".repeat(depth), ")".repeat(depth));
        assert!(read(&nested(MAX_DEPTH), 1).is_ok());
        assert!(read(&nested(MAX_DEPTH + 1), 1).is_err());
        assert!(read(&"(".repeat(1_000_000), 1).is_err());
    }
}
