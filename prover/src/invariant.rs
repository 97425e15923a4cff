//! One invariant: a parsed block that may be sent to a prover.

use sbh_domain::{Digest, Form};

use crate::document::BlockError;
use crate::heading;
use crate::script::{self, CLAIM, Role, Symbols};
use crate::sexp;

/// The longest block, in bytes.
const MAX_BLOCK: usize = 256 * 1024;

/// A well-formed, allowed invariant. Only the parser makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invariant {
    form: Option<Form>,
    statement: String,
    /// Another language than SMT-LIB, and the author's text.
    pub(crate) foreign: Option<Foreign>,
    /// Everything but the goal.
    pub(crate) prelude: Vec<Command>,
    /// What is to contradict the prelude: the negated claim.
    pub(crate) goal: Vec<Command>,
    /// The block's own constants and functions, which a counterexample gives values to.
    pub(crate) symbols: Vec<String>,
}

/// A block that only an external prover reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// The word after its fence, in lower case.
    pub(crate) language: String,
    /// The block as its author wrote it.
    pub(crate) text: String,
}

/// One command as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Its line in the author's file.
    pub(crate) line: u32,
    /// What our printer wrote.
    pub(crate) text: String,
    /// Whether it asserts rather than declares or defines.
    pub(crate) asserts: bool,
}

impl Invariant {
    /// A block of another language, which begins at `line`.
    pub(crate) fn foreign(
        language: String,
        comment: &str,
        text: String,
        line: u32,
    ) -> Result<Self, BlockError> {
        if text.len() > MAX_BLOCK {
            return Err(too_long(line));
        }
        if text.contains('\0') {
            let message = "the block holds a NUL; leave it out".to_owned();
            return Err(BlockError { line, message });
        }
        let statement = heading::without(&text, comment).trim().to_owned();
        if statement.is_empty() {
            let message = "the block is empty; state the claim".to_owned();
            return Err(BlockError { line, message });
        }
        Ok(Self {
            form: None,
            statement,
            foreign: Some(Foreign { language, text }),
            prelude: Vec::new(),
            goal: Vec::new(),
            symbols: Vec::new(),
        })
    }

    /// The language of a block that is not SMT-LIB: the word after its fence, in lower case.
    pub fn language(&self) -> Option<&str> {
        self.foreign.as_ref().map(|foreign| foreign.language.as_str())
    }

    /// How the block states its claim; `None` in another language than SMT-LIB.
    pub fn form(&self) -> Option<Form> {
        self.form
    }

    /// The normalised text, as our own printer writes it: what is shown and hashed. In another
    /// language it is the author's text without the heading.
    pub fn statement(&self) -> &str {
        &self.statement
    }

    /// The digest of the statement: it changes with every token and with nothing else.
    pub fn statement_hash(&self) -> Digest {
        match &self.foreign {
            None => Digest::of(&self.statement),
            Some(Foreign { language, .. }) => {
                Digest::of_fields([language.as_bytes(), self.statement.as_bytes()])
            }
        }
    }

    /// Reads one block's text, which begins at `line` of the author's file.
    ///
    /// # Errors
    /// [`BlockError`] with the line and what to do, for text that is malformed or not allowed.
    pub fn parse(text: &str, line: u32) -> Result<Self, BlockError> {
        if text.len() > MAX_BLOCK {
            return Err(too_long(line));
        }
        let mut symbols = Symbols::default();
        let mut commands = Vec::new();
        for command in sexp::read(text, line)? {
            if let Some(role) = script::check(&command, &mut symbols)? {
                let text = sexp::print(&command);
                commands.push((
                    role,
                    Command { line: command.line, text, asserts: role == Role::Assertion },
                ));
            }
        }
        Self::assemble(commands, symbols.free, line)
    }

    fn assemble(
        mut commands: Vec<(Role, Command)>,
        symbols: Vec<String>,
        line: u32,
    ) -> Result<Self, BlockError> {
        let statement: String =
            commands.iter().flat_map(|(_, command)| [command.text.as_str(), "\n"]).collect();
        let error = |line, message: &str| Err(BlockError { line, message: message.to_owned() });
        let Some((last, end)) = commands.pop() else {
            return error(line, "the block is empty; state the claim");
        };
        let early = commands.iter().find(|(role, _)| matches!(role, Role::Claim | Role::CheckSat));
        match (early, last) {
            (Some((Role::CheckSat, _)), Role::CheckSat) => {
                return error(end.line, "a second (check-sat); give each claim a block of its own");
            }
            (Some((Role::CheckSat, command)), _) => {
                return error(command.line, "(check-sat) must come last");
            }
            (Some((_, command)), Role::CheckSat) => {
                return error(
                    command.line,
                    "a block either defines invariant or ends in (check-sat), not both; drop the \
                     (check-sat) or rename the function",
                );
            }
            (Some((_, command)), _) => {
                return error(
                    command.line,
                    "the definition of invariant must come last; move assertions before it",
                );
            }
            (None, Role::Claim) => {
                let text = format!("(assert (not {CLAIM}))");
                let negation = Command { line: end.line, text, asserts: true };
                return Ok(Self::new(
                    Form::Claim,
                    statement,
                    commands,
                    vec![end, negation],
                    symbols,
                ));
            }
            (None, Role::CheckSat) => {}
            (None, _) => {
                return error(
                    end.line,
                    "the block states no claim; end it with (define-fun invariant () Bool …), or \
                     assert the negated claim and end with (check-sat)",
                );
            }
        }
        let Some(last) = commands.iter().rposition(|(role, _)| *role == Role::Assertion) else {
            return error(end.line, "nothing is asserted; the last assertion is the negated claim");
        };
        let (_, goal) = commands.remove(last);
        Ok(Self::new(Form::Refutation, statement, commands, vec![goal], symbols))
    }

    fn new(
        form: Form,
        statement: String,
        prelude: Vec<(Role, Command)>,
        goal: Vec<Command>,
        symbols: Vec<String>,
    ) -> Self {
        let prelude = prelude.into_iter().map(|(_, command)| command).collect();
        Self { form: Some(form), statement, foreign: None, prelude, goal, symbols }
    }
}

fn too_long(line: u32) -> BlockError {
    let message = format!("the block is longer than {} KB; split it", MAX_BLOCK / 1024);
    BlockError { line, message }
}
