//! One document: where it is, and its text.
//! <https://developers.google.com/workspace/drive/api/reference/rest/v3/files>

use http::{Method, StatusCode};
use serde::Deserialize;

use super::api::{Api, Refusal, reason};
use super::markdown;
use super::settings::{Space, is_id};
use crate::fetch::{FetchError, Fetched, HostedDocument};

/// The type of a Google document.
pub(super) const DOCUMENT: &str = "application/vnd.google-apps.document";
/// The fields of a file that are read.
pub(super) const FIELDS: &str = "id,name,mimeType,parents,trashed,version,webViewLink";
/// Bytes of an export at most: Google's own limit is 10 MB.
const MAX_EXPORT: usize = 10 << 20;

/// A file.
#[derive(Deserialize)]
pub(super) struct File {
    pub(super) id: String,
    #[serde(default)]
    name: String,
    #[serde(rename = "mimeType", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) parents: Vec<String>,
    #[serde(default)]
    pub(super) trashed: bool,
    /// Grows with everything that happens to the file.
    #[serde(default)]
    version: String,
    #[serde(rename = "webViewLink", default)]
    link: Option<String>,
}

pub(super) async fn fetch(
    api: &Api<'_>,
    space: Space<'_>,
    document: &str,
) -> Result<Fetched, FetchError> {
    if !is_id(document) {
        return Ok(Fetched::Absent);
    }
    let file = match get(api, document).await {
        Ok(file) => file,
        Err(FetchError::NotFound(_)) => {
            // A folder that is not shared any more makes every document in it look gone.
            if let Space::Folder(folder) = space {
                get(api, folder).await?;
            }
            return Ok(Fetched::Absent);
        }
        Err(error) => return Err(error),
    };
    if file.trashed || file.kind != DOCUMENT || !space.holds(&file.id, &file.parents) {
        return Ok(Fetched::Absent);
    }
    let text = match export(api, document, "text/markdown").await? {
        Export::Text(text) => markdown::clean(&text).map_err(|error| error.to_string()),
        Export::Unreadable(why) => Err(why),
        Export::Gone => return Ok(Fetched::Absent),
        Export::NotOffered => match export(api, document, "text/plain").await? {
            Export::Text(text) => markdown::plain(&text).map_err(|error| error.to_string()),
            Export::Unreadable(why) => Err(why),
            Export::Gone => return Ok(Fetched::Absent),
            Export::NotOffered => Err("Drive exports it neither as Markdown nor as text".into()),
        },
    };
    Ok(Fetched::Present(HostedDocument {
        key: file.id,
        title: file.name,
        url: file.link,
        version: file.version,
        text,
    }))
}

async fn get(api: &Api<'_>, id: &str) -> Result<File, FetchError> {
    let query = [("fields", FIELDS), ("supportsAllDrives", "true")];
    api.get(&format!("/files/{id}"), &query, &format!("file {id}")).await
}

enum Export {
    Text(String),
    Unreadable(String),
    NotOffered,
    Gone,
}

async fn export(api: &Api<'_>, id: &str, kind: &str) -> Result<Export, FetchError> {
    let path = format!("/files/{id}/export");
    let answer = api.send(Method::GET, &path, &[("mimeType", kind)], None, MAX_EXPORT).await;
    let too_large = || {
        Export::Unreadable(
            "the document is larger than the 10 MB that Google exports; split it".to_owned(),
        )
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(Refusal::TooLarge) => return Ok(too_large()),
        Err(Refusal::Other(error)) => return Err(error),
    };
    match answer.status {
        StatusCode::OK => {}
        StatusCode::BAD_REQUEST => return Ok(Export::NotOffered),
        StatusCode::NOT_FOUND => return Ok(Export::Gone),
        StatusCode::FORBIDDEN => match reason(&answer).as_str() {
            "exportSizeLimitExceeded" => return Ok(too_large()),
            "cannotDownloadFile" | "cannotExportFile" | "fileNotExportable" => {
                return Ok(Export::Unreadable(
                    "the document's owner lets nobody download it".to_owned(),
                ));
            }
            _ => {}
        },
        _ => {}
    }
    if let Some(error) = api.refusal(&answer, &format!("the export of {id}")) {
        return Err(error);
    }
    Ok(match String::from_utf8(answer.body.into()) {
        Ok(text) => Export::Text(text),
        Err(_) => Export::Unreadable("Drive's export is not UTF-8".to_owned()),
    })
}
