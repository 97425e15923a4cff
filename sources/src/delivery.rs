//! A delivery of a webhook: what came, what it is checked with, and what it says.

use http::HeaderMap;
use sbh_domain::{Digest, RepositoryId};
use serde_json::Value;

use crate::key_set::KeySet;

/// A delivery as it came.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// Its raw body.
    pub body: &'a [u8],
}

impl<'a> Delivery<'a> {
    /// A header as text; `None` where it is missing, double or no text.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next()?.to_str().ok()?;
        // Two different values would let one be verified and the other be read.
        values.next().is_none().then_some(value)
    }

    /// The token of `Authorization: Bearer …`.
    pub fn bearer(&self) -> Option<&'a str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
    }

    /// The digest of its body, in hex.
    pub fn body_digest(&self) -> String {
        Digest::of(self.body).to_string()
    }
}

/// What a delivery is checked with.
#[derive(Clone, Copy)]
pub struct Keys<'a> {
    /// The connection's live secrets, newest first: one or two. Every one is tried.
    pub secrets: &'a [Vec<u8>],
    /// The published keys by their id, where [`crate::Source::key_set`] names an address.
    pub key_set: Option<&'a KeySet>,
    /// The connection's settings.
    pub settings: &'a Value,
    /// The connection's id.
    pub connection: uuid::Uuid,
}

/// Why a delivery is not genuine, in words for the connection's owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Refused {
    /// What was wrong, and what to do about it at the source.
    pub why: String,
    /// Whether newer secrets or keys than those at hand could make it genuine.
    pub try_newer: bool,
}

impl Refused {
    /// One that newer secrets or keys could make genuine.
    pub fn key(why: impl Into<String>) -> Self {
        Self { why: why.into(), try_newer: true }
    }

    /// One that nothing can.
    pub fn never(why: impl Into<String>) -> Self {
        Self { why: why.into(), try_newer: false }
    }
}

/// Why a genuine delivery says nothing: in words for its sender and the connection's owner, without
/// quoting it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub String);

/// What a genuine delivery says.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// Something changed.
    Changed {
        /// What the source declares as its deduplication key; unsigned headers are no part of it.
        dedup_key: String,
        /// What people are shown of it in the inbox: small, never trusted.
        hint: Value,
        /// What changed.
        events: Vec<Event>,
    },
    /// Nothing that matters here, and why. A greeting says `ping`.
    Ignored(&'static str),
}

/// One thing that changed. A hint to look, never what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Event {
    /// The names of the spaces that it may be about: keys of projects, addresses of a repository …
    pub spaces: Vec<String>,
    /// The document's key within the space; `None`: anything in it may have changed.
    pub document: Option<String>,
    /// The pull request that it is about, if it is: then no document changed.
    pub pull_request: Option<PullRequest>,
}

impl Event {
    /// The deduplication key of the notice of this event, in a delivery with the key `of`: events of one
    /// delivery are different notices.
    pub fn dedup_key(&self, of: &str) -> String {
        match &self.document {
            Some(document) => format!("{of}#{document}"),
            None => of.to_owned(),
        }
    }

    /// The number of the pull request that it is about.
    pub fn pull_number(&self) -> Option<i64> {
        i64::try_from(self.pull_request.as_ref()?.number).ok()
    }
}

/// A pull request as a delivery names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// The commit at its head.
    pub head: String,
}

/// A tracked space of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Space {
    /// The repository that stands for it.
    pub repository: RepositoryId,
    /// What the source calls it; for a git repository its address.
    pub space: String,
}
