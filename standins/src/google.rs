//! Google: exchanging a service account's assertion for a token, and the part of Drive that documents
//! are followed with. Folders hold documents; documents are exported as Markdown.
//!
//! - Tokens: <https://developers.google.com/identity/protocols/oauth2/service-account>
//! - Files: <https://developers.google.com/workspace/drive/api/reference/rest/v3/files>
//! - Changes: <https://developers.google.com/workspace/drive/api/reference/rest/v3/changes>
//! - Channels: <https://developers.google.com/workspace/drive/api/guides/push>

mod changes;
mod channels;
mod files;
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::runtime::Handle;
use uuid::Uuid;

pub use channels::Channel;

use crate::markup::SpecText;
use crate::service::{Service, lock};
use crate::sign::SigningKey;

/// The type of a Google document.
pub const DOCUMENT: &str = "application/vnd.google-apps.document";
/// The e-mail address of the service account.
pub const ACCOUNT: &str = "sbh@project.iam.gserviceaccount.com";

/// The stand-in.
pub struct Google {
    /// Its server.
    pub service: Service,
    drive: Arc<Mutex<Drive>>,
}

type Shared = State<Arc<Mutex<Drive>>>;

/// What Drive holds.
#[derive(Debug, Default)]
struct Drive {
    files: BTreeMap<String, File>,
    /// Which file changed, in order; a page token is a place in it.
    log: Vec<String>,
    channels: BTreeMap<String, Channel>,
    tokens: BTreeSet<String>,
    /// Page tokens below this one are refused as too old.
    oldest: usize,
}

#[derive(Debug, Clone)]
struct File {
    id: String,
    name: String,
    kind: &'static str,
    parents: Vec<String>,
    /// As it is exported.
    markdown: String,
    version: u64,
    created: DateTime<Utc>,
    modified: DateTime<Utc>,
    trashed: bool,
    /// Deleted for good, or not shared any more.
    gone: bool,
}

impl Google {
    pub(crate) fn start(runtime: &Handle) -> io::Result<Self> {
        let drive = Arc::new(Mutex::new(Drive::default()));
        let guarded = Router::new()
            .route("/drive/v3/about", get(files::about))
            .route("/drive/v3/files", get(files::list))
            .route("/drive/v3/files/{id}", get(files::get))
            .route("/drive/v3/files/{id}/export", get(files::export))
            .route("/drive/v3/files/{id}/watch", post(channels::watch_file))
            .route("/drive/v3/changes", get(changes::list))
            .route("/drive/v3/changes/startPageToken", get(changes::start))
            .route("/drive/v3/changes/watch", post(channels::watch_changes))
            .route("/drive/v3/channels/stop", post(channels::stop))
            .layer(middleware::from_fn_with_state(Arc::clone(&drive), needs_a_token));
        let routes = guarded.route("/token", post(tokens::exchange)).with_state(Arc::clone(&drive));
        Ok(Self { service: Service::start(runtime, routes)?, drive })
    }

    /// A service account's key file, as a person would give it to a connection.
    pub fn service_account(&self) -> String {
        json!({
            "type": "service_account",
            "project_id": "project",
            "private_key_id": "1",
            "private_key": SigningKey::published().pem,
            "client_email": ACCOUNT,
            "client_id": "1",
            "token_uri": format!("{}/token", self.service.url()),
        })
        .to_string()
    }

    /// Makes a folder. Returns its id.
    pub fn folder(&self, name: &str) -> String {
        self.add(name, "application/vnd.google-apps.folder", None, String::new())
    }

    /// Makes a document in a folder. Returns its id.
    pub fn create(&self, folder: &str, spec: &SpecText) -> String {
        self.create_raw(folder, &spec.title, &spec.markdown())
    }

    /// Makes a document that is exported as it is given.
    pub fn create_raw(&self, folder: &str, name: &str, markdown: &str) -> String {
        self.add(name, DOCUMENT, Some(folder), markdown.to_owned())
    }

    fn add(
        &self,
        name: &str,
        kind: &'static str,
        folder: Option<&str>,
        markdown: String,
    ) -> String {
        let mut drive = lock(&self.drive);
        let id = format!("1{}", Uuid::new_v4().simple());
        let now = Utc::now();
        let file = File {
            id: id.clone(),
            name: name.to_owned(),
            kind,
            parents: folder.map(str::to_owned).into_iter().collect(),
            markdown,
            version: 1,
            created: now,
            modified: now,
            trashed: false,
            gone: false,
        };
        drive.files.insert(id.clone(), file);
        drive.log.push(id.clone());
        id
    }

    /// Edits a document.
    pub fn edit(&self, id: &str, spec: &SpecText) {
        let (name, markdown) = (spec.title.clone(), spec.markdown());
        self.change(id, |file| (file.name, file.markdown) = (name, markdown));
    }

    /// Edits a document: what it is exported as.
    pub fn edit_raw(&self, id: &str, markdown: &str) {
        self.change(id, |file| file.markdown = markdown.to_owned());
    }

    /// Moves a document to another folder.
    pub fn move_to(&self, id: &str, folder: &str) {
        self.change(id, |file| file.parents = vec![folder.to_owned()]);
    }

    /// Puts a document into the trash.
    pub fn trash(&self, id: &str) {
        self.change(id, |file| file.trashed = true);
    }

    /// Deletes a document for good, or ends its being shared: callers cannot tell.
    pub fn delete(&self, id: &str) {
        self.change(id, |file| file.gone = true);
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut File)) {
        let mut drive = lock(&self.drive);
        let file = drive.files.get_mut(id).unwrap_or_else(|| panic!("no file {id}"));
        change(file);
        file.version += 1;
        file.modified = Utc::now();
        drive.log.push(id.to_owned());
    }

    /// Has every page token up to now be refused.
    pub fn forget_changes(&self) {
        let mut drive = lock(&self.drive);
        drive.oldest = drive.log.len() + 1;
        let any = drive.files.keys().next().cloned();
        drive.log.extend(any);
    }
}

/// An error as Google writes it.
fn error(status: StatusCode, reason: &str, message: &str) -> Response {
    let body = json!({ "error": {
        "code": status.as_u16(),
        "message": message,
        "errors": [{ "domain": "global", "reason": reason, "message": message }],
    } });
    (status, Json(body)).into_response()
}

/// Only tokens that were given here are good.
async fn needs_a_token(State(drive): Shared, request: Request, next: Next) -> Response {
    let value = request.headers().get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    let token = value.and_then(|value| value.strip_prefix("Bearer "));
    if !token.is_some_and(|token| lock(&drive).tokens.contains(token)) {
        return error(StatusCode::UNAUTHORIZED, "authError", "Invalid Credentials");
    }
    next.run(request).await
}
