//! What fetching gives.

use std::time::Duration;

use sbh_outbound::{Answer, OutboundError};

/// A document as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// It is in the space.
    Present(HostedDocument),
    /// It is gone, or in another space.
    Absent,
}

/// A document of a hosted source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedDocument {
    /// Its key within the space, which stays when its title changes. People see it as its path.
    pub key: String,
    /// Its title.
    pub title: String,
    /// Where people read it.
    pub url: Option<String>,
    /// The source's version of it: another version is another content.
    pub version: String,
    /// Its text as Markdown, before line ends and trailing space are normalised, or why it has none
    /// (too large, too deep): then it is judged as unreadable.
    pub text: Result<String, String>,
}

/// One page of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What changed.
    pub documents: Vec<Changed>,
    /// Where the next listing goes on. Opaque; at most 2,000 characters.
    pub cursor: String,
    /// Whether there are more pages now.
    pub more: bool,
    /// Whether all pages together name every document of the space, so that others are gone.
    pub everything: bool,
}

/// A document of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its key.
    pub key: String,
    /// Whether it is gone.
    pub removed: bool,
}

/// Why fetching failed, in words for people, without a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The service asks to be left alone for so long.
    #[error("the service asks to be left alone for {} s", after.as_secs())]
    RateLimited {
        /// How long.
        after: Duration,
    },
    /// The credential is missing, expired or without the permission.
    #[error("{0}")]
    Credential(String),
    /// What the space or a setting names is not there.
    #[error("{0}")]
    NotFound(String),
    /// The cursor is too old: list everything anew.
    #[error("the listing cannot go on from where it was")]
    StaleCursor,
    /// The address may not be reached.
    #[error("{0}")]
    Address(String),
    /// The service cannot be reached or is broken now.
    #[error("{0}")]
    Unavailable(String),
    /// The service answered something that cannot be understood.
    #[error("{0}")]
    Unexpected(String),
}

impl From<OutboundError> for FetchError {
    fn from(error: OutboundError) -> Self {
        match error {
            OutboundError::Refused(why) => Self::Address(why),
            OutboundError::NotSent(why) | OutboundError::Unclear(why) => Self::Unavailable(why),
            OutboundError::TooLarge(why) => Self::Unexpected(why),
        }
    }
}

impl FetchError {
    /// What an answer that is not a success means, the same at all services: `of` names what was asked
    /// for. `None` for a success.
    pub fn of(answer: &Answer, of: &str, now: std::time::SystemTime) -> Option<Self> {
        if answer.status.is_success() {
            return None;
        }
        if let Some(after) = answer.retry_after(now) {
            return Some(Self::RateLimited { after });
        }
        let status = answer.status.as_u16();
        Some(match status {
            401 | 403 => Self::Credential(format!(
                "{of}: the service answered {status}; check the connection's credential and its permissions"
            )),
            404 | 410 => Self::NotFound(format!("{of}: the service has no such thing ({status})")),
            500.. => Self::Unavailable(format!("{of}: the service answered {status}")),
            _ => Self::Unexpected(format!("{of}: the service answered {status}")),
        })
    }
}
