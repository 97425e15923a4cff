//! Data Center's REST interface.
//! <https://developer.atlassian.com/server/confluence/confluence-rest-api-examples/>

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::api::{Api, Sized};
use super::page::{Body, Cursor, Links, OVERLAP, document};
use crate::fetch::{Changed, Changes, FetchError, Fetched};

/// Pages in one answer of a listing.
const PAGE: usize = 100;
/// How many entries of an answer the next one begins with again: when a page goes away meanwhile, those
/// behind it move up, and none must be missed.
const AGAIN: usize = 10;
/// No listing of changes looks back further; a whole one comes before.
const LONGEST: Duration = Duration::from_secs(24 * 3_600);

#[derive(Deserialize)]
struct Page {
    id: String,
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    space: Option<Space>,
    #[serde(default)]
    version: Option<Version>,
    #[serde(default)]
    body: Option<Body>,
    #[serde(rename = "_links", default)]
    links: Links,
}

#[derive(Deserialize)]
struct Space {
    key: String,
}

#[derive(Deserialize)]
struct Version {
    number: u64,
}

#[derive(Deserialize)]
struct List {
    results: Vec<Page>,
    #[serde(rename = "_links", default)]
    links: Links,
}

#[derive(Deserialize)]
struct User {
    #[serde(rename = "displayName", default)]
    name: String,
}

pub(super) async fn fetch(
    api: &Api<'_>,
    space: &str,
    document_id: &str,
) -> Result<Fetched, FetchError> {
    let of = format!("page {document_id}");
    let path = format!("/rest/api/content/{document_id}");
    let whole = [("expand", "body.storage,version,space")];
    let (page, unreadable) = match api.page::<Page>(&path, &whole, &of).await {
        Ok(Sized::Whole(page)) => (page, None),
        Ok(Sized::TooLarge(why)) => {
            match api.get::<Page>(&path, &[("expand", "version,space")], &of).await {
                Ok(page) => (page, Some(why)),
                Err(FetchError::NotFound(_)) => return Ok(Fetched::Absent),
                Err(error) => return Err(error),
            }
        }
        Err(FetchError::NotFound(_)) => {
            // Without permission for the space every page of it looks gone.
            let path = format!("/rest/api/space/{space}");
            api.get::<Space>(&path, &[], &format!("space {space}")).await?;
            return Ok(Fetched::Absent);
        }
        Err(error) => return Err(error),
    };
    let there = page.space.as_ref().is_some_and(|found| found.key.eq_ignore_ascii_case(space));
    if !there || page.status != "current" || page.kind != "page" {
        return Ok(Fetched::Absent);
    }
    let Some(version) = page.version else {
        return Err(FetchError::Unexpected(format!("{of}: the answer has no version")));
    };
    let url = page.links.page(api.root());
    let body = page.body.unwrap_or_default();
    Ok(document(document_id, page.title, version.number, url, body, unreadable))
}

pub(super) async fn changes(
    api: &Api<'_>,
    space: &str,
    cursor: Option<&str>,
) -> Result<Changes, FetchError> {
    let cursor = Cursor::read(cursor, api.now())?;
    let everything = Cursor::everything(cursor.as_ref());
    let at = cursor.as_ref().and_then(|cursor| cursor.at.as_ref());
    let start: usize = match at {
        Some(at) => at.place.parse().map_err(|_| FetchError::StaleCursor)?,
        None => 0,
    };
    let (start_text, limit) = (start.to_string(), PAGE.to_string());
    let mut query = vec![("start", start_text.as_str()), ("limit", limit.as_str())];
    let of = format!("space {space}");
    let cql;
    let list: List = if everything {
        query.extend([("spaceKey", space), ("type", "page"), ("status", "current")]);
        api.get("/rest/api/content", &query, &of).await?
    } else {
        let since = cursor.as_ref().map_or(DateTime::UNIX_EPOCH, |cursor| cursor.since);
        let ago = (DateTime::<Utc>::from(api.now()) - since).to_std().unwrap_or_default();
        let minutes = (ago.min(LONGEST) + OVERLAP).as_secs().div_ceil(60);
        // Relative to the server's clock: dates are read in the time zone of whoever asks.
        cql = format!(
            "space = \"{space}\" and type = page and lastmodified >= now(\"-{minutes}m\") order by lastmodified desc"
        );
        query.push(("cql", &cql));
        api.get("/rest/api/content/search", &query, &of).await?
    };
    let more = list.links.next.is_some() && !list.results.is_empty();
    let next = more.then(|| {
        let step = list.results.len().saturating_sub(AGAIN).max(1);
        (start + step).to_string()
    });
    let documents = list
        .results
        .into_iter()
        .map(|page| Changed { removed: page.status != "current", key: page.id });
    let documents = documents.collect();
    let cursor = Cursor::behind(cursor.as_ref(), next, api.now()).write()?;
    Ok(Changes { documents, cursor, more, everything })
}

pub(super) async fn probe(api: &Api<'_>) -> Result<String, FetchError> {
    let user: User = api.get("/rest/api/user/current", &[], "the account").await?;
    let name: String = user.name.chars().filter(|c| !c.is_control()).take(100).collect();
    Ok(format!("Confluence Data Center answers as {name}"))
}
