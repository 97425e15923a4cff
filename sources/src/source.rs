//! What a source is.

use std::time::SystemTime;

use futures::future::BoxFuture;
use reqwest::Url;
use serde_json::Value;

use crate::delivery::{Delivery, Event, Keys, Malformed, Reading, Refused, Space};
use crate::fetch::{Changes, FetchError, Fetched};
use crate::session::{Bases, Session};
use crate::upkeep::Upkeep;

/// How the documents of a source's spaces are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetching {
    /// Its spaces are git repositories, followed through a mirror: [`Source::fetch`] and
    /// [`Source::changes`] are never called.
    Git,
    /// One document at a time, from the source's own interface.
    Documents,
    /// From what callers put into the store: nothing is fetched from anywhere.
    Store,
}

/// A kind of source. Everything but the last four is pure: no clock, no network.
pub trait Source: Sync {
    /// Its name in addresses (`/webhooks/{name}/…`), in the database and in metrics. Frozen.
    fn name(&self) -> &'static str;

    /// How its documents are read.
    fn fetching(&self) -> Fetching;

    /// Checks a connection's settings as a person gave them (JSON, the source's own fields) and
    /// returns them with every default filled in.
    ///
    /// # Errors
    /// Names the field and says what to write.
    fn check_settings(&self, settings: &Value) -> Result<Value, String>;

    /// Checks the name of a space, for example a project's key, and returns its one true form.
    ///
    /// # Errors
    /// Says what a space of this source looks like.
    fn check_space(&self, space: &str) -> Result<String, String>;

    /// Where the keys are published that sign deliveries, if they are signed so. The caller fetches
    /// and keeps them ([`Keys::key_set`]).
    fn key_set(&self, _settings: &Value, _bases: &Bases) -> Option<Url> {
        None
    }

    /// Whether a delivery is genuine: signed, addressed to this connection, and in time.
    ///
    /// # Errors
    /// [`Refused`] in words for the connection's owner, never for the sender.
    fn verify(
        &self,
        delivery: &Delivery<'_>,
        keys: &Keys<'_>,
        now: SystemTime,
    ) -> Result<(), Refused>;

    /// What a genuine delivery says.
    ///
    /// # Errors
    /// [`Malformed`] where it says nothing that can be understood.
    fn parse(&self, delivery: &Delivery<'_>, settings: &Value) -> Result<Reading, Malformed>;

    /// Which of the connection's tracked spaces an event is about: their indices. As a default, those
    /// that the event names.
    fn resolve(&self, event: &Event, spaces: &[Space]) -> Vec<usize> {
        let named = |space: &Space| event.spaces.contains(&space.space);
        spaces
            .iter()
            .enumerate()
            .filter(|(_, space)| named(space))
            .map(|(index, _)| index)
            .collect()
    }

    /// Fetches one document of a space as it is now.
    fn fetch<'a>(
        &'a self,
        session: &'a Session<'a>,
        space: &'a str,
        document: &'a str,
    ) -> BoxFuture<'a, Result<Fetched, FetchError>>;

    /// Lists one page of the documents of a space that changed since a cursor, or all of them where
    /// there is none.
    fn changes<'a>(
        &'a self,
        session: &'a Session<'a>,
        space: &'a str,
        cursor: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Changes, FetchError>>;

    /// Renews what must be renewed (channels, registered webhooks), and looks for deliveries that were
    /// missed. `state` is what the last round left, `Null` before the first. As a default there is
    /// nothing to do.
    fn upkeep<'a>(
        &'a self,
        _session: &'a Session<'a>,
        _spaces: &'a [Space],
        _state: Value,
    ) -> BoxFuture<'a, Result<Upkeep, FetchError>> {
        Box::pin(async { Ok(Upkeep::nothing()) })
    }

    /// Whether the service can be reached with the connection's credential: in one line, what was seen.
    fn probe<'a>(&'a self, session: &'a Session<'a>) -> BoxFuture<'a, Result<String, FetchError>>;
}
