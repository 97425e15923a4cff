//! The App: itself, its installation's tokens, and who a token is.

use axum::Json;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{APP, INSTALLATION, Shared, error};
use crate::service::lock;

pub(super) async fn access_token(host: Shared, Path(id): Path<u64>) -> Response {
    if id != INSTALLATION {
        return error(StatusCode::NOT_FOUND, "Not Found");
    }
    let token = format!("ghs_{}", Uuid::new_v4().simple());
    lock(&host).tokens.insert(token.clone());
    let expires = (Utc::now() + TimeDelta::hours(1)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let body = json!({ "token": token, "expires_at": expires, "repository_selection": "all",
                       "permissions": { "checks": "write", "contents": "read", "metadata": "read" } });
    (StatusCode::CREATED, Json(body)).into_response()
}

pub(super) async fn app() -> Json<Value> {
    Json(json!({ "id": APP, "slug": "sbh", "name": "SBH", "events": ["push", "pull_request"] }))
}

pub(super) async fn repositories() -> Json<Value> {
    Json(json!({ "total_count": 1, "repository_selection": "all",
                 "repositories": [{ "id": 1, "full_name": "acme/specs" }] }))
}

pub(super) async fn user() -> Json<Value> {
    Json(json!({ "login": "sbh", "id": 1, "type": "User" }))
}
