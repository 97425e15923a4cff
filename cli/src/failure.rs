//! What went wrong, in one sentence, and the way out.

use std::fmt;

/// An error that a person can act on: `what` is one sentence, `hint` the way out.
#[derive(Debug, Clone)]
pub struct Failure {
    what: String,
    hint: Option<String>,
    status: u8,
}

impl Failure {
    /// A failure with the exit status 1.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, status: 1 }
    }

    /// With the way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With another exit status.
    #[must_use]
    pub fn status(mut self, status: u8) -> Self {
        self.status = status;
        self
    }

    /// The exit status that an error asks for.
    pub fn status_of(error: &anyhow::Error) -> u8 {
        error.downcast_ref::<Self>().map_or(1, |failure| failure.status)
    }

    /// The way out of an error, if one is known.
    pub fn hint_of(error: &anyhow::Error) -> Option<&str> {
        error.downcast_ref::<Self>().and_then(|failure| failure.hint.as_deref())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}
