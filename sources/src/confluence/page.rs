//! A page as both kinds of Confluence describe it, and the cursor of their listings.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::fetch::{FetchError, Fetched, HostedDocument};
use crate::text::storage;

/// How long a listing of changes goes on from where the last one was before everything is listed
/// again. A page that was moved, or put into the trash of Data Center, is found by nothing else if its
/// notice was lost.
const WHOLE_AGAIN: Duration = Duration::from_secs(6 * 3_600);
/// How far a listing goes back behind the newest change that was seen: an index of the service may be
/// late, and clocks may differ.
pub(super) const OVERLAP: Duration = Duration::from_secs(10 * 60);

/// The text of a page.
#[derive(Deserialize, Default)]
pub(super) struct Body {
    #[serde(default)]
    storage: Option<Storage>,
}

#[derive(Deserialize)]
struct Storage {
    value: String,
}

#[derive(Deserialize, Default)]
pub(super) struct Links {
    #[serde(default)]
    pub(super) base: Option<String>,
    #[serde(default)]
    pub(super) webui: Option<String>,
    #[serde(default)]
    pub(super) next: Option<String>,
}

impl Links {
    /// Where people read the page.
    pub(super) fn page(&self, root: &str) -> Option<String> {
        let base = self.base.as_deref().unwrap_or(root);
        Some(format!("{base}{}", self.webui.as_deref()?))
    }
}

/// A page that is in its space, as a document. `unreadable` says why its text was not read.
pub(super) fn document(
    id: &str,
    title: String,
    version: u64,
    url: Option<String>,
    body: Body,
    unreadable: Option<String>,
) -> Fetched {
    let text = match (unreadable, body.storage) {
        (Some(why), _) => Err(why),
        (None, Some(body)) => storage::to_markdown(&body.value).map_err(|error| error.to_string()),
        (None, None) => Err("the service gave no text in storage format".to_owned()),
    };
    let (key, version) = (id.to_owned(), version.to_string());
    Fetched::Present(HostedDocument { key, title, url, version, text })
}

/// Where a listing goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// When the last whole listing began.
    whole: DateTime<Utc>,
    /// From when on changes are still to be told.
    pub(super) since: DateTime<Utc>,
    /// Within a listing: whether it is a whole one, and the service's place in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) at: Option<At>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct At {
    pub(super) everything: bool,
    pub(super) place: String,
    /// When it began.
    began: DateTime<Utc>,
}

impl Cursor {
    /// Reads a cursor. `None`: everything is to be listed.
    pub(super) fn read(text: Option<&str>, now: SystemTime) -> Result<Option<Self>, FetchError> {
        let Some(text) = text else { return Ok(None) };
        let cursor: Self = serde_json::from_str(text).map_err(|_| FetchError::StaleCursor)?;
        let now = DateTime::<Utc>::from(now);
        let age = (now - cursor.whole).to_std().unwrap_or_default();
        // A listing that began goes on.
        Ok(Some(cursor).filter(|cursor| cursor.at.is_some() || age < WHOLE_AGAIN))
    }

    /// Whether this listing is of everything.
    pub(super) fn everything(of: Option<&Self>) -> bool {
        of.is_none_or(|cursor| cursor.at.as_ref().is_some_and(|at| at.everything))
    }

    /// The cursor behind a page of a listing: `place` is the service's if there are more pages.
    pub(super) fn behind(of: Option<&Self>, place: Option<String>, now: SystemTime) -> Self {
        let now = DateTime::<Utc>::from(now);
        let everything = Self::everything(of);
        let began = of.and_then(|cursor| cursor.at.as_ref()).map_or(now, |at| at.began);
        let since = of.map_or(began, |cursor| cursor.since);
        let whole = if everything { began } else { of.map_or(began, |cursor| cursor.whole) };
        match place {
            Some(place) => Self { whole, since, at: Some(At { everything, place, began }) },
            None => Self { whole, since: began, at: None },
        }
    }

    /// As text.
    pub(super) fn write(&self) -> Result<String, FetchError> {
        let text = serde_json::to_string(self).unwrap_or_default();
        // The longest that is kept.
        if text.is_empty() || text.len() > 2_000 {
            return Err(FetchError::Unexpected(
                "the service's place in its listing is too long to be kept".to_owned(),
            ));
        }
        Ok(text)
    }
}
