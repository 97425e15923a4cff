//! The kinds of source that spec documents come from. A source is one module behind the one trait
//! [`Source`]: it verifies deliveries, reads them, says which of the tracked spaces and documents they
//! are about, and fetches a document's canonical text. Adding one touches [`ALL`] and no other source.
//!
//! What a source makes of its documents is Markdown with fenced code blocks, whatever it keeps them
//! in, so that everything behind it reads one language.

pub mod bearer;
pub mod confluence;
pub mod delivery;
pub mod fetch;
pub mod github;
pub mod google_docs;
pub mod jira;
pub mod json_depth;
pub mod key_set;
mod rsa_key;
pub mod session;
pub mod signature;
mod source;
pub mod text;
pub mod upkeep;
pub mod upload;

pub use delivery::{Delivery, Event, Keys, Malformed, PullRequest, Reading, Refused, Space};
pub use fetch::{Changed, Changes, FetchError, Fetched, HostedDocument};
pub use session::{Bases, Session};
pub use source::{Fetching, Source};
pub use upkeep::{Problem, Replayed, Upkeep};

/// All sources.
pub const ALL: &[&dyn Source] = &[
    &github::GitHub,
    &jira::Jira,
    &confluence::Confluence,
    &google_docs::GoogleDocs,
    &upload::Upload,
];

/// The source of this name.
pub fn by_name(name: &str) -> Option<&'static dyn Source> {
    ALL.iter().copied().find(|source| source.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_there_is_one_of_each() {
        for source in ALL {
            assert_eq!(by_name(source.name()).map(Source::name), Some(source.name()));
            assert_eq!(ALL.iter().filter(|other| other.name() == source.name()).count(), 1);
        }
        assert!(by_name("nothing").is_none());
    }
}
