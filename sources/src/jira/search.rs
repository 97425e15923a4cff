//! What changed in a project, and what is in it.
//!
//! - Cloud: <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/>; its
//!   search may lag behind what was just written.
//! - Data Center: <https://developer.atlassian.com/server/jira/platform/rest/>
//!
//! Searches go back further than the last one, and what was listed then is left out. JQL reads dates in
//! the time zone of whoever asks, so the time is said in minutes before now. Deleted issues are in no
//! search: a listing of everything, once a day, finds those that were not announced.

use std::time::SystemTime;

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::api::{Api, MAX_ISSUE};
use super::settings::{Variant, project_of};
use crate::fetch::{Changed, Changes, FetchError};

/// Issues in one answer.
const PAGE: usize = 100;
/// Issues of one page that are asked for again with the next: Data Center counts, and what leaves the
/// list meanwhile would let others be skipped.
const AGAIN: usize = 10;
/// Minutes that a search goes back further than the last.
const OVERLAP_MIN: u64 = 5;
/// Seconds after which everything is listed again.
const EVERYTHING_S: u64 = 24 * 3_600;
/// Issues of the last listing that are remembered at most.
const REMEMBERED: usize = 80;
/// Characters of a cursor at most.
const LONGEST: usize = 2_000;

/// Where a listing goes on.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Cursor {
    /// When the last listing began, in seconds since 1970.
    since: u64,
    /// When everything was listed last.
    everything: u64,
    /// Digests of what the last listing held and the next may hold again, 8 characters each.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    seen: String,
    /// The listing that is under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    page: Option<Page>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Page {
    began: u64,
    /// How far it goes back; `None`: it lists everything.
    minutes: Option<u64>,
    /// Cloud's place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// Data Center's place.
    #[serde(default)]
    start: usize,
    /// What it held so far, as in [`Cursor::seen`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    seen: String,
}

#[derive(Deserialize)]
struct Found {
    #[serde(default)]
    issues: Vec<Issue>,
    #[serde(rename = "nextPageToken", default)]
    next: Option<String>,
    #[serde(rename = "isLast", default)]
    last: Option<bool>,
    #[serde(default)]
    total: Option<usize>,
}

#[derive(Deserialize)]
struct Issue {
    key: String,
    #[serde(default)]
    fields: Fields,
}

#[derive(Default, Deserialize)]
struct Fields {
    #[serde(default)]
    updated: Option<String>,
}

pub(super) async fn changes(
    api: &Api<'_>,
    project: &str,
    cursor: Option<&str>,
) -> Result<Changes, FetchError> {
    let now = api.session.now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut cursor: Cursor = match cursor {
        Some(text) => serde_json::from_str(text).map_err(|_| FetchError::StaleCursor)?,
        None => Cursor::default(),
    };
    let mut page = cursor.page.take().unwrap_or_else(|| {
        let whole = now.saturating_sub(cursor.everything) >= EVERYTHING_S;
        let back = now.saturating_sub(cursor.since) / 60 + 1 + OVERLAP_MIN;
        Page {
            began: now,
            minutes: (!whole).then_some(back),
            token: None,
            start: 0,
            seen: String::new(),
        }
    });
    let found = ask(api, project, &page).await?;
    let count = found.issues.len();
    let mut documents = Vec::with_capacity(count);
    for issue in found.issues {
        // Moved away, or none of Jira's.
        if project_of(&issue.key) != Some(project) {
            continue;
        }
        let updated = issue.fields.updated.as_deref().unwrap_or_default();
        let mark = mark(&issue.key, updated);
        if page.seen.len() < REMEMBERED * 8 && !is_older(updated, page.began) {
            page.seen.push_str(&mark);
        }
        if page.minutes.is_none() || !holds(&cursor.seen, &mark) {
            documents.push(Changed { key: issue.key, removed: false });
        }
    }
    let next = match (api.settings.variant, found.next) {
        (Variant::DataCenter, _) => {
            let on = page.start + if count > AGAIN { count - AGAIN } else { count };
            let more = count > 0 && page.start + count < found.total.unwrap_or(0);
            more.then(|| Page { start: on, ..page.clone() })
        }
        (_, Some(token)) if found.last != Some(true) => {
            Some(Page { token: Some(token), ..page.clone() })
        }
        _ => None,
    };
    let (more, everything) = (next.is_some(), page.minutes.is_none());
    cursor.page = next;
    if !more {
        cursor.since = page.began;
        cursor.seen = page.seen;
        if everything {
            cursor.everything = page.began;
        }
    }
    let mut text = json!(cursor).to_string();
    if text.len() > LONGEST {
        // What is not remembered is told again.
        cursor.seen.clear();
        cursor.page.iter_mut().for_each(|page| page.seen.clear());
        text = json!(cursor).to_string();
    }
    if text.len() > LONGEST {
        return Err(FetchError::Unexpected("Jira's page token is too long".to_owned()));
    }
    Ok(Changes { documents, cursor: text, more, everything })
}

async fn ask(api: &Api<'_>, project: &str, page: &Page) -> Result<Found, FetchError> {
    let of = format!("project {project}");
    let mut jql = format!("project = \"{project}\"");
    if let Some(minutes) = page.minutes {
        jql.push_str(&format!(" AND updated >= \"-{minutes}m\""));
    }
    // By the key, which changes do not move.
    jql.push_str(" ORDER BY key ASC");
    let (count, start) = (PAGE.to_string(), page.start.to_string());
    let mut query = vec![("jql", jql.as_str()), ("fields", "updated"), ("maxResults", &count)];
    let path = if api.settings.variant == Variant::DataCenter {
        query.push(("startAt", &start));
        "search"
    } else {
        query.extend(page.token.as_deref().map(|token| ("nextPageToken", token)));
        "search/jql"
    };
    let answer = api.answer(Method::GET, path, &query, None, MAX_ISSUE).await?;
    if answer.status == StatusCode::BAD_REQUEST {
        // Jira answers so for a project that is not there, and for a place that is not known any more.
        return Err(match page.token {
            Some(_) => FetchError::StaleCursor,
            None => {
                FetchError::NotFound(format!("{of}: Jira has no such project, or does not show it"))
            }
        });
    }
    api.read(&answer, &of)
}

/// Whether an issue was updated so long before a listing began that the next one does not reach it.
fn is_older(updated: &str, began: u64) -> bool {
    let at = chrono::DateTime::parse_from_str(updated, "%Y-%m-%dT%H:%M:%S%.f%z");
    let at = at.ok().and_then(|at| u64::try_from(at.timestamp()).ok());
    at.is_some_and(|at| at + (OVERLAP_MIN + 2) * 60 < began)
}

/// What is remembered of an issue as it was listed.
fn mark(key: &str, updated: &str) -> String {
    let digest = sbh_domain::Digest::of(format!("{key} {updated}").as_bytes()).to_string();
    digest.get(..8).unwrap_or_default().to_owned()
}

fn holds(seen: &str, mark: &str) -> bool {
    seen.as_bytes().chunks(8).any(|one| one == mark.as_bytes())
}
