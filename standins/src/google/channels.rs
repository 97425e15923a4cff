//! Channels: opened, stopped, and what they say.

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Drive, Google, Shared, error};
use crate::delivery::Delivery;
use crate::service::lock;

/// A channel.
#[derive(Debug, Clone)]
pub struct Channel {
    /// Its id, which its maker chose.
    pub id: String,
    /// What it watches, as Google calls it.
    pub resource: String,
    /// The file that it watches; `None`: all changes.
    pub file: Option<String>,
    /// Where it delivers to.
    pub address: String,
    /// What it says to prove itself.
    pub token: String,
    /// When it ends.
    pub expires: DateTime<Utc>,
    /// The number of its last message.
    pub messages: u64,
}

pub(super) async fn watch_changes(
    drive: Shared,
    query: Query<HashMap<String, String>>,
    Json(body): Json<Value>,
) -> Response {
    if !query.contains_key("pageToken") {
        return error(StatusCode::BAD_REQUEST, "required", "Required parameter: pageToken");
    }
    watch(&mut lock(&drive), None, &body, TimeDelta::days(7))
}

pub(super) async fn watch_file(
    drive: Shared,
    id: Path<String>,
    Json(body): Json<Value>,
) -> Response {
    let mut drive = lock(&drive);
    if drive.files.get(id.as_str()).is_none_or(|file| file.gone) {
        return error(StatusCode::NOT_FOUND, "notFound", &format!("File not found: {}.", *id));
    }
    watch(&mut drive, Some(id.0), &body, TimeDelta::days(1))
}

fn watch(drive: &mut Drive, file: Option<String>, body: &Value, longest: TimeDelta) -> Response {
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (id, address) = (text("id"), text("address"));
    if text("type") != "web_hook" || id.is_empty() || address.is_empty() {
        return error(StatusCode::BAD_REQUEST, "required", "Required: id, type, address");
    }
    if drive.channels.contains_key(&id) {
        let message = format!("Channel id {id} not unique");
        return error(StatusCode::BAD_REQUEST, "channelIdNotUnique", &message);
    }
    let wanted = match &body["expiration"] {
        Value::String(text) => text.parse().ok(),
        other => other.as_i64(),
    };
    let now = Utc::now();
    // An hour unless more is asked for, and never more than the longest.
    let wanted =
        wanted.and_then(DateTime::from_timestamp_millis).unwrap_or(now + TimeDelta::hours(1));
    let channel = Channel {
        id: id.clone(),
        resource: Uuid::new_v5(
            &Uuid::NAMESPACE_URL,
            file.as_deref().unwrap_or("changes").as_bytes(),
        )
        .simple()
        .to_string(),
        file,
        address,
        token: text("token"),
        expires: wanted.min(now + longest),
        messages: 0,
    };
    let answer = json!({
        "kind": "api#channel",
        "id": id,
        "resourceId": channel.resource,
        "resourceUri": "https://www.googleapis.com/drive/v3/changes?alt=json",
        "token": channel.token,
        "expiration": channel.expires.timestamp_millis().to_string(),
    });
    drive.channels.insert(id, channel);
    Json(answer).into_response()
}

pub(super) async fn stop(drive: Shared, Json(body): Json<Value>) -> Response {
    let mut drive = lock(&drive);
    let id = body["id"].as_str().unwrap_or_default();
    let known = drive.channels.get(id).is_some_and(|c| body["resourceId"] == c.resource.as_str());
    if !known {
        let message = format!("Channel '{id}' not found for project");
        return error(StatusCode::NOT_FOUND, "notFound", &message);
    }
    drive.channels.remove(id);
    StatusCode::NO_CONTENT.into_response()
}

impl Google {
    /// The open channels.
    pub fn channels(&self) -> Vec<Channel> {
        let now = Utc::now();
        lock(&self.drive).channels.values().filter(|c| c.expires > now).cloned().collect()
    }

    /// Lets a channel end at a time.
    pub fn expire(&self, id: &str, at: DateTime<Utc>) {
        let mut drive = lock(&self.drive);
        drive.channels.get_mut(id).unwrap_or_else(|| panic!("no channel {id}")).expires = at;
    }

    /// The next message of each open channel: `sync` when it is its first, else `change`. Numbers grow,
    /// not always by one. With each, where it is to be sent.
    pub fn messages(&self) -> Vec<(String, Delivery)> {
        let now = Utc::now();
        let mut drive = lock(&self.drive);
        let open = drive.channels.values_mut().filter(|channel| channel.expires > now);
        open.map(|channel| {
            let state = if channel.messages == 0 { "sync" } else { "change" };
            channel.messages += if channel.messages % 5 == 4 { 3 } else { 1 };
            (channel.address.clone(), message(channel, state))
        })
        .collect()
    }
}

/// A channel's message: all in the headers, the body is empty.
pub fn message(channel: &Channel, state: &str) -> Delivery {
    let mut delivery = Delivery::default()
        .with("x-goog-channel-id", &channel.id)
        .with("x-goog-message-number", channel.messages.to_string())
        .with("x-goog-resource-id", &channel.resource)
        .with("x-goog-resource-state", state)
        .with("x-goog-resource-uri", "https://www.googleapis.com/drive/v3/changes?alt=json")
        .with(
            "x-goog-channel-expiration",
            channel.expires.format("%a, %d %b %Y %H:%M:%S GMT").to_string(),
        );
    if !channel.token.is_empty() {
        delivery = delivery.with("x-goog-channel-token", &channel.token);
    }
    delivery
}
