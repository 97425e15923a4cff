//! One invariant: a parsed block that may be sent to a prover.

use sbh_domain::{Digest, Form};

/// A well-formed, allowed invariant. Only the parser makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invariant {
    form: Form,
    statement: String,
}

impl Invariant {
    /// How the block states its claim.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The normalised text, as our own printer writes it: what is shown and hashed.
    pub fn statement(&self) -> &str {
        &self.statement
    }

    /// The digest of the statement: it changes with every token and with nothing else.
    pub fn statement_hash(&self) -> Digest {
        Digest::of(&self.statement)
    }
}
