//! The allow-list: which commands a block may hold, and what their parts may be.

use std::collections::HashMap;

use crate::document::BlockError;
use crate::lexer::AtomKind;
use crate::sexp::Sexp;
use crate::symbols;
use crate::term;

/// The name of the function that states the claim.
pub(crate) const CLAIM: &str = "invariant";

/// What a command does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Declares or defines symbols.
    Declaration,
    /// Asserts.
    Assertion,
    /// Defines `invariant`.
    Claim,
    /// `(check-sat)`.
    CheckSat,
}

/// The symbols that a block has declared so far.
#[derive(Debug, Default)]
pub(crate) struct Symbols {
    /// Every name in use, with its line. Functions and sorts share one space here: nobody should
    /// have to tell two apart.
    taken: HashMap<String, u32>,
    /// The declared constants and functions, in order: those that a model gives a meaning.
    pub(crate) free: Vec<String>,
}

impl Symbols {
    fn declare(&mut self, name: &Sexp) -> Result<String, BlockError> {
        let Some(symbol) = name.symbol() else {
            return Err(name.error("a name is missing here"));
        };
        if let Some(refusal) = symbols::refusal(symbol) {
            return Err(name.error(refusal));
        }
        if let Some(line) = self.taken.insert(symbol.to_owned(), name.line) {
            return Err(name.error(format!("{symbol} is declared already in line {line}")));
        }
        Ok(symbol.to_owned())
    }
}

/// Checks one command. `None` for one that is allowed but says nothing to the prover.
pub(crate) fn check(command: &Sexp, symbols: &mut Symbols) -> Result<Option<Role>, BlockError> {
    let Some([head, arguments @ ..]) = command.list() else {
        return Err(command.error("a command in parentheses is expected here"));
    };
    let Some(name) = head.symbol() else {
        return Err(command.error("a command's name is missing here"));
    };
    let wrong = |usage: &str| command.error(format!("{name} is malformed; write {usage}"));
    match (name, arguments) {
        ("set-logic", [logic]) if logic.symbol().is_some() => return Ok(None),
        ("set-logic", _) => return Err(wrong("(set-logic ALL), or leave it out")),
        ("set-info", [key] | [key, _]) if key.atom(AtomKind::Keyword).is_some() => return Ok(None),
        ("set-info", _) => return Err(wrong("(set-info :key value), or leave it out")),
        ("declare-const", [constant, sort]) => {
            term::check_sort(sort)?;
            let constant = symbols.declare(constant)?;
            refuse_claim(command, &constant)?;
            symbols.free.push(constant);
        }
        ("declare-const", _) => return Err(wrong("(declare-const name Sort)")),
        ("declare-fun", [function, sorts, sort]) if sorts.list().is_some() => {
            sorts.list().unwrap_or_default().iter().chain([sort]).try_for_each(term::check_sort)?;
            let function = symbols.declare(function)?;
            refuse_claim(command, &function)?;
            symbols.free.push(function);
        }
        ("declare-fun", _) => return Err(wrong("(declare-fun name (Sort…) Sort)")),
        ("define-const", [constant, sort, body]) => {
            term::check_sort(sort)?;
            term::check(body)?;
            refuse_claim(command, &symbols.declare(constant)?)?;
        }
        ("define-const", _) => return Err(wrong("(define-const name Sort term)")),
        ("define-fun", [function, parameters, sort, body]) => {
            term::check_binders(parameters)?;
            term::check_sort(sort)?;
            term::check(body)?;
            if symbols.declare(function)? == CLAIM {
                if parameters.list() != Some(&[]) || !sort.is("Bool") {
                    return Err(command.error(
                        "the claim has no parameters and is a Bool; write \
                         (define-fun invariant () Bool …), with forall for what it ranges over",
                    ));
                }
                return Ok(Some(Role::Claim));
            }
        }
        ("define-fun", _) => return Err(wrong("(define-fun name ((x Sort)…) Sort term)")),
        ("declare-sort", [sort] | [sort, _]) => {
            if arguments.get(1).is_some_and(|arity| arity.atom(AtomKind::Numeral).is_none()) {
                return Err(wrong("(declare-sort Name 0)"));
            }
            refuse_claim(command, &symbols.declare(sort)?)?;
        }
        ("declare-sort", _) => return Err(wrong("(declare-sort Name 0)")),
        ("define-sort", [name, parameters, sort]) if parameters.list().is_some() => {
            for parameter in parameters.list().unwrap_or_default() {
                term::check_binder_name(parameter)?;
            }
            term::check_sort(sort)?;
            refuse_claim(command, &symbols.declare(name)?)?;
        }
        ("define-sort", _) => return Err(wrong("(define-sort Name () Sort)")),
        ("declare-datatype", [name, body]) => {
            refuse_claim(command, &symbols.declare(name)?)?;
            check_datatype(body, symbols)?;
        }
        ("declare-datatype", _) => {
            return Err(wrong("(declare-datatype Name ((constructor (field Sort)…)…))"));
        }
        ("declare-datatypes", [names, bodies]) => check_datatypes(command, names, bodies, symbols)?,
        ("declare-datatypes", _) => return Err(datatypes_usage(command)),
        ("assert", [body]) => {
            term::check(body)?;
            return Ok(Some(Role::Assertion));
        }
        ("assert", _) => return Err(wrong("(assert term)")),
        ("check-sat", []) => return Ok(Some(Role::CheckSat)),
        ("check-sat", _) => return Err(wrong("(check-sat)")),
        _ => return Err(command.error(refused(name))),
    }
    Ok(Some(Role::Declaration))
}

