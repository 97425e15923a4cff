//! Cloud: version 2 for spaces and pages, version 1 for searching by CQL.

use std::collections::HashMap;

use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde_json::{Value, json};

use super::{Page, Shared, Site, base, stamp};
use crate::service::{WholeUri, lock};

type Parameters = Query<HashMap<String, String>>;
type Names = Path<HashMap<String, String>>;

pub(super) fn routes() -> Router<std::sync::Arc<std::sync::Mutex<Site>>> {
    Router::new()
        .route("/api/v2/pages/{id}", get(page))
        .route("/api/v2/pages", get(pages))
        .route("/api/v2/spaces", get(spaces))
        .route("/api/v2/spaces/{space}", get(space))
        .route("/api/v2/spaces/{space}/pages", get(pages_of_space))
        .route("/rest/api/content/search", get(content_search))
        .route("/rest/api/search", get(search))
        .route("/rest/api/user/current", get(user))
}

fn error(status: StatusCode, title: &str) -> Response {
    let error =
        json!({ "status": status.as_u16(), "code": "ERROR", "title": title, "detail": null });
    (status, Json(json!({ "errors": [error] }))).into_response()
}

fn page_json(site: &Site, page: &Page, format: Option<&String>) -> Value {
    let id = page.id.to_string();
    let mut json = json!({
        "id": id,
        "status": page.status,
        "title": page.title,
        "spaceId": site.spaces[&page.space].to_string(),
        "parentId": null,
        "authorId": "acc-1",
        "createdAt": stamp(page.created),
        "version": { "number": page.version, "createdAt": stamp(page.updated), "message": "", "minorEdit": false, "authorId": "acc-1" },
        "body": {},
        "_links": { "webui": format!("/spaces/{}/pages/{id}", page.space), "tinyui": format!("/x/{id}") },
    });
    // A body comes only in the format that is asked for.
    if format.is_some_and(|format| format == "storage") {
        json["body"] = json!({ "storage": { "representation": "storage", "value": page.storage } });
    }
    json
}

async fn page(site: Shared, path: Names, query: Parameters, headers: HeaderMap) -> Response {
    let site = lock(&site);
    let found = path["id"].parse().ok().and_then(|id: u64| site.pages.get(&id));
    match found {
        Some(page) => {
            let mut json = page_json(&site, page, query.get("body-format"));
            json["_links"]["base"] = json!(format!("{}/wiki", base(&headers)));
            Json(json).into_response()
        }
        None => error(StatusCode::NOT_FOUND, "Not Found"),
    }
}

async fn pages(site: Shared, query: Parameters, uri: Extension<WholeUri>) -> Response {
    let space = query.get("space-id").cloned();
    list(&lock(&site), space.as_deref(), &query, &uri)
}

async fn pages_of_space(
    site: Shared,
    path: Names,
    query: Parameters,
    uri: Extension<WholeUri>,
) -> Response {
    list(&lock(&site), Some(&path["space"]), &query, &uri)
}

fn list(
    site: &Site,
    space: Option<&str>,
    query: &HashMap<String, String>,
    uri: &WholeUri,
) -> Response {
    if space.is_some_and(|id| !site.spaces.values().any(|known| known.to_string() == id)) {
        return error(StatusCode::NOT_FOUND, "Not Found");
    }
    let status = query.get("status").map_or("current", String::as_str);
    let mut found: Vec<&Page> = site
        .pages
        .values()
        .filter(|page| space.is_none_or(|id| site.spaces[&page.space].to_string() == id))
        .filter(|page| status.split(',').any(|wanted| wanted == page.status))
        .collect();
    match query.get("sort").map(String::as_str) {
        Some("modified-date") => found.sort_by_key(|page| (page.updated, page.id)),
        Some("-modified-date") => {
            found.sort_by_key(|page| std::cmp::Reverse((page.updated, page.id)))
        }
        _ => {}
    }
    let results = found.iter().map(|page| page_json(site, page, query.get("body-format")));
    Json(paged(results.collect(), query, uri)).into_response()
}

