//! Confluence's REST interfaces, Cloud (version 2, below `/wiki`) and Data Center, over the same pages.
//! OAuth apps
//! reach Cloud's paths below `/ex/confluence/{cloud}` of [`crate::atlassian`].
//!
//! - Cloud: <https://developer.atlassian.com/cloud/confluence/rest/v2/api-group-page/>
//! - Search in Cloud: <https://developer.atlassian.com/cloud/confluence/rest/v1/api-group-search/>
//! - Data Center: <https://developer.atlassian.com/server/confluence/confluence-rest-api-examples/>
//! - Events: <https://developer.atlassian.com/platform/forge/events-reference/confluence/> and
//!   <https://confluence.atlassian.com/doc/managing-webhooks-1021225606.html>

mod cloud;
mod data_center;
mod deliveries;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde_json::json;
use tokio::runtime::Handle;

use crate::markup::SpecText;
use crate::query;
use crate::service::{Service, lock};

/// The stand-in.
pub struct Confluence {
    /// Its server.
    pub service: Service,
    site: Arc<Mutex<Site>>,
}

type Shared = State<Arc<Mutex<Site>>>;

/// What a site holds.
#[derive(Debug, Default)]
struct Site {
    pages: BTreeMap<u64, Page>,
    /// The numbers of spaces by their keys.
    spaces: BTreeMap<String, u64>,
    next_id: u64,
}

/// A page.
#[derive(Debug, Clone)]
struct Page {
    id: u64,
    space: String,
    title: String,
    storage: String,
    version: u64,
    created: DateTime<Utc>,
    updated: DateTime<Utc>,
    /// `current` or `trashed`.
    status: &'static str,
}

impl Confluence {
    pub(crate) fn start(runtime: &Handle) -> io::Result<Self> {
        let site = Arc::new(Mutex::new(Site { next_id: 100_000, ..Site::default() }));
        let routes = Router::new()
            .nest("/wiki", cloud::routes())
            .merge(data_center::routes())
            .layer(middleware::from_fn(needs_a_credential))
            .with_state(Arc::clone(&site));
        Ok(Self { service: Service::start(runtime, routes)?, site })
    }

    /// The paths below Atlassian's address for apps.
    pub(crate) fn for_apps(&self) -> Router {
        Router::new()
            .nest("/ex/confluence/{cloud}/wiki", cloud::routes())
            .layer(middleware::from_fn(needs_a_credential))
            .with_state(Arc::clone(&self.site))
    }

    /// Makes a page in a space. Returns its id.
    pub fn create(&self, space: &str, spec: &SpecText) -> u64 {
        self.create_raw(space, &spec.title, &spec.storage())
    }

    /// Makes a page with a body in storage format as it comes.
    pub fn create_raw(&self, space: &str, title: &str, storage: &str) -> u64 {
        let mut site = lock(&self.site);
        site.next_id += 1;
        let id = site.next_id;
        let next = site.spaces.len() as u64 + 50;
        site.spaces.entry(space.to_owned()).or_insert(next);
        let now = Utc::now();
        let page = Page {
            id,
            space: space.to_owned(),
            title: title.to_owned(),
            storage: storage.to_owned(),
            version: 1,
            created: now,
            updated: now,
            status: "current",
        };
        site.pages.insert(id, page);
        id
    }

    /// Edits a page.
    pub fn edit(&self, id: u64, spec: &SpecText) {
        let (title, storage) = (spec.title.clone(), spec.storage());
        self.change(id, |page| (page.title, page.storage) = (title, storage));
    }

    /// Edits a page: its body in storage format as it comes.
    pub fn edit_raw(&self, id: u64, storage: &str) {
        self.change(id, |page| page.storage = storage.to_owned());
    }

    /// Moves a page to another space.
    pub fn move_to(&self, id: u64, space: &str) {
        let mut site = lock(&self.site);
        let next = site.spaces.len() as u64 + 50;
        site.spaces.entry(space.to_owned()).or_insert(next);
        drop(site);
        self.change(id, |page| page.space = space.to_owned());
    }

    /// Puts a page into the trash.
    pub fn trash(&self, id: u64) {
        self.change(id, |page| page.status = "trashed");
    }

    /// Deletes a page for good.
    pub fn delete(&self, id: u64) {
        lock(&self.site).pages.remove(&id).unwrap_or_else(|| panic!("no page {id}"));
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Page)) {
        let mut site = lock(&self.site);
        let page = site.pages.get_mut(&id).unwrap_or_else(|| panic!("no page {id}"));
        change(page);
        page.version += 1;
        page.updated = Utc::now();
    }
}

/// Neither product answers anonymous callers here.
async fn needs_a_credential(request: Request, next: Next) -> Response {
    if !request.headers().contains_key(header::AUTHORIZATION) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "code": 401, "message": "Unauthorized" })))
            .into_response();
    }
    next.run(request).await
}

fn base(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or_default())
}

fn stamp(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

impl Site {
    /// The pages that a CQL query names, the longest unchanged first unless it asks otherwise.
    fn find(&self, cql: &str) -> Result<Vec<&Page>, String> {
        let conditions = query::parse(cql)?;
        let mut found = Vec::new();
        'pages: for page in self.pages.values().filter(|page| page.status == "current") {
            for condition in &conditions {
                let fits = match condition.field.as_str() {
                    "space" | "space.key" => condition.names(&[&page.space]),
                    "type" => condition.names(&["page"]),
                    "id" | "content" => condition.names(&[&page.id.to_string()]),
                    "lastmodified" => condition.compares(page.updated)?,
                    "created" => condition.compares(page.created)?,
                    other => return Err(format!("No field exists with name '{other}'")),
                };
                if !fits {
                    continue 'pages;
                }
            }
            found.push(page);
        }
        found.sort_by_key(|page| (page.updated, page.id));
        if cql.to_ascii_lowercase().contains(" desc") {
            found.reverse();
        }
        Ok(found)
    }
}
