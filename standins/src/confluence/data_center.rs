//! Data Center: content by id, by space, and by CQL.

use std::collections::HashMap;

use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Page, Shared, Site, base, stamp};
use crate::service::lock;

type Parameters = Query<HashMap<String, String>>;

pub(super) fn routes() -> Router<std::sync::Arc<std::sync::Mutex<Site>>> {
    Router::new()
        .route("/rest/api/content/{id}", get(content))
        .route("/rest/api/content/search", get(search))
        .route("/rest/api/content", get(contents))
        .route("/rest/api/space/{key}", get(space))
        .route("/rest/api/user/current", get(user))
}

fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "statusCode": status.as_u16(), "message": message }))).into_response()
}

fn json(page: &Page, expand: Option<&String>, base: &str) -> Value {
    let wanted = |name: &str| expand.is_some_and(|list| list.split(',').any(|one| one == name));
    let id = page.id.to_string();
    let mut json = json!({
        "id": id,
        "type": "page",
        "status": page.status,
        "title": page.title,
        "_links": { "webui": format!("/spaces/{}/pages/{id}", page.space), "base": base,
                    "self": format!("{base}/rest/api/content/{id}") },
    });
    if wanted("body.storage") {
        json["body"] = json!({ "storage": { "value": page.storage, "representation": "storage" } });
    }
    if wanted("version") {
        json["version"] = json!({ "number": page.version, "when": stamp(page.updated) });
    }
    if wanted("space") {
        json["space"] = json!({ "key": page.space, "name": page.space, "type": "global" });
    }
    if wanted("history.lastUpdated") || wanted("history") {
        json["history"] =
            json!({ "lastUpdated": { "number": page.version, "when": stamp(page.updated) } });
    }
    json
}

async fn content(
    site: Shared,
    id: Path<String>,
    query: Parameters,
    headers: HeaderMap,
) -> Response {
    let site = lock(&site);
    let status = query.get("status").map_or("current", String::as_str);
    let found = id.parse().ok().and_then(|id: u64| site.pages.get(&id));
    match found.filter(|page| status == "any" || status.split(',').any(|s| s == page.status)) {
        Some(page) => Json(json(page, query.get("expand"), &base(&headers))).into_response(),
        None => error(StatusCode::NOT_FOUND, "No content found with id"),
    }
}

async fn contents(site: Shared, query: Parameters, headers: HeaderMap) -> Response {
    let site = lock(&site);
    let space = query.get("spaceKey");
    let found = site
        .pages
        .values()
        .filter(|page| page.status == "current" && space.is_none_or(|key| *key == page.space));
    Json(paged(found.collect(), &query, &base(&headers))).into_response()
}

async fn search(site: Shared, query: Parameters, headers: HeaderMap) -> Response {
    let site = lock(&site);
    match site.find(query.get("cql").map(String::as_str).unwrap_or_default()) {
        Ok(found) => Json(paged(found, &query, &base(&headers))).into_response(),
        Err(why) => error(StatusCode::BAD_REQUEST, &why),
    }
}

fn paged(all: Vec<&Page>, query: &HashMap<String, String>, base: &str) -> Value {
    let number =
        |name: &str, default| query.get(name).and_then(|n| n.parse().ok()).unwrap_or(default);
    let (start, limit) = (number("start", 0usize), number("limit", 25usize).clamp(1, 200));
    let results: Vec<Value> = all
        .iter()
        .skip(start)
        .take(limit)
        .map(|page| json(page, query.get("expand"), base))
        .collect();
    let mut links = json!({ "base": base, "context": "" });
    if start + results.len() < all.len() {
        let next = start + results.len();
        links["next"] = json!(format!("/rest/api/content?limit={limit}&start={next}"));
    }
    json!({ "results": results, "start": start, "limit": limit, "size": results.len(), "_links": links })
}

async fn space(site: Shared, key: Path<String>) -> Response {
    match lock(&site).spaces.get(key.as_str()) {
        Some(id) => {
            Json(json!({ "id": id, "key": *key, "name": *key, "type": "global" })).into_response()
        }
        None => error(StatusCode::NOT_FOUND, "No space found with key"),
    }
}

async fn user() -> Json<Value> {
    Json(json!({ "type": "known", "username": "sbh", "displayName": "SBH" }))
}
