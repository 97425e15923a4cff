//! Which terms and sorts a block may hold: no annotation but triggers, and no binder that hides a
//! built-in name. Whether a term is well-sorted is the prover's matter.

use crate::document::BlockError;
use crate::lexer::AtomKind;
use crate::sexp::{Node, Sexp};
use crate::symbols;

/// Checks a term.
pub(crate) fn check(term: &Sexp) -> Result<(), BlockError> {
    let items = match &term.node {
        Node::List(items) => items,
        Node::Atom(AtomKind::Keyword, keyword) => {
            return Err(term.error(format!("{keyword} does not belong in a term")));
        }
        Node::Atom(AtomKind::Symbol, symbol) if symbols::is_reserved(symbol) => {
            return Err(term.error(format!("the reserved word {symbol} is no term by itself")));
        }
        Node::Atom(..) => return Ok(()),
    };
    let Some((head, arguments)) = items.split_first() else {
        return Err(term.error("() is not a term"));
    };
    match (head.symbol().filter(|symbol| symbols::is_reserved(symbol)), arguments) {
        (None, _) => items.iter().try_for_each(check),
        (Some("_"), [name, indices @ ..]) if !indices.is_empty() => {
            check_index(name).and_then(|()| {
                // `(_ map (f (Int) Int))` and the like name functions with their sorts.
                indices.iter().try_for_each(check_index)
            })
        }
        (Some("as"), [name, sort]) => {
            check_index(name)?;
            check_sort(sort)
        }
        (Some("!"), [body, attributes @ ..]) => {
            check(body)?;
            check_attributes(term, attributes)
        }
        (Some("forall" | "exists" | "lambda"), [binders, body]) => {
            check_binders(binders)?;
            check(body)
        }
        (Some("let"), [bindings, body]) => {
            check_bindings(bindings)?;
            check(body)
        }
        (Some("match"), [body, cases]) => {
            check(body)?;
            check_cases(cases)
        }
        (Some(word), _) => Err(term.error(format!("{word} is not allowed here, or is malformed"))),
    }
}

/// Checks a sort.
pub(crate) fn check_sort(sort: &Sexp) -> Result<(), BlockError> {
    match &sort.node {
        Node::Atom(AtomKind::Symbol, symbol) if !symbols::is_reserved(symbol) => Ok(()),
        Node::List(items) => match items.split_first() {
            Some((head, [name, indices @ ..])) if head.is("_") && !indices.is_empty() => {
                check_index(name)?;
                indices.iter().try_for_each(check_index)
            }
            Some((_, [_, ..])) => items.iter().try_for_each(check_sort),
            _ => Err(sort.error("a sort is expected here")),
        },
        Node::Atom(..) => Err(sort.error("a sort is expected here")),
    }
}

/// A list of sorted variables: `((x Int) (y Bool))`.
pub(crate) fn check_binders(binders: &Sexp) -> Result<(), BlockError> {
    let usage = "variables are declared as ((x Int) (y Bool))";
    let Some(binders) = binders.list() else {
        return Err(binders.error(usage));
    };
    for binder in binders {
        let Some([name, sort]) = binder.list() else {
            return Err(binder.error(usage));
        };
        check_binder_name(name)?;
        check_sort(sort)?;
    }
    Ok(())
}

/// A variable that a binder brings in.
pub(crate) fn check_binder_name(name: &Sexp) -> Result<(), BlockError> {
    match name.symbol() {
        Some(symbol) => match symbols::refusal(symbol) {
            Some(refusal) => Err(name.error(refusal)),
            None => Ok(()),
        },
        None => Err(name.error("a variable's name is expected here")),
    }
}

fn check_bindings(bindings: &Sexp) -> Result<(), BlockError> {
    let usage = "let binds as (let ((x term) (y term)) term)";
    let Some(bindings) = bindings.list() else {
        return Err(bindings.error(usage));
    };
    for binding in bindings {
        let Some([name, value]) = binding.list() else {
            return Err(binding.error(usage));
        };
        check_binder_name(name)?;
        check(value)?;
    }
    Ok(())
}

fn check_cases(cases: &Sexp) -> Result<(), BlockError> {
    let usage = "match has cases as (match term ((pattern term) (pattern term)))";
    let Some(cases) = cases.list() else {
        return Err(cases.error(usage));
    };
    for case in cases {
        let Some([pattern, body]) = case.list() else {
            return Err(case.error(usage));
        };
        match pattern.list() {
            // `_` is the pattern that takes everything.
            None if pattern.is("_") => {}
            None => check_binder_name(pattern)?,
            Some(names) => {
                for name in names.iter().filter(|name| !name.is("_")) {
                    check_binder_name(name)?;
                }
            }
        }
        check(body)?;
    }
    Ok(())
}

/// What may follow `_`: names, numbers, and signatures made of them.
fn check_index(index: &Sexp) -> Result<(), BlockError> {
    match &index.node {
        Node::Atom(AtomKind::Keyword, _) => Err(index.error("a keyword is no index")),
        Node::Atom(AtomKind::Symbol, symbol) if symbols::is_reserved(symbol) && symbol != "_" => {
            Err(index.error(format!("{symbol} is not allowed here")))
        }
        Node::Atom(..) => Ok(()),
        Node::List(items) => items.iter().try_for_each(check_index),
    }
}

/// Triggers and weights steer the search and mean nothing. `:named` would declare a symbol.
fn check_attributes(term: &Sexp, attributes: &[Sexp]) -> Result<(), BlockError> {
    let usage = "only :pattern (…) and :weight n are allowed in (! …); name a term with define-fun";
    if attributes.is_empty() || !attributes.len().is_multiple_of(2) {
        return Err(term.error(usage));
    }
    for pair in attributes.chunks_exact(2) {
        let allowed = match pair[0].atom(AtomKind::Keyword) {
            Some(":pattern") => match pair[1].list() {
                Some(terms) if !terms.is_empty() => {
                    terms.iter().try_for_each(check)?;
                    true
                }
                _ => false,
            },
            Some(":weight") => pair[1].atom(AtomKind::Numeral).is_some(),
            _ => false,
        };
        if !allowed {
            return Err(pair[0].error(usage));
        }
    }
    Ok(())
}
