//! The paths.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Site, search, webhooks};
use crate::service::lock;

pub(super) type Shared = State<Arc<Mutex<Site>>>;

/// The paths below a site's own address.
pub(super) fn all(site: Arc<Mutex<Site>>) -> Router {
    one().layer(middleware::from_fn(needs_a_credential)).with_state(site)
}

/// The same below the address for apps.
pub(super) fn for_apps(site: Arc<Mutex<Site>>) -> Router {
    Router::new()
        .nest("/ex/jira/{cloud}", one())
        .layer(middleware::from_fn(needs_a_credential))
        .with_state(site)
}

fn one() -> Router<Arc<Mutex<Site>>> {
    Router::new()
        .route("/rest/api/3/issue/{key}", get(issue_v3))
        .route("/rest/api/2/issue/{key}", get(issue_v2))
        .route("/rest/api/3/search/jql", get(search::cloud_get).post(search::cloud_post))
        .route("/rest/api/2/search/jql", get(search::cloud_get).post(search::cloud_post))
        .route("/rest/api/2/search", get(search::data_center_get).post(search::data_center_post))
        .route(
            "/rest/api/3/webhook",
            get(webhooks::list).post(webhooks::register).delete(webhooks::delete),
        )
        .route("/rest/api/3/webhook/refresh", put(webhooks::refresh))
        .route("/rest/api/3/webhook/failed", get(webhooks::failed))
        .route("/rest/api/{version}/myself", get(myself))
        .route("/rest/api/{version}/serverInfo", get(server_info))
        .route("/rest/api/{version}/project/{key}", get(project))
}

/// Neither product answers anonymous callers here.
async fn needs_a_credential(request: Request, next: Next) -> Response {
    if !request.headers().contains_key(header::AUTHORIZATION) {
        return error(StatusCode::UNAUTHORIZED, "You are not authenticated.");
    }
    next.run(request).await
}

/// An error as Jira writes it.
pub(super) fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "errorMessages": [message], "errors": {} }))).into_response()
}

pub(super) fn base(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    format!("http://{}", host.unwrap_or_default())
}

/// The names in `fields=a,b`.
pub(super) fn names(fields: Option<&String>, default: &str) -> Vec<String> {
    let fields = fields.map_or(default, String::as_str);
    fields.split(',').map(|name| name.trim().to_owned()).collect()
}

type Parameters = Query<HashMap<String, String>>;

async fn issue_v3(
    site: Shared,
    path: Path<HashMap<String, String>>,
    query: Parameters,
    headers: HeaderMap,
) -> Response {
    issue(&site, &path, &query, &base(&headers), 3)
}

async fn issue_v2(
    site: Shared,
    path: Path<HashMap<String, String>>,
    query: Parameters,
    headers: HeaderMap,
) -> Response {
    issue(&site, &path, &query, &base(&headers), 2)
}

fn issue(
    site: &Mutex<Site>,
    path: &HashMap<String, String>,
    query: &HashMap<String, String>,
    base: &str,
    version: u8,
) -> Response {
    match lock(site).find(&path["key"]) {
        Some(issue) => {
            Json(issue.json(base, version, &names(query.get("fields"), "*all"))).into_response()
        }
        None => error(
            StatusCode::NOT_FOUND,
            "Issue does not exist or you do not have permission to see it.",
        ),
    }
}

async fn myself() -> Json<Value> {
    Json(
        json!({ "accountId": "acc-1", "name": "sbh", "displayName": "SBH", "active": true, "timeZone": "UTC" }),
    )
}

async fn server_info(headers: HeaderMap) -> Json<Value> {
    Json(json!({
        "baseUrl": base(&headers),
        "version": "10.3.0",
        "deploymentType": "Cloud",
        "serverTitle": "Jira",
        "serverTime": super::stamp(chrono::Utc::now()),
    }))
}

async fn project(site: Shared, path: Path<HashMap<String, String>>) -> Response {
    let key = &path["key"];
    if lock(&site).projects.contains(key) {
        return Json(json!({ "id": "1", "key": key, "name": key })).into_response();
    }
    error(StatusCode::NOT_FOUND, &format!("No project could be found with key '{key}'."))
}
