//! What can go wrong in the store.

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be asked, or refused. May pass by itself.
    #[error("the database did not answer: {0}")]
    Database(#[from] sqlx::Error),
    /// Something that was named is not there (for this tenant).
    #[error("no {kind} {id}")]
    NotFound {
        /// What was looked for, for example `repository`.
        kind: &'static str,
        /// Its id.
        id: String,
    },
    /// The change contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// The database holds something that this program cannot read: a newer schema or a fault.
    #[error("the database holds an unreadable value: {0}")]
    Unreadable(String),
    /// The database is not set up as the program needs it; says what to do.
    #[error("{0}")]
    Setup(String),
}

impl StoreError {
    /// Whether trying again can help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Database(_))
    }
}
