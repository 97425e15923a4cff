//! Dynamic webhooks: registered, listed, refreshed, deleted.

use std::collections::HashMap;

use axum::Json;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::routes::{Shared, error};
use super::{Webhook, stamp};
use crate::query;
use crate::service::lock;

/// Days that a registration lasts.
const DAYS: i64 = 30;

pub(super) async fn register(site: Shared, Json(body): Json<Value>) -> Response {
    let Some(url) = body["url"].as_str() else {
        return error(StatusCode::BAD_REQUEST, "The url is required.");
    };
    let mut site = lock(&site);
    let wanted = body["webhooks"].as_array().cloned().unwrap_or_default();
    let results: Vec<Value> = wanted
        .iter()
        .map(|webhook| {
            let jql = webhook["jqlFilter"].as_str().unwrap_or_default();
            if jql.is_empty() || query::parse(jql).is_err() {
                return json!({ "errors": ["The JQL query is not supported by dynamic webhooks."] });
            }
            site.next_id += 1;
            let id = site.next_id;
            let events = webhook["events"].as_array().cloned().unwrap_or_default();
            let webhook = Webhook {
                id,
                url: url.to_owned(),
                jql: jql.to_owned(),
                events: events.iter().filter_map(|e| e.as_str().map(str::to_owned)).collect(),
                expires: Utc::now() + TimeDelta::days(DAYS),
            };
            site.webhooks.insert(id, webhook);
            json!({ "createdWebhookId": id })
        })
        .collect();
    Json(json!({ "webhookRegistrationResult": results })).into_response()
}

pub(super) async fn list(site: Shared, query: Query<HashMap<String, String>>) -> Json<Value> {
    let number =
        |name: &str, default| query.get(name).and_then(|n| n.parse().ok()).unwrap_or(default);
    let (start, count) = (number("startAt", 0usize), number("maxResults", 100usize));
    let site = lock(&site);
    let now = Utc::now();
    let live: Vec<Value> = site
        .webhooks
        .values()
        .filter(|webhook| webhook.expires > now)
        .map(|webhook| {
            json!({
                "id": webhook.id,
                "url": webhook.url,
                "jqlFilter": webhook.jql,
                "events": webhook.events,
                "expirationDate": stamp(webhook.expires),
            })
        })
        .collect();
    let page: Vec<&Value> = live.iter().skip(start).take(count).collect();
    let last = start + page.len() >= live.len();
    Json(json!({
        "startAt": start, "maxResults": count, "total": live.len(), "isLast": last, "values": page,
    }))
}

fn ids(body: &Value) -> Vec<i64> {
    body["webhookIds"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect()
}

pub(super) async fn refresh(site: Shared, Json(body): Json<Value>) -> Response {
    let mut site = lock(&site);
    let (now, expires) = (Utc::now(), Utc::now() + TimeDelta::days(DAYS));
    // Webhooks that are unknown or have ended are passed over, as the documentation says.
    for id in ids(&body) {
        if let Some(webhook) = site.webhooks.get_mut(&id).filter(|webhook| webhook.expires > now) {
            webhook.expires = expires;
        }
    }
    Json(json!({ "expirationDate": stamp(expires) })).into_response()
}

pub(super) async fn delete(site: Shared, Json(body): Json<Value>) -> StatusCode {
    let mut site = lock(&site);
    for id in ids(&body) {
        site.webhooks.remove(&id);
    }
    StatusCode::ACCEPTED
}

pub(super) async fn failed() -> Json<Value> {
    Json(json!({ "maxResults": 100, "values": [] }))
}
