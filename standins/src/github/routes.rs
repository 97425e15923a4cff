//! The paths.

use std::sync::{Arc, Mutex};

use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};

use super::{Host, Shared, apps, checks, deliveries, error, needs_a_token, needs_the_app};
use crate::service::lock;

pub(super) fn all(host: Arc<Mutex<Host>>) -> Router {
    let repositories = Router::new()
        .route("/repos/{owner}/{repo}", get(repository))
        .route("/repos/{owner}/{repo}/check-runs", post(checks::create))
        .route("/repos/{owner}/{repo}/check-runs/{id}", patch(checks::update).get(checks::get))
        .route("/repos/{owner}/{repo}/check-runs/{id}/annotations", get(checks::annotations))
        .route("/repos/{owner}/{repo}/commits/{sha}/check-runs", get(checks::list))
        .route("/repos/{owner}/{repo}/pulls/{number}", get(pull))
        .route("/repos/{owner}/{repo}/hooks/{hook}/deliveries", get(deliveries::list))
        .route("/repos/{owner}/{repo}/hooks/{hook}/deliveries/{id}", get(deliveries::get))
        .route(
            "/repos/{owner}/{repo}/hooks/{hook}/deliveries/{id}/attempts",
            post(deliveries::again),
        )
        .route("/orgs/{owner}/hooks/{hook}/deliveries", get(deliveries::list))
        .route("/orgs/{owner}/hooks/{hook}/deliveries/{id}", get(deliveries::get))
        .route("/installation/repositories", get(apps::repositories))
        .route("/user", get(apps::user))
        .layer(middleware::from_fn_with_state(Arc::clone(&host), needs_a_token));
    let app = Router::new()
        .route("/app", get(apps::app))
        .route("/app/installations/{id}/access_tokens", post(apps::access_token))
        .route("/app/hook/deliveries", get(deliveries::list))
        .route("/app/hook/deliveries/{id}", get(deliveries::get))
        .route("/app/hook/deliveries/{id}/attempts", post(deliveries::again))
        .layer(middleware::from_fn(needs_the_app));
    repositories.merge(app).with_state(host)
}

async fn repository(Path((owner, repo)): Path<(String, String)>) -> Json<Value> {
    Json(json!({ "id": 1, "name": repo, "full_name": format!("{owner}/{repo}"),
                 "private": true, "default_branch": "main" }))
}

async fn pull(host: Shared, Path((owner, repo, number)): Path<(String, String, u64)>) -> Response {
    match lock(&host).pulls.get(&(format!("{owner}/{repo}"), number)) {
        Some(pull) => Json(pull.clone()).into_response(),
        None => error(StatusCode::NOT_FOUND, "Not Found"),
    }
}
