//! Slack: incoming webhooks and the part of the Web API that posts messages.
//!
//! - Incoming webhooks: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/>
//! - `chat.postMessage`: <https://docs.slack.dev/reference/methods/chat.postMessage/>
//! - Rate limits: <https://docs.slack.dev/apis/web-api/rate-limits/>: about one message a second per
//!   channel. Slack tolerates short bursts; the stand-in counts them and refuses only when told to.

use std::io;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Json, Router};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::service::{Service, lock};

/// The stand-in.
pub struct Slack {
    /// Its server.
    pub service: Service,
    desk: Arc<Mutex<Desk>>,
}

#[derive(Debug, Default)]
struct Desk {
    messages: Vec<Message>,
    strict: bool,
}

/// A message that is in a channel.
#[derive(Debug, Clone, Serialize)]
pub struct Message {
    /// When it came.
    pub at: DateTime<Utc>,
    /// The channel: its name, or the path of the webhook.
    pub channel: String,
    /// The text, which notifications show.
    pub text: String,
    /// The whole message.
    pub body: Value,
}

impl Slack {
    pub(crate) fn start(runtime: &Handle) -> io::Result<Self> {
        let desk = Arc::new(Mutex::new(Desk::default()));
        let routes = Router::new()
            .route("/services/{team}/{bot}/{key}", post(incoming))
            .route("/api/chat.postMessage", post(post_message))
            .route("/api/auth.test", post(auth_test).get(auth_test))
            .with_state(Arc::clone(&desk));
        Ok(Self { service: Service::start(runtime, routes)?, desk })
    }

    /// A new incoming webhook's address, which is its secret.
    pub fn webhook(&self) -> String {
        format!("{}/services/T0001/B0001/{}", self.service.url(), Uuid::new_v4().simple())
    }

    /// Refuses a second message of a channel within a second, with 429.
    pub fn strict(&self) {
        lock(&self.desk).strict = true;
    }

    /// Every message, in the order of arrival.
    pub fn messages(&self) -> Vec<Message> {
        lock(&self.desk).messages.clone()
    }

    /// How many messages came less than a second after the one before them in their channel.
    pub fn too_fast(&self) -> usize {
        let messages = self.messages();
        let before = |n: usize| {
            let earlier = messages[..n].iter().rev();
            earlier
                .clone()
                .find(|m| m.channel == messages[n].channel)
                .map(|m| messages[n].at - m.at)
        };
        (0..messages.len())
            .filter(|n| before(*n).is_some_and(|d| d < TimeDelta::seconds(1)))
            .count()
    }
}

impl Desk {
    fn take(&mut self, channel: String, body: Value) -> bool {
        let at = Utc::now();
        let last = self.messages.iter().rev().find(|m| m.channel == channel);
        if self.strict && last.is_some_and(|m| at - m.at < TimeDelta::seconds(1)) {
            return false;
        }
        let text = body["text"].as_str().unwrap_or_default().to_owned();
        self.messages.push(Message { at, channel, text, body });
        true
    }
}

fn slow_down() -> Response {
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "1")], "rate_limited").into_response()
}

async fn incoming(
    State(desk): State<Arc<Mutex<Desk>>>,
    Path((team, bot, key)): Path<(String, String, String)>,
    body: bytes::Bytes,
) -> Response {
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return (StatusCode::BAD_REQUEST, "invalid_payload").into_response();
    };
    let empty = |field: &str| body[field].as_str().is_none_or(str::is_empty);
    if empty("text") && body["blocks"].is_null() && body["attachments"].is_null() {
        return (StatusCode::BAD_REQUEST, "no_text").into_response();
    }
    if lock(&desk).take(format!("/services/{team}/{bot}/{key}"), body) {
        return "ok".into_response();
    }
    slow_down()
}

/// Slack answers 200 also to what it refuses.
fn refused(error: &str) -> Response {
    Json(json!({ "ok": false, "error": error })).into_response()
}

fn has_token(headers: &HeaderMap) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.starts_with("Bearer xoxb-"))
}

async fn post_message(
    State(desk): State<Arc<Mutex<Desk>>>,
    headers: HeaderMap,
    body: bytes::Bytes,
) -> Response {
    if !has_token(&headers) {
        return refused("invalid_auth");
    }
    let Ok(body) = serde_json::from_slice::<Value>(&body) else { return refused("invalid_json") };
    let Some(channel) = body["channel"].as_str().map(str::to_owned).filter(|c| !c.is_empty())
    else {
        return refused("channel_not_found");
    };
    if body["text"].as_str().is_none_or(str::is_empty) && body["blocks"].is_null() {
        return refused("no_text");
    }
    let message = body.clone();
    if !lock(&desk).take(channel.clone(), body) {
        return slow_down();
    }
    let ts = format!("{}.000100", Utc::now().timestamp());
    Json(json!({ "ok": true, "channel": channel, "ts": ts, "message": message })).into_response()
}

async fn auth_test(headers: HeaderMap) -> Response {
    if !has_token(&headers) {
        return refused("invalid_auth");
    }
    Json(json!({ "ok": true, "url": "https://team.slack.com/", "team": "team", "user": "sbh",
                 "team_id": "T0001", "user_id": "U0001", "bot_id": "B0001" }))
    .into_response()
}