fn refuse_claim(command: &Sexp, name: &str) -> Result<(), BlockError> {
    if name == CLAIM {
        return Err(command.error(
            "the name invariant is kept for the claim; write (define-fun invariant () Bool …) or \
             choose another name",
        ));
    }
    Ok(())
}

fn check_datatypes(
    command: &Sexp,
    names: &Sexp,
    bodies: &Sexp,
    symbols: &mut Symbols,
) -> Result<(), BlockError> {
    let (Some(names), Some(bodies)) = (names.list(), bodies.list()) else {
        return Err(datatypes_usage(command));
    };
    if names.is_empty() || names.len() != bodies.len() {
        return Err(datatypes_usage(command));
    }
    for name in names {
        match name.list() {
            Some([name, arity]) if arity.atom(AtomKind::Numeral).is_some() => {
                refuse_claim(command, &symbols.declare(name)?)?;
            }
            _ => return Err(datatypes_usage(command)),
        }
    }
    bodies.iter().try_for_each(|body| check_datatype(body, symbols))
}

fn datatypes_usage(command: &Sexp) -> BlockError {
    command.error(
        "declare-datatypes is malformed; write \
         (declare-datatypes ((Name 0)…) (((constructor (field Sort)…)…)…))",
    )
}

/// The constructors of one datatype, perhaps under `par`.
fn check_datatype(body: &Sexp, symbols: &mut Symbols) -> Result<(), BlockError> {
    let mut constructors = body;
    if let Some([par, parameters, inner]) = body.list()
        && par.is("par")
    {
        for parameter in parameters.list().unwrap_or_default() {
            term::check_binder_name(parameter)?;
        }
        constructors = inner;
    }
    let usage = "a datatype is a list of constructors: ((constructor (field Sort)…)…)";
    let Some(constructors) = constructors.list().filter(|list| !list.is_empty()) else {
        return Err(body.error(usage));
    };
    for constructor in constructors {
        let (name, fields) = match constructor.list() {
            Some([name, fields @ ..]) => (name, fields),
            Some([]) => return Err(constructor.error(usage)),
            None => (constructor, [].as_slice()),
        };
        let name = symbols.declare(name)?;
        refuse_claim(constructor, &name)?;
        // Z3 makes a tester of this name for every constructor.
        if symbols.taken.insert(format!("is-{name}"), constructor.line).is_some() {
            return Err(
                constructor.error(format!("is-{name} is already declared; choose another name"))
            );
        }
        for field in fields {
            let Some([name, sort]) = field.list() else {
                return Err(field.error(usage));
            };
            refuse_claim(field, &symbols.declare(name)?)?;
            term::check_sort(sort)?;
        }
    }
    Ok(())
}

/// What to say about a command that is not on the list.
fn refused(name: &str) -> String {
    let advice = match name {
        "set-option" => "specs set no options; leave it out",
        "define-fun-rec" | "define-funs-rec" => {
            "a recursive definition can contradict itself unseen; use declare-fun and an assertion"
        }
        "push" | "pop" | "reset" | "reset-assertions" => "give each claim a block of its own",
        "check-sat-assuming" | "check-sat-using" => "use (check-sat) at the end",
        "minimize" | "maximize" | "assert-soft" => "state the bound as a claim",
        "echo" | "eval" | "display" | "simplify" | "apply" | "exit" => "leave it out",
        _ if name.starts_with("get-") => "leave it out; a counterexample is shown by itself",
        _ => {
            "use declarations, definitions, assert, and at the end either invariant or (check-sat)"
        }
    };
    let shown: String = name.chars().take(60).collect();
    format!("the command {shown} is not allowed: {advice}")
}
