//! The list of changes: each file once, at its newest change.

use std::collections::HashMap;

use axum::Json;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::{Shared, error, files};
use crate::service::lock;

pub(super) async fn start(drive: Shared) -> Json<Value> {
    let next = lock(&drive).log.len().to_string();
    Json(json!({ "kind": "drive#startPageToken", "startPageToken": next }))
}

pub(super) async fn list(drive: Shared, query: Query<HashMap<String, String>>) -> Response {
    let drive = lock(&drive);
    let token = query.get("pageToken").and_then(|token| token.parse::<usize>().ok());
    let Some(start) = token.filter(|at| (drive.oldest..=drive.log.len()).contains(at)) else {
        return error(StatusCode::BAD_REQUEST, "invalid", "Invalid Value");
    };
    let count =
        query.get("pageSize").and_then(|n| n.parse().ok()).unwrap_or(100usize).clamp(1, 1_000);
    let mut changes = Vec::new();
    let mut at = start;
    while at < drive.log.len() && changes.len() < count {
        let id = &drive.log[at];
        at += 1;
        if drive.log[at..].contains(id) {
            continue;
        }
        let file = &drive.files[id];
        let mut change = json!({
            "kind": "drive#change",
            "changeType": "file",
            "type": "file",
            "time": file.modified.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            "removed": file.gone,
            "fileId": id,
        });
        if !file.gone {
            change["file"] = files::json(file, query.get("fields"));
        }
        changes.push(change);
    }
    let mut answer = json!({ "kind": "drive#changeList", "changes": changes });
    let name = if at < drive.log.len() { "nextPageToken" } else { "newStartPageToken" };
    answer[name] = json!(at.to_string());
    Json(answer).into_response()
}