/// One page of a list: the next one's address is relative to the site.
fn paged(all: Vec<Value>, query: &HashMap<String, String>, uri: &WholeUri) -> Value {
    let limit = query.get("limit").and_then(|n| n.parse().ok()).unwrap_or(25usize).clamp(1, 250);
    // Opaque to callers; here it is a number.
    let start: usize =
        query.get("cursor").and_then(|c| c.strip_prefix("at-")?.parse().ok()).unwrap_or(0);
    let page: Vec<&Value> = all.iter().skip(start).take(limit).collect();
    let mut links = json!({});
    if start + page.len() < all.len() {
        let mut parameters: Vec<String> = query
            .iter()
            .filter(|(n, _)| *n != "cursor")
            .map(|(n, v)| format!("{n}={}", encode(v)))
            .collect();
        parameters.push(format!("cursor=at-{}", start + page.len()));
        links["next"] = json!(format!("{}?{}", uri.0.path(), parameters.join("&")));
    }
    json!({ "results": page, "_links": links })
}

fn encode(value: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~,".contains(&b);
    value
        .bytes()
        .map(|b| if plain(b) { char::from(b).into() } else { format!("%{b:02X}") })
        .collect()
}

fn space_json(key: &str, id: u64) -> Value {
    json!({ "id": id.to_string(), "key": key, "name": key, "type": "global", "status": "current", "homepageId": null })
}

async fn spaces(site: Shared, query: Parameters, uri: Extension<WholeUri>) -> Json<Value> {
    let site = lock(&site);
    let wanted = |name: &str, value: &str| {
        query.get(name).is_none_or(|list| list.split(',').any(|one| one == value))
    };
    let found = site
        .spaces
        .iter()
        .filter(|(key, id)| wanted("keys", key) && wanted("ids", &id.to_string()))
        .map(|(key, id)| space_json(key, *id));
    Json(paged(found.collect(), &query, &uri))
}

async fn space(site: Shared, path: Names) -> Response {
    let site = lock(&site);
    match site.spaces.iter().find(|(_, id)| id.to_string() == path["space"]) {
        Some((key, id)) => Json(space_json(key, *id)).into_response(),
        None => error(StatusCode::NOT_FOUND, "Not Found"),
    }
}

async fn content_search(site: Shared, query: Parameters, uri: Extension<WholeUri>) -> Response {
    found(&lock(&site), &query, &uri, content)
}

async fn search(site: Shared, query: Parameters, uri: Extension<WholeUri>) -> Response {
    found(&lock(&site), &query, &uri, |page| {
        json!({ "content": content(page), "title": page.title, "entityType": "content",
                "lastModified": stamp(page.updated) })
    })
}

fn content(page: &Page) -> Value {
    json!({ "id": page.id.to_string(), "type": "page", "status": page.status, "title": page.title,
            "space": { "key": page.space },
            "version": { "number": page.version, "when": stamp(page.updated) } })
}

fn found(
    site: &Site,
    query: &HashMap<String, String>,
    uri: &WholeUri,
    show: impl Fn(&Page) -> Value,
) -> Response {
    match site.find(query.get("cql").map(String::as_str).unwrap_or_default()) {
        Ok(pages) => {
            let total = pages.len();
            let mut answer = paged(pages.into_iter().map(show).collect(), query, uri);
            let size = answer["results"].as_array().map_or(0, Vec::len);
            (answer["size"], answer["totalSize"]) = (json!(size), json!(total));
            Json(answer).into_response()
        }
        Err(why) => error(StatusCode::BAD_REQUEST, &why),
    }
}

async fn user() -> Json<Value> {
    Json(json!({ "type": "known", "accountId": "acc-1", "displayName": "SBH" }))
}
