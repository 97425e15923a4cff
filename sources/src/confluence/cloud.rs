//! Cloud's REST interface, version 2.
//! <https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-page/>

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use reqwest::Url;
use sbh_domain::Digest;
use serde::Deserialize;

use super::api::{Api, Sized};
use super::page::{Body, Cursor, Links, OVERLAP, document};
use crate::fetch::{Changed, Changes, FetchError, Fetched};

/// How long the id of a space is remembered. A key can be given to another space later.
const REMEMBER: Duration = Duration::from_secs(10 * 60);
/// Spaces that are remembered at most.
const MOST: usize = 10_000;
/// Pages in one answer of a listing: the most that there can be.
const PAGE: &str = "250";

#[derive(Deserialize)]
struct Page {
    id: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    title: String,
    #[serde(rename = "spaceId", default)]
    space: Option<String>,
    version: Version,
    #[serde(default)]
    body: Option<Body>,
    #[serde(rename = "_links", default)]
    links: Links,
}

#[derive(Deserialize)]
struct Version {
    number: u64,
    #[serde(rename = "createdAt")]
    at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct List<T> {
    results: Vec<T>,
    #[serde(rename = "_links", default)]
    links: Links,
}

#[derive(Deserialize)]
struct Space {
    id: String,
    key: String,
    #[serde(default)]
    status: Option<String>,
}

pub(super) async fn fetch(
    api: &Api<'_>,
    space: &str,
    document_id: &str,
) -> Result<Fetched, FetchError> {
    let of = format!("page {document_id}");
    let path = format!("/wiki/api/v2/pages/{document_id}");
    let space_id = space_id(api, space).await?;
    let (page, unreadable) = match api.page(&path, &[("body-format", "storage")], &of).await {
        Ok(Sized::Whole(page)) => (page, None),
        Ok(Sized::TooLarge(why)) => match api.get::<Page>(&path, &[], &of).await {
            Ok(page) => (page, Some(why)),
            Err(FetchError::NotFound(_)) => return Ok(Fetched::Absent),
            Err(error) => return Err(error),
        },
        Err(FetchError::NotFound(_)) => {
            // Without permission for the space every page of it looks gone.
            ask_space_id(api, space).await?;
            return Ok(Fetched::Absent);
        }
        Err(error) => return Err(error),
    };
    if page.status != "current" || page.space.as_deref() != Some(space_id.as_str()) {
        return Ok(Fetched::Absent);
    }
    let url = page.links.page(&format!("{}/wiki", api.root()));
    let body = page.body.unwrap_or_default();
    Ok(document(document_id, page.title, page.version.number, url, body, unreadable))
}

pub(super) async fn changes(
    api: &Api<'_>,
    space: &str,
    cursor: Option<&str>,
) -> Result<Changes, FetchError> {
    let cursor = Cursor::read(cursor, api.now())?;
    let everything = Cursor::everything(cursor.as_ref());
    let space_id = space_id(api, space).await?;
    let path = format!("/wiki/api/v2/spaces/{space_id}/pages");
    // Newest first, so that a listing of changes can end early.
    let mut query = vec![("limit", PAGE), ("sort", "-modified-date")];
    query.push(("status", if everything { "current" } else { "current,archived,trashed" }));
    let place = cursor.as_ref().and_then(|cursor| cursor.at.as_ref());
    if let Some(at) = place {
        query.push(("cursor", &at.place));
    }
    let list: List<Page> = match api.get(&path, &query, &format!("space {space}")).await {
        // A place that the service does not take any more.
        Err(FetchError::Unexpected(_)) if place.is_some() => return Err(FetchError::StaleCursor),
        other => other?,
    };
    let since = cursor.as_ref().filter(|_| !everything).map(|cursor| cursor.since - OVERLAP);
    let new = |page: &&Page| since.is_none_or(|since| page.version.at >= since);
    let documents: Vec<Changed> = list
        .results
        .iter()
        .filter(new)
        .map(|page| Changed { key: page.id.clone(), removed: page.status != "current" })
        .collect();
    let older = documents.len() < list.results.len();
    let next = list.links.next.as_deref().filter(|_| !older).and_then(place_in);
    let more = next.is_some();
    let cursor = Cursor::behind(cursor.as_ref(), next, api.now()).write()?;
    Ok(Changes { documents, cursor, more, everything })
}

pub(super) async fn probe(api: &Api<'_>) -> Result<String, FetchError> {
    let spaces: List<Space> =
        api.get("/wiki/api/v2/spaces", &[("limit", "1")], "the list of spaces").await?;
    Ok(match spaces.results.first() {
        Some(space) => format!("Confluence Cloud answers; space {} is readable", space.key),
        None => "Confluence Cloud answers, and shows no space to this account".to_owned(),
    })
}

/// The service's place in a listing, from the address of the next page.
fn place_in(next: &str) -> Option<String> {
    // The address is relative to the site.
    let url = Url::parse("https://x/").ok()?.join(next).ok()?;
    let (_, place) = url.query_pairs().find(|(name, _)| name == "cursor")?;
    Some(place.into_owned())
}

/// The ids of spaces, by site, connection and key.
static SPACES: LazyLock<Mutex<HashMap<Digest, (String, SystemTime)>>> =
    LazyLock::new(Mutex::default);

async fn space_id(api: &Api<'_>, space: &str) -> Result<String, FetchError> {
    let name = remembered_as(api, space);
    let known = SPACES.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
    match known {
        Some((id, until)) if until > api.now() => Ok(id),
        _ => ask_space_id(api, space).await,
    }
}

async fn ask_space_id(api: &Api<'_>, space: &str) -> Result<String, FetchError> {
    let of = format!("space {space}");
    let list: List<Space> = api.get("/wiki/api/v2/spaces", &[("keys", space)], &of).await?;
    let found = list.results.into_iter().find(|found| found.key.eq_ignore_ascii_case(space));
    let found = found.filter(|found| found.status.as_deref() != Some("archived"));
    let Some(found) = found else {
        return Err(FetchError::NotFound(format!(
            "{of}: there is none that this account can see; check the key and the permissions"
        )));
    };
    // It becomes a part of paths.
    if found.id.is_empty() || !found.id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(FetchError::Unexpected(format!("{of}: its id is not a number")));
    }
    let mut spaces = SPACES.lock().unwrap_or_else(PoisonError::into_inner);
    if spaces.len() >= MOST {
        spaces.retain(|_, (_, until)| *until > api.now());
    }
    if spaces.len() < MOST {
        spaces.insert(remembered_as(api, space), (found.id.clone(), api.now() + REMEMBER));
    }
    Ok(found.id)
}

fn remembered_as(api: &Api<'_>, space: &str) -> Digest {
    let connection = api.connection().into_bytes();
    Digest::of_fields([api.root().as_bytes(), connection.as_slice(), space.as_bytes()])
}
