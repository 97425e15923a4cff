//! What changed in a space, and what is in it.
//! <https://developers.google.com/workspace/drive/api/reference/rest/v3/changes>
//!
//! Drive has one list of changes for everything that an account sees. A document of it that is not in
//! the space is told as removed: it may have been in it.

use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::api::{Api, MAX_ANSWER};
use super::files::{DOCUMENT, FIELDS, File};
use super::settings::Space;
use crate::fetch::{Changed, Changes, FetchError};

/// Entries in one answer of a listing.
const PAGE: &str = "500";

/// Where a listing goes on.
#[derive(Serialize, Deserialize)]
struct Cursor {
    /// The place in the list of changes.
    changes: String,
    /// The place in the list of files, while that is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    files: Option<String>,
}

#[derive(Deserialize)]
struct Start {
    #[serde(rename = "startPageToken")]
    token: String,
}

#[derive(Deserialize)]
struct FileList {
    files: Vec<File>,
    #[serde(rename = "nextPageToken", default)]
    next: Option<String>,
    #[serde(rename = "incompleteSearch", default)]
    incomplete: bool,
}

#[derive(Deserialize)]
struct ChangeList {
    changes: Vec<Change>,
    #[serde(rename = "nextPageToken", default)]
    next: Option<String>,
    #[serde(rename = "newStartPageToken", default)]
    end: Option<String>,
}

#[derive(Deserialize)]
struct Change {
    #[serde(rename = "fileId", default)]
    id: Option<String>,
    #[serde(default)]
    removed: bool,
    #[serde(default)]
    file: Option<File>,
}

pub(super) async fn changes(
    api: &Api<'_>,
    space: Space<'_>,
    cursor: Option<&str>,
) -> Result<Changes, FetchError> {
    let cursor: Option<Cursor> = match cursor {
        Some(text) => Some(serde_json::from_str(text).map_err(|_| FetchError::StaleCursor)?),
        None => None,
    };
    match cursor {
        Some(Cursor { changes, files: None }) => since(api, space, &changes).await,
        Some(Cursor { changes, files }) => everything(api, space, changes, files.as_deref()).await,
        // Asked for before the files are, so that nothing is missed in between.
        None => everything(api, space, start(api).await?, None).await,
    }
}

/// The place in the list of changes that is now.
pub(super) async fn start(api: &Api<'_>) -> Result<String, FetchError> {
    let mut query = vec![("supportsAllDrives", "true")];
    query.extend(api.settings.drive_id.as_deref().map(|drive| ("driveId", drive)));
    let start: Start =
        api.get("/changes/startPageToken", &query, "the beginning of the list of changes").await?;
    Ok(start.token)
}

async fn everything(
    api: &Api<'_>,
    space: Space<'_>,
    changes: String,
    place: Option<&str>,
) -> Result<Changes, FetchError> {
    let of = format!("space {}", space.name());
    let mut search = format!("mimeType = '{DOCUMENT}' and trashed = false");
    match space {
        Space::Folder(id) => {
            if place.is_none() {
                // A list of a folder that is not there is empty, and is no error.
                let query = [("fields", FIELDS), ("supportsAllDrives", "true")];
                let _: File = api.get(&format!("/files/{id}"), &query, &of).await?;
            }
            search = format!("'{id}' in parents and {search}");
        }
        Space::Document(id) => {
            let documents = vec![Changed { key: id.to_owned(), removed: false }];
            let cursor = write(changes, None)?;
            return Ok(Changes { documents, cursor, more: false, everything: true });
        }
        Space::Account => {}
    }
    let fields = format!("nextPageToken,incompleteSearch,files({FIELDS})");
    let mut query = vec![
        ("q", search.as_str()),
        ("pageSize", PAGE),
        ("fields", &fields),
        ("supportsAllDrives", "true"),
        ("includeItemsFromAllDrives", "true"),
    ];
    match &api.settings.drive_id {
        Some(drive) => query.extend([("corpora", "drive"), ("driveId", drive)]),
        None => query.push(("corpora", "user")),
    }
    query.extend(place.map(|place| ("pageToken", place)));
    let answer = api.send(Method::GET, "/files", &query, None, MAX_ANSWER).await?;
    if place.is_some() && answer.status == StatusCode::BAD_REQUEST {
        return Err(FetchError::StaleCursor);
    }
    let list: FileList = api.read(&answer, &of)?;
    if list.incomplete {
        // What is missing from such a list is not gone.
        return Err(FetchError::Unavailable(format!("{of}: Drive searched only a part of it")));
    }
    let found = list.files.into_iter();
    let documents = found
        .filter(|file| {
            file.kind == DOCUMENT && !file.trashed && space.holds(&file.id, &file.parents)
        })
        .map(|file| Changed { key: file.id, removed: false })
        .collect();
    let more = list.next.is_some();
    Ok(Changes { documents, cursor: write(changes, list.next)?, more, everything: true })
}

async fn since(api: &Api<'_>, space: Space<'_>, place: &str) -> Result<Changes, FetchError> {
    let fields = format!("nextPageToken,newStartPageToken,changes(fileId,removed,file({FIELDS}))");
    let mut query = vec![
        ("pageToken", place),
        ("pageSize", PAGE),
        ("fields", &fields),
        ("includeRemoved", "true"),
        ("supportsAllDrives", "true"),
        ("includeItemsFromAllDrives", "true"),
    ];
    query.extend(api.settings.drive_id.as_deref().map(|drive| ("driveId", drive)));
    let answer = api.send(Method::GET, "/changes", &query, None, MAX_ANSWER).await?;
    // Too old, or of another drive.
    if matches!(answer.status.as_u16(), 400 | 404 | 410) {
        return Err(FetchError::StaleCursor);
    }
    let list: ChangeList = api.read(&answer, "the list of changes")?;
    let documents = list.changes.into_iter().filter_map(|change| told(space, change)).collect();
    let more = list.next.is_some();
    let next = list.next.or(list.end).ok_or_else(|| {
        FetchError::Unexpected("the list of changes does not say where it goes on".to_owned())
    })?;
    Ok(Changes { documents, cursor: write(next, None)?, more, everything: false })
}

/// What a change is for a space, if anything.
fn told(space: Space<'_>, change: Change) -> Option<Changed> {
    let key = change.id.or(change.file.as_ref().map(|file| file.id.clone()))?;
    let other = matches!(space, Space::Document(id) if id != key);
    let folder = change.file.as_ref().is_some_and(|file| file.kind != DOCUMENT);
    if other || folder {
        return None;
    }
    let there = change.file.filter(|_| !change.removed);
    let there = there.is_some_and(|file| !file.trashed && space.holds(&key, &file.parents));
    Some(Changed { key, removed: !there })
}

fn write(changes: String, files: Option<String>) -> Result<String, FetchError> {
    let text = serde_json::to_string(&Cursor { changes, files }).unwrap_or_default();
    // The longest that is kept.
    if text.is_empty() || text.len() > 2_000 {
        let why = "Drive's place in its listing is too long to be kept";
        return Err(FetchError::Unexpected(why.to_owned()));
    }
    Ok(text)
}
