//! What can go wrong in the store.

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be asked, or refused. May pass by itself.
    #[error("the database did not answer: {0}")]
    Database(#[source] sqlx::Error),
    /// All connections of the pool were in use for as long as a caller waits.
    #[error(
        "every database connection was in use for {} s: try again, or raise the number of connections",
        crate::connect::ACQUIRE_TIMEOUT.as_secs()
    )]
    Busy,
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

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            other => Self::Database(other),
        }
    }
}

impl StoreError {
    /// Whether trying again can help: not where the database refused the statement itself (SQLSTATE
    /// classes 22 bad value, 23 broken constraint, 42 refused or wrong statement).
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy => true,
            Self::Database(sqlx::Error::Database(error)) => {
                !error.code().is_some_and(|code| ["22", "23", "42"].contains(&&code[..2]))
            }
            Self::Database(error) => !matches!(
                error,
                sqlx::Error::ColumnDecode { .. }
                    | sqlx::Error::Decode(_)
                    | sqlx::Error::Encode(_)
                    | sqlx::Error::ColumnNotFound(_)
                    | sqlx::Error::RowNotFound
            ),
            Self::NotFound { .. } | Self::Conflict(_) | Self::Unreadable(_) | Self::Setup(_) => {
                false
            }
        }
    }

    /// The same error for something that is not there.
    pub(crate) fn not_found(kind: &'static str, id: impl ToString) -> Self {
        Self::NotFound { kind, id: id.to_string() }
    }

    /// Whether the database refused a change for breaking this constraint or unique index.
    pub(crate) fn breaks(error: &sqlx::Error, constraint: &str) -> bool {
        matches!(error, sqlx::Error::Database(e) if e.constraint() == Some(constraint))
    }
}
