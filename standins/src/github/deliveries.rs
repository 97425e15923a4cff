//! Deliveries: as GitHub makes them, and as it lists those that it made. It keeps what became of each
//! and never makes one again by itself.

use std::collections::HashMap;

use axum::extract::{Path, Query};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{GitHub, HOOK, INSTALLATION, Shared, error};
use crate::delivery::Delivery;
use crate::service::{WholeUri, lock};
use crate::sign;

/// The commit that GitHub names where there is none.
pub const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// A delivery that GitHub made.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its number.
    pub id: u64,
    /// The same for all attempts to deliver one event.
    pub guid: String,
    /// When.
    pub at: DateTime<Utc>,
    /// How it was answered; `None`: it was not.
    pub status: Option<u16>,
    /// The event.
    pub event: String,
    /// What was sent.
    pub delivery: Delivery,
}

/// The payload of a `push` event: `reference` went from `before` to `after`; `url` is the address
/// that the repository is tracked by.
pub fn push(name: &str, url: &str, reference: &str, before: &str, after: &str) -> Value {
    json!({
        "ref": reference,
        "before": before,
        "after": after,
        "created": before == NO_COMMIT,
        "deleted": after == NO_COMMIT,
        "forced": false,
        "commits": [],
        "head_commit": null,
        "pusher": { "name": "test", "email": "test@example.com" },
        "repository": repository(name, url),
        "sender": { "login": "test" },
    })
}

/// The payload of a `pull_request` event about a request from `head` to the branch `main`.
pub fn pull_request(
    name: &str,
    url: &str,
    action: &str,
    number: u64,
    head: &str,
    base: &str,
) -> Value {
    json!({
        "action": action,
        "number": number,
        "pull_request": {
            "id": number, "number": number, "state": "open", "title": "A change", "merged": false,
            "html_url": format!("https://github.com/acme/{name}/pull/{number}"),
            "head": { "ref": "change", "sha": head, "repo": repository(name, url) },
            "base": { "ref": "main", "sha": base, "repo": repository(name, url) },
        },
        "repository": repository(name, url),
        "sender": { "login": "test" },
    })
}

fn repository(name: &str, url: &str) -> Value {
    json!({
        "id": 1,
        "name": name,
        "full_name": format!("acme/{name}"),
        "clone_url": url,
        "git_url": url,
        "ssh_url": url,
        "html_url": url,
        "default_branch": "main",
    })
}

/// A signed delivery of an event.
pub fn delivery(event: &str, payload: &Value, secret: &str) -> Delivery {
    let delivery = Delivery::json(payload);
    let signature = sign::hmac_header(secret.as_bytes(), &delivery.body);
    delivery
        .with("x-github-event", event)
        .with("x-github-delivery", Uuid::new_v4().to_string())
        .with("x-github-hook-id", HOOK.to_string())
        .with("x-hub-signature-256", signature)
}

impl GitHub {
    /// Writes down that a delivery was made and how it was answered. Returns its number.
    pub fn made(&self, delivery: &Delivery, status: Option<u16>) -> u64 {
        self.made_at(delivery, status, Utc::now())
    }

    /// The same at another time.
    pub fn made_at(&self, delivery: &Delivery, status: Option<u16>, at: DateTime<Utc>) -> u64 {
        let header = |name: &str| {
            let found = delivery.headers.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let mut host = lock(&self.host);
        let id = host.id();
        host.made.push(Made {
            id,
            guid: header("x-github-delivery"),
            at,
            status,
            event: header("x-github-event"),
            delivery: delivery.clone(),
        });
        id
    }

    /// Every delivery that was written down.
    pub fn deliveries(&self) -> Vec<Made> {
        lock(&self.host).made.clone()
    }
}

impl Made {
    fn json(&self) -> Value {
        let payload: Value = serde_json::from_slice(&self.delivery.body).unwrap_or_default();
        json!({
            "id": self.id,
            "guid": self.guid,
            "delivered_at": self.at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "redelivery": false,
            "duration": 0.1,
            "status": match self.status {
                Some(code) if (200..300).contains(&code) => "OK".to_owned(),
                Some(code) => format!("Invalid HTTP Response: {code}"),
                None => "failed to connect to host".to_owned(),
            },
            // GitHub writes 502 for what was not answered.
            "status_code": self.status.unwrap_or(502),
            "event": self.event,
            "action": payload["action"],
            "installation_id": INSTALLATION,
            "repository_id": 1,
            "throttled_at": null,
        })
    }
}

/// Newest first; the next page is named in `Link`.
pub(super) async fn list(
    host: Shared,
    query: Query<HashMap<String, String>>,
    uri: Extension<WholeUri>,
    headers: HeaderMap,
) -> Response {
    let host = lock(&host);
    let count = query.get("per_page").and_then(|n| n.parse().ok()).unwrap_or(30usize).clamp(1, 100);
    let from = query.get("cursor").and_then(|c| c.strip_prefix("v1_")?.parse::<u64>().ok());
    let older = |made: &&Made| from.is_none_or(|from| made.id <= from);
    let page: Vec<&Made> = host.made.iter().rev().filter(older).take(count + 1).collect();
    let body: Vec<Value> = page.iter().take(count).map(|made| made.json()).collect();
    let mut answer = Json(body).into_response();
    if let Some(next) = page.get(count) {
        let site =
            headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let link = format!(
            "<http://{site}{}?per_page={count}&cursor=v1_{}>; rel=\"next\"",
            uri.0.0.path(),
            next.id
        );
        answer.headers_mut().insert(header::LINK, link.parse().expect("a header"));
    }
    answer
}

pub(super) async fn get(host: Shared, path: Path<HashMap<String, String>>) -> Response {
    let host = lock(&host);
    let Some(made) = host.made.iter().find(|made| made.id.to_string() == path["id"]) else {
        return error(StatusCode::NOT_FOUND, "Not Found");
    };
    let mut json = made.json();
    let headers: serde_json::Map<String, Value> =
        made.delivery.headers.iter().map(|(n, v)| (title(n), json!(v))).collect();
    json["url"] = json!("");
    json["request"] = json!({
        "headers": headers,
        "payload": serde_json::from_slice::<Value>(&made.delivery.body).unwrap_or_default(),
    });
    json["response"] = json!({ "headers": {}, "payload": null });
    Json(json).into_response()
}

/// `x-github-event` → `X-Github-Event`.
fn title(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

pub(super) async fn again(host: Shared, path: Path<HashMap<String, String>>) -> Response {
    let mut host = lock(&host);
    let Some(id) = host.made.iter().find(|m| m.id.to_string() == path["id"]).map(|m| m.id) else {
        return error(StatusCode::NOT_FOUND, "Not Found");
    };
    host.asked_again.push(id);
    (StatusCode::ACCEPTED, Json(json!({}))).into_response()
}
